"""Brings a store to what the artefacts say: writes what differs and nothing else.

One writer logs one run after another: several at once lose runs on sqlite.
"""

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from frill.frontier.results import Frontier
from frill.tracking import store
from frill.tracking.datasets import AudioSet
from frill.tracking.logged_models import log_model, make_metrics
from frill.tracking.runs import Run
from frill.tracking.store import StoredRun, StoredRuns, Target, connect
from frill.tracking.tags import ALIAS, EXPERIMENT_NAME, KEY, KIND, MODEL_ID, STATE
from frill.tracking.view import make_experiment_tags

BATCH = 1000  # metrics MLflow takes at once
EXPERIMENT = "experiment"
# Else MLflow's page opens as one for chat models.
EXPERIMENT_KIND = {"mlflow.experimentKind": "custom_model_development"}


@dataclass(frozen=True)
class Results:
    """What a store has to hold.

    `values` are those of a student's embedding. `read_sets` gives the corpora and tasks by name; it
    reads their manifests, and is asked only if something is to be written.
    """

    models: list[Run]
    frontier_run: Run
    frontier: Frontier
    read_sets: Callable[[], dict[str, AudioSet]]
    values: int

    @cached_property
    def sets(self) -> dict[str, AudioSet]:
        return self.read_sets()

    @property
    def runs(self) -> list[Run]:
        return [*self.models, self.frontier_run]


@dataclass(frozen=True)
class Plan:
    """`new` runs; runs without their `models`; `metrics` and `tags` to set on runs by their id."""

    new: list[Run]
    models: list[Run]
    metrics: dict[str, tuple[Run, dict[str, float]]]
    tags: dict[str, dict[str, str]]

    @property
    def empty(self) -> bool:
        return not (self.new or self.models or self.metrics or self.tags)


def update_store(results: Results, target: Target) -> Iterator[str]:
    """Update the store, and yield what was done, line by line.

    A store that is away is a line too. An experiment that DVC keeps apart adds its runs and changes
    nothing else.
    """
    selected = results.frontier.selected
    file = {}
    if not target.dvc_experiment:
        file = next((run.model_tags for run in results.models if run.name == selected), {})
    champion = file.get("file_sha256")
    try:
        with store.lock_file(target.uri):
            stored = store.read(target.uri, target.experiment)
            todo = plan(results.runs, stored, target.dvc_experiment)
            is_new_champion = champion is not None and champion != stored.champion
            if is_new_champion or not todo.empty:
                runs = write(results, stored, target, read_commit(Path.cwd()))
            present = len(results.runs) - len(todo.new)
            updated = len(todo.metrics | todo.tags)
            yield (
                f"{len(todo.new)} runs written, {present} were there, {updated} brought up to date"
            )
            if is_new_champion:
                from frill.tracking import registry

                version = registry.promote(Path(file["file"]), champion, runs[selected], target)
                yield f"{selected} is models:/{target.experiment}@{ALIAS}, version {version}"
    except store.StoreUnavailable as error:
        yield (
            f"{target.uri} is away ({error}); nothing is lost, the next `dvc repro` or "
            "`dvc repro track/dvc.yaml` writes what is missing there"
        )


def plan(runs: list[Run], stored: StoredRuns, dvc_experiment: str | None = None) -> Plan:
    """Return what is missing, outdated or to be marked.

    A stored run is `current`, `superseded` (its name has other results now) or `removed` (nothing
    has its name); one of an experiment stays so until it is applied.
    """
    wanted = {run.key: run for run in runs}
    names = {run.name for run in runs}
    new = [run for key, run in wanted.items() if key not in stored.runs]
    if dvc_experiment:
        return Plan(new, [], {}, {})
    models = []
    metrics = {}
    tags = {}
    for key, run in stored.runs.items():
        match = wanted.get(key)
        state = _find_state(match, run, names)
        if run.tags.get(STATE) != state:
            tags[run.run_id] = {STATE: state}
        if match is None:
            continue
        if match.model_tags is not None and MODEL_ID not in run.tags:
            models.append(match)
        now = match.moving.items()
        changed = {name: value for name, value in now if run.metrics.get(name) != value}
        if changed:
            metrics[run.run_id] = (match, changed)
    return Plan(new, models, metrics, tags)


