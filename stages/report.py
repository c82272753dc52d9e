"""reports/: a page to look at, and its pictures as PNG and SVG."""

import json
from pathlib import Path

from frill.frontier.results import read_frontier
from frill.noss.results import read_scores
from frill.params.load import load_params
from frill.report import charts, page
from frill.students.curve import read_curve
from frill.workflow.stage import stage

with stage("report"):
    frontier = read_frontier(Path("results/frontier.json"))
    names = [model.name for model in frontier.models]
    noss = {name: read_scores(Path(f"results/noss/{name}.json")) for name in names}
    students = load_params().students
    curves = {name: read_curve(Path("models/students", name)) for name in students}
    devices = json.loads(Path("results/devices.json").read_text())
    other_devices = {name: device["latency_ms"] for name, device in devices.items()}
    other_devices.pop(frontier.device, None)
    folder = Path("reports")
    folder.mkdir(exist_ok=True)
    pictures = charts.draw_all(frontier, curves, other_devices)
    charts.write(pictures, folder)
    page.write_page(frontier, noss, pictures, devices, folder / "index.html")
    print(f"report: {folder / 'index.html'}")
