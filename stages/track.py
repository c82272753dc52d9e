"""Logs every model to MLflow. Always runs; writes what the store does not have, from the artefacts, so it is complete after `dvc pull` too."""

import csv
import json
from pathlib import Path

from frill.frontier import other_devices
from frill.params.load import load_params
from frill.tracking import runs, store, sync
from frill.workflow.stage import stage


def read_json(path: str) -> dict:
    return json.loads(Path(path).read_text())


with stage("track"):
    settings = load_params()
    uri, experiment = settings.tracking.uri, settings.tracking.experiment
    frontier = read_json("results/frontier.json")
    names = [model["name"] for model in frontier["students"] + frontier["references"]]
    curves = {
        name: [
            {key: float(value) for key, value in row.items()}
            for row in csv.DictReader(Path(f"models/students/{name}/curve.csv").open())
        ]
        for name in settings.students
    }
    devices = other_devices.devices(frontier)
    Path("results/devices.json").write_text(
        json.dumps(devices, indent=1) + "\n"
    )  # for the report, which waits for no phone
    for line in other_devices.other_machines(devices):
        print(f"track: {line}")
    measured = {name: Path(f"results/latency/{frontier['device']}/{name}.json") for name in names}
    ratios = {name: read_json(path)["ratio"] for name, path in measured.items() if path.exists()}
    noss = {name: read_json(f"results/noss/{name}.json") for name in names}
    models = runs.make_model_runs(
        frontier,
        noss,
        curves,
        settings.distill.model_dump(),
        ratios,
        other_devices.latencies_ms(frontier),
    )
    parent = runs.make_frontier_run(frontier, Path("results/frontier.json"))
    selected = frontier["selected"]
    champion = read_json(f"models/tflite/{selected}/summary.json")["sha256"] if selected else None
    try:
        stored = store.read(uri, experiment)
        todo = sync.plan(models, parent, stored)
        promoted = champion is not None and champion != stored.champion
        if promoted or not todo.empty:
            ids = sync.write(
                models, parent, frontier, stored, uri, experiment, sync.read_commit(Path.cwd())
            )
        print(
            f"track: {len(todo.new)} runs written, {len(models) + 1 - len(todo.new)} were there, {len(todo.metrics | todo.tags)} brought up to date"
        )
        if promoted:
            from frill.tracking import registry

            version = registry.promote(
                Path(f"models/tflite/{selected}/model.tflite"),
                champion,
                ids[selected],
                uri,
                experiment,
            )
            print(f"track: {selected} is models:/{experiment}@{store.ALIAS}, version {version}")
    except store.StoreUnavailable as error:
        print(
            f"track: {uri} is away ({error}); nothing is lost, the next `dvc repro` or `dvc repro track/dvc.yaml` writes what is missing there"
        )
