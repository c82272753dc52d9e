"""Brings a store to what the artefacts say, writing what differs and nothing else. One writer, one run after another: more lose runs on sqlite."""

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from frill.tracking.runs import Run, frontier_note
from frill.tracking.store import KEY, PARENT, STATE, Held, HeldRun, client

BATCH = 1000  # metrics MLflow takes at once
KIND = {
    "mlflow.experimentKind": "custom_model_development"
}  # else its page opens as one for chat models


@dataclass(frozen=True)
class Plan:
    """`new` runs; `metrics` and `tags` to set on runs that are there, by their id."""

    new: list[Run]
    metrics: dict[str, dict[str, float]]
    tags: dict[str, dict[str, str]]

    @property
    def empty(self) -> bool:
        return not (self.new or self.metrics or self.tags)


def plan(runs: list[Run], parent: Run, held: Held) -> Plan:
    """What is missing, outdated or to be marked. A run is `current`, `superseded` (its name has other results now) or `removed` (nothing has its name)."""
    wanted = {run.key: run for run in [*runs, parent]}
    names = {run.name for run in runs}
    parent_held = held.runs.get(parent.key)
    metrics, tags = {}, {}
    for key, run in held.runs.items():
        now = wanted.get(key)
        is_parent = run.tags.get("kind") == "frontier"
        marks = {
            STATE: "current"
            if now
            else "superseded"
            if is_parent or run.name in names
            else "removed"
        }
        if now and not is_parent and parent_held:
            marks[PARENT] = parent_held.run_id
        if changed := {tag: value for tag, value in marks.items() if run.tags.get(tag) != value}:
            tags[run.run_id] = changed
        if now and (
            moved := {
                name: value for name, value in now.moving.items() if run.metrics.get(name) != value
            }
        ):
            metrics[run.run_id] = moved
    return Plan([run for run in wanted.values() if run.key not in held.runs], metrics, tags)


def write(
    runs: list[Run], parent: Run, frontier: dict, held: Held, uri: str, experiment: str, commit: str
) -> dict[str, str]:
    """Carries out the plan; name -> id of every model's run. Raises Away or UserError; what was written until then stays and is not written again."""
    with client(uri) as (_, api):
        found = api.get_experiment_by_name(experiment)
        folder = found.experiment_id if found else api.create_experiment(experiment, tags=KIND)
        todo = plan(runs, parent, held)
        for run in todo.new:
            if run is not parent:
                held.runs[run.key] = _log(api, folder, run, commit)
        ids = {run.name: held.runs[run.key].run_id for run in runs}
        if parent in todo.new:
            note = frontier_note(frontier, folder, ids)
            held.runs[parent.key] = _log(
                api, folder, parent, commit, {"mlflow.note.content": note}, members=ids
            )
        todo = plan(runs, parent, held)  # of the marks, now that every run has an id
        for run_id, metrics in todo.metrics.items():
            api.log_batch(run_id, metrics=list(_points(metrics)))
        for run_id, tags in todo.tags.items():
            for tag, value in tags.items():
                api.set_tag(run_id, tag, value)
    return ids


def _log(
    api,
    folder: str,
    run: Run,
    commit: str,
    tags: dict | None = None,
    members: dict[str, str] | None = None,
) -> HeldRun:
    from mlflow.entities import Param

    tags = run.tags | {"git_commit": commit, STATE: "current"} | (tags or {})
    run_id = api.create_run(folder, run_name=run.name, tags=tags).info.run_id
    points = [
        point
        for row in run.curve
        for point in _points(
            {key: value for key, value in row.items() if key != "step"}, int(row["step"])
        )
    ]
    points += _points(run.metrics | run.moving)
    api.log_batch(run_id, params=[Param(key, str(value)) for key, value in run.params.items()])
    for start in range(0, len(points), BATCH):
        api.log_batch(run_id, metrics=points[start : start + BATCH])
    for path in run.artifacts:
        api.log_artifact(run_id, str(path))
    if members is not None:
        api.log_text(run_id, json.dumps(members, indent=1) + "\n", "members.json")
    api.set_tag(run_id, KEY, run.key)  # last: a run that was cut off does not count as logged
    api.set_terminated(run_id)
    return HeldRun(run_id, run.name, tags | {KEY: run.key}, dict(run.moving))


def _points(metrics: dict[str, float], step: int = 0) -> Iterator:
    from mlflow.entities import Metric

    now_ms = int(time.time() * 1000)
    return (Metric(key, value, now_ms, step) for key, value in metrics.items())


def commit_of(folder: Path) -> str:
    """HEAD of the repository; `none` outside one."""
    return (
        subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True
        ).stdout.strip()
        or "none"
    )
