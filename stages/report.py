"""reports/: one page to look at, and its pictures."""

import csv
import json
from pathlib import Path

from frill import params
from frill.report import page, plots
from frill.stage import stage

with stage("report"):
    settings = params.load()
    frontier = json.loads(Path("results/frontier.json").read_text())
    names = [model["name"] for model in frontier["students"] + frontier["references"]]
    noss = {name: json.loads(Path(f"results/noss/{name}.json").read_text()) for name in names}
    curves = {name: list(csv.DictReader(Path(f"models/students/{name}/curve.csv").open())) for name in settings.students}
    folder = Path("reports")
    folder.mkdir(exist_ok=True)
    plots.plot_frontier(frontier, folder)
    plots.plot_curves(curves, folder)
    page.write_page(frontier, noss, folder)
    print(f"report: {folder / 'index.html'}")
