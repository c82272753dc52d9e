"""reports/: one page to look at, its pictures as PNG and SVG, and what `dvc plots` and `dvc metrics` show."""

import csv
import json
from pathlib import Path

from frill.params.load import load_params
from frill.report import charts, dvc_files, page
from frill.workflow.stage import stage

with stage("report"):
    settings = load_params()
    frontier = json.loads(Path("results/frontier.json").read_text())
    names = [model["name"] for model in frontier["students"] + frontier["references"]]
    noss = {name: json.loads(Path(f"results/noss/{name}.json").read_text()) for name in names}
    curves = {
        name: list(csv.DictReader(Path(f"models/students/{name}/curve.csv").open()))
        for name in settings.students
    }
    devices = json.loads(Path("results/devices.json").read_text())
    elsewhere = {
        device: found["latency_ms"]
        for device, found in devices.items()
        if device != frontier["device"]
    }
    folder = Path("reports")
    folder.mkdir(exist_ok=True)
    drawn = charts.draw_all(frontier, curves, elsewhere)
    charts.write(drawn, folder)
    dvc_files.write(frontier, curves, folder)
    page.write_page(frontier, noss, drawn, devices, folder / "index.html")
    print(f"report: {folder / 'index.html'}")
