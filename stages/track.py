"""Logs every model to MLflow. Always runs, and writes what the store does not have.

It reads the artefacts, so the store is complete after `dvc pull` too.
"""

import json
from pathlib import Path

from frill.frontier import other_devices
from frill.frontier.latency import read_timings
from frill.frontier.results import read_frontier
from frill.noss.results import read_scores
from frill.params.load import load_params
from frill.students.curve import read_curve
from frill.tracking import runs, sync
from frill.workflow.stage import stage

with stage("track"):
    settings = load_params()
    frontier = read_frontier(Path("results/frontier.json"))
    names = [model.name for model in frontier.models]
    # For the report, which waits for no phone.
    devices = other_devices.read_devices(frontier)
    Path("results/devices.json").write_text(json.dumps(devices, indent=1) + "\n")
    for line in other_devices.describe_other_machines(devices):
        print(f"track: {line}")
    folders = {name: Path("models/students", name) for name in settings.students}
    timings = read_timings(Path("results/latency", frontier.device), names)
    models = runs.make_model_runs(
        frontier,
        noss={name: read_scores(Path(f"results/noss/{name}.json")) for name in names},
        curves={name: read_curve(folder, float) for name, folder in folders.items()},
        training=settings.distill.model_dump(),
        ratios={name: timing.ratio for name, timing in timings.items()},
        other_devices=other_devices.read_latencies_ms(frontier),
    )
    parent = runs.make_frontier_run(frontier, Path("results/frontier.json"))
    uri, experiment = settings.tracking.uri, settings.tracking.experiment
    for line in sync.update_store(models, parent, frontier, uri, experiment):
        print(f"track: {line}")
