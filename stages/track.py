"""Logs every model to MLflow. Always runs, and writes what the store does not have.

It reads the artefacts, so the store is complete after `dvc pull` too.
"""

import csv
import json
from pathlib import Path

from frill.frontier import other_devices
from frill.frontier.latency import read_timings
from frill.frontier.results import read_frontier
from frill.noss.results import read_scores
from frill.params.load import load_params
from frill.tracking import runs, store, sync
from frill.workflow.stage import stage


def read_curve(student: str) -> list[dict]:
    with Path(f"models/students/{student}/curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    points = []
    for row in rows:
        points.append({key: float(value) for key, value in row.items()})
    return points


with stage("track"):
    settings = load_params()
    uri, experiment = settings.tracking.uri, settings.tracking.experiment
    frontier = read_frontier(Path("results/frontier.json"))
    names = [model.name for model in frontier.models]
    # For the report, which waits for no phone.
    devices = other_devices.read_devices(frontier)
    Path("results/devices.json").write_text(json.dumps(devices, indent=1) + "\n")
    for line in other_devices.describe_other_machines(devices):
        print(f"track: {line}")
    timings = read_timings(Path("results/latency", frontier.device), names)
    models = runs.make_model_runs(
        frontier,
        noss={name: read_scores(Path(f"results/noss/{name}.json")) for name in names},
        curves={name: read_curve(name) for name in settings.students},
        training=settings.distill.model_dump(),
        ratios={name: timing.ratio for name, timing in timings.items()},
        other_devices=other_devices.read_latencies_ms(frontier),
    )
    parent = runs.make_frontier_run(frontier, Path("results/frontier.json"))
    selected = frontier.selected
    champion = None
    if selected:
        summary = json.loads(Path(f"models/tflite/{selected}/summary.json").read_text())
        champion = summary["sha256"]
    try:
        stored = store.read(uri, experiment)
        todo = sync.plan(models, parent, stored)
        promoted = champion is not None and champion != stored.champion
        if promoted or not todo.empty:
            commit = sync.read_commit(Path.cwd())
            ids = sync.write(models, parent, frontier, stored, uri, experiment, commit)
        present = len(models) + 1 - len(todo.new)
        updated = len(todo.metrics | todo.tags)
        print(
            f"track: {len(todo.new)} runs written, {present} were there, "
            f"{updated} brought up to date"
        )
        if promoted:
            from frill.tracking import registry

            model = Path(f"models/tflite/{selected}/model.tflite")
            version = registry.promote(model, champion, ids[selected], uri, experiment)
            print(f"track: {selected} is models:/{experiment}@{store.ALIAS}, version {version}")
    except store.StoreUnavailable as error:
        print(
            f"track: {uri} is away ({error}); nothing is lost, the next `dvc repro` or "
            "`dvc repro track/dvc.yaml` writes what is missing there"
        )
