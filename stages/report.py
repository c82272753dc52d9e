"""reports/: one page to look at, its pictures as PNG and SVG, and what `dvc plots` and `dvc metrics` show."""

import csv
import json
from pathlib import Path

from frill import params
from frill.report import charts, numbers, page, pictures
from frill.stage import stage

with stage("report"):
    settings = params.load()
    frontier = json.loads(Path("results/frontier.json").read_text())
    names = [model["name"] for model in frontier["students"] + frontier["references"]]
    noss = {name: json.loads(Path(f"results/noss/{name}.json").read_text()) for name in names}
    curves = {name: list(csv.DictReader(Path(f"models/students/{name}/curve.csv").open())) for name in settings.students}
    device = frontier["device"]
    latency = {
        device: {
            "identity": json.loads(Path(f"results/identity/{device}.json").read_text()),
            "models": {model["name"]: model["latency_ms"] for model in frontier["students"] + frontier["references"]},
        }
    }
    folder = Path("reports")
    folder.mkdir(exist_ok=True)
    drawn = charts.all_of(frontier, curves)
    pictures.write(drawn, folder)
    numbers.write(frontier, curves, folder)
    page.write_page(frontier, noss, drawn, latency, folder / "index.html")
    print(f"report: {folder / 'index.html'}")
