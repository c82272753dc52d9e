"""Logs every model to MLflow. Always runs; writes what the store does not have, from the artefacts, so it is complete after `dvc pull` too."""

import csv
import json
import subprocess
from pathlib import Path

from frill import elsewhere, params, tracking
from frill.stage import stage

with stage("track"):
    settings = params.load()
    frontier = json.loads(Path("results/frontier.json").read_text())
    names = [model["name"] for model in frontier["students"] + frontier["references"]]
    noss = {name: json.loads(Path(f"results/noss/{name}.json").read_text()) for name in names}
    curves = {
        name: [{key: float(value) for key, value in row.items()} for row in csv.DictReader(Path(f"models/students/{name}/curve.csv").open())]
        for name in settings.students
    }
    Path("results/devices.json").write_text(json.dumps(elsewhere.devices(frontier), indent=1) + "\n")  # for the report, which waits for no phone
    runs = tracking.runs(frontier, noss, curves, settings.distill.model_dump(), elsewhere.latencies_ms(frontier))
    todo = tracking.missing(runs, settings.tracking.uri)
    if todo:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip() or "none"
        tracking.log(todo, settings.tracking.uri, commit)
    print(f"track: {len(todo)} runs written, {len(runs) - len(todo)} were there")
