"""Logs every model to MLflow. Always runs, and writes what the store does not have.

It reads the artefacts, so the store is complete after `dvc pull` too.
"""

import json
from functools import partial
from pathlib import Path

from frill.frontier import other_devices
from frill.frontier.latency import read_timings
from frill.frontier.results import read_frontier
from frill.noss.results import read_scores
from frill.params.load import load_params
from frill.students.curve import read_curve
from frill.tracking import runs, sync
from frill.tracking.datasets import read_sets
from frill.tracking.store import find_target
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
    files = {}
    for name in settings.students:
        folder = Path("models/tflite", name)
        sha256 = json.loads((folder / "summary.json").read_text())["sha256"]
        files[name] = {"file": str(folder / "model.tflite"), "file_sha256": sha256}
    models = runs.make_model_runs(
        frontier,
        noss={name: read_scores(Path(f"results/noss/{name}.json")) for name in names},
        curves={name: read_curve(folder, float) for name, folder in folders.items()},
        training=settings.distill.model_dump(),
        ratios={name: timing.ratio for name, timing in timings.items()},
        other_devices=other_devices.read_latencies_ms(frontier),
        timed=other_devices.name_metrics(devices, frontier.device),
        files=files,
    )
    results = sync.Results(
        models,
        runs.make_frontier_run(frontier, Path("results/frontier.json")),
        frontier,
        partial(read_sets, settings.audio),
        settings.distill.bottleneck,
    )
    for line in sync.update_store(results, find_target(settings.tracking)):
        print(f"track: {line}")
