"""Brings a store to what the artefacts say: writes what differs and nothing else.

One writer logs one run after another: several at once lose runs on sqlite.
"""

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from frill.frontier.results import Frontier
from frill.tracking import store
from frill.tracking.runs import Run, write_frontier_note
from frill.tracking.store import StoredRun, StoredRuns, connect
from frill.tracking.tags import ALIAS, KEY, PARENT, STATE

BATCH = 1000  # metrics MLflow takes at once
# Else MLflow's page opens as one for chat models.
KIND = {"mlflow.experimentKind": "custom_model_development"}


@dataclass(frozen=True)
class Plan:
    """`new` runs; `metrics` and `tags` to set on runs that are there, by their id."""

    new: list[Run]
    metrics: dict[str, dict[str, float]]
    tags: dict[str, dict[str, str]]

    @property
    def empty(self) -> bool:
        return not (self.new or self.metrics or self.tags)


def update_store(
    models: list[Run], parent: Run, frontier: Frontier, uri: str, experiment: str
) -> Iterator[str]:
    """Update the store of a typed results/frontier.json, and yield what was done, line by line.

    A store that is away is a line too.
    """
    selected = frontier.selected
    champion = None
    if selected:
        folder = Path("models/tflite", selected)
        champion = json.loads((folder / "summary.json").read_text())["sha256"]
    try:
        stored = store.read(uri, experiment)
        todo = plan(models, parent, stored)
        is_new_champion = champion is not None and champion != stored.champion
        if is_new_champion or not todo.empty:
            commit = read_commit(Path.cwd())
            ids = write(models, parent, frontier, stored, uri, experiment, commit)
        present = len(models) + 1 - len(todo.new)
        updated = len(todo.metrics | todo.tags)
        yield f"{len(todo.new)} runs written, {present} were there, {updated} brought up to date"
        if is_new_champion:
            from frill.tracking import registry

            model = folder / "model.tflite"
            version = registry.promote(model, champion, ids[selected], uri, experiment)
            yield f"{selected} is models:/{experiment}@{ALIAS}, version {version}"
    except store.StoreUnavailable as error:
        yield (
            f"{uri} is away ({error}); nothing is lost, the next `dvc repro` or "
            "`dvc repro track/dvc.yaml` writes what is missing there"
        )


def plan(runs: list[Run], parent: Run, stored: StoredRuns) -> Plan:
    """Return what is missing, outdated or to be marked.

    A stored run is `current`, `superseded` (its name has other results now) or `removed` (nothing
    has its name).
    """
    wanted = {run.key: run for run in [*runs, parent]}
    names = {run.name for run in runs}
    stored_parent = stored.runs.get(parent.key)
    metrics = {}
    tags = {}
    for key, run in stored.runs.items():
        match = wanted.get(key)
        is_parent = run.tags.get("kind") == "frontier"
        marks = {STATE: "removed"}
        if match:
            marks[STATE] = "current"
        elif is_parent or run.name in names:
            marks[STATE] = "superseded"
        if match and not is_parent and stored_parent:
            marks[PARENT] = stored_parent.run_id
        if changed := _select_changed(marks, run.tags):
            tags[run.run_id] = changed
        if match and (changed := _select_changed(match.moving, run.metrics)):
            metrics[run.run_id] = changed
    new = [run for key, run in wanted.items() if key not in stored.runs]
    return Plan(new, metrics, tags)


def _select_changed(wanted: dict, present: dict) -> dict:
    return {name: value for name, value in wanted.items() if present.get(name) != value}


def write(
    runs: list[Run],
    parent: Run,
    frontier: Frontier,
    stored: StoredRuns,
    uri: str,
    experiment: str,
    commit: str,
) -> dict[str, str]:
    """Carry out the plan and return the id of every model's run by its name.

    Raises StoreUnavailable or UserError. What was written until then stays and is not written
    again.
    """
    with connect(uri) as (_, api):
        match = api.get_experiment_by_name(experiment)
        if match:
            experiment_id = match.experiment_id
        else:
            experiment_id = api.create_experiment(experiment, tags=KIND)
        new = plan(runs, parent, stored).new
        for run in new:
            if run is not parent:
                stored.runs[run.key] = _log(api, experiment_id, run, commit)
        ids = {run.name: stored.runs[run.key].run_id for run in runs}
        if parent in new:
            note = {"mlflow.note.content": write_frontier_note(frontier, experiment_id, ids)}
            stored.runs[parent.key] = _log(api, experiment_id, parent, commit, note, ids)
        marks = plan(runs, parent, stored)  # now that every run has an id
        for run_id, metrics in marks.metrics.items():
            api.log_batch(run_id, metrics=_make_metrics(metrics))
        for run_id, tags in marks.tags.items():
            for tag, value in tags.items():
                api.set_tag(run_id, tag, value)
    return ids


def _log(
    api,
    experiment_id: str,
    run: Run,
    commit: str,
    more_tags: dict | None = None,
    members: dict[str, str] | None = None,
) -> StoredRun:
    from mlflow.entities import Param

    tags = run.tags | {"git_commit": commit, STATE: "current"} | (more_tags or {})
    run_id = api.create_run(experiment_id, run_name=run.name, tags=tags).info.run_id
    metrics = []
    for row in run.curve:
        values = {key: value for key, value in row.items() if key != "step"}
        metrics += _make_metrics(values, int(row["step"]))
    metrics += _make_metrics(run.metrics | run.moving)
    api.log_batch(run_id, params=[Param(key, str(value)) for key, value in run.params.items()])
    for start in range(0, len(metrics), BATCH):
        api.log_batch(run_id, metrics=metrics[start : start + BATCH])
    for path in run.artifacts:
        api.log_artifact(run_id, str(path))
    if members is not None:
        api.log_text(run_id, json.dumps(members, indent=1) + "\n", "members.json")
    api.set_tag(run_id, KEY, run.key)  # last: a run that was cut off does not count as logged
    api.set_terminated(run_id)
    return StoredRun(run_id, run.name, tags | {KEY: run.key}, dict(run.moving))


def _make_metrics(values: dict[str, float], step: int = 0) -> list:
    from mlflow.entities import Metric

    now_ms = int(time.time() * 1000)
    return [Metric(key, value, now_ms, step) for key, value in values.items()]


def read_commit(folder: Path) -> str:
    """Return HEAD of the repository; `none` outside one."""
    command = ["git", "rev-parse", "HEAD"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return done.stdout.strip() or "none"