def _find_state(match: Run | None, run: StoredRun, names: set[str]) -> str:
    if match:
        return "current"
    if run.tags.get(STATE) == EXPERIMENT:
        return EXPERIMENT
    is_known = run.tags.get(KIND) == "frontier" or run.name in names
    return "superseded" if is_known else "removed"


def write(
    results: Results, stored: StoredRuns, target: Target, commit: str
) -> dict[str, StoredRun]:
    """Carry out the plan and return every model's run by its name.

    Raises StoreUnavailable or UserError. What was written until then stays and is not written
    again.
    """
    with connect(target.uri) as (_, api):
        experiment_id = _find_experiment(api, target)
        marks = {STATE: "current", "git_commit": commit}
        if target.dvc_experiment:
            marks |= {STATE: EXPERIMENT, EXPERIMENT_NAME: target.dvc_experiment}
        todo = plan(results.runs, stored, target.dvc_experiment)
        for run in reversed(todo.new):  # the page has the newest on top
            stored.runs[run.key] = _log(api, experiment_id, run, marks, results)
        for run in todo.models:
            stored_run = stored.runs[run.key]
            stored_run.tags[MODEL_ID] = log_model(
                api, experiment_id, stored_run.run_id, run, results.sets, results.values
            )
        for run_id, (run, values) in todo.metrics.items():
            model_id = stored.runs[run.key].tags.get(MODEL_ID)
            api.log_batch(run_id, metrics=make_metrics(run, values, model_id, results.sets))
        for run_id, tags in todo.tags.items():
            for tag, value in tags.items():
                api.set_tag(run_id, tag, value)
        runs = {run.name: stored.runs[run.key] for run in results.models}
        if not target.dvc_experiment:
            _remove_models(api, target.experiment, stored, set(todo.tags))
            ids = {name: run.run_id for name, run in runs.items()}
            tags = make_experiment_tags(results.frontier, experiment_id, ids)
            for tag, value in tags.items():
                api.set_experiment_tag(experiment_id, tag, value)
    return runs


def _find_experiment(api, target: Target) -> str:
    match = api.get_experiment_by_name(target.experiment)
    if match:
        return match.experiment_id
    return api.create_experiment(target.experiment, target.artifact_location, EXPERIMENT_KIND)


def _log(api, experiment_id: str, run: Run, marks: dict[str, str], results: Results) -> StoredRun:
    from mlflow.entities import Metric, Param, RunTag

    now_ms = int(time.time() * 1000)
    tags = run.tags | marks
    run_id = api.create_run(experiment_id, run_name=run.name, tags=tags).info.run_id
    params = [Param(key, str(value)) for key, value in run.params.items()]
    api.log_batch(run_id, params=params)
    curve = []
    for row in run.curve:
        step = int(row["step"])
        curve += [Metric(key, row[key], now_ms, step) for key in row if key != "step"]
    for start in range(0, len(curve), BATCH):
        api.log_batch(run_id, metrics=curve[start : start + BATCH])
    for path in run.artifacts:
        api.log_artifact(run_id, str(path))
    if run.model_tags is None:
        values = run.metrics | run.moving
        api.log_batch(run_id, metrics=make_metrics(run, values, None, results.sets))
    else:
        api.log_inputs(run_id, [each.as_input() for each in results.sets.values()])
        tags[MODEL_ID] = log_model(api, experiment_id, run_id, run, results.sets, results.values)
    # Last: a run that was cut off does not count as logged.
    api.log_batch(run_id, tags=[RunTag(KEY, run.key)])
    api.set_terminated(run_id)
    return StoredRun(run_id, run.name, tags | {KEY: run.key}, dict(run.moving))


def _remove_models(api, experiment: str, stored: StoredRuns, changed: set[str]) -> None:
    """Take models from the Models tab whose runs have just become superseded or removed.

    One that is registered stays: `models:/` leads there.
    """
    gone = []
    for run in stored.runs.values():
        if run.run_id in changed and MODEL_ID in run.tags and run.tags[STATE] == "current":
            gone.append(run)
    if not gone:
        return
    versions = api.search_model_versions(f"name = '{experiment}'")
    registered = {version.run_id for version in versions}
    for run in gone:
        if run.run_id not in registered:
            api.delete_logged_model(run.tags[MODEL_ID])
            api.delete_tag(run.run_id, MODEL_ID)


def read_commit(folder: Path) -> str:
    """Return HEAD of the repository; `none` outside one."""
    command = ["git", "rev-parse", "HEAD"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return done.stdout.strip() or "none"
