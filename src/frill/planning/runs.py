"""What earlier runs took, and by them what a stage would take."""

import math
from contextlib import suppress
from pathlib import Path

from ruamel.yaml import YAML

from frill.errors import UserError
from frill.params.load import ParamsError, load_params, validate
from frill.params.schema import Params
from frill.planning.audio import find_sets
from frill.planning.stages import Stage, plan_stages
from frill.workflow import stage, verify

Runs = list[tuple[Stage, float]]  # what a stage had to do, and its seconds


def read_runs(folder: Path) -> Runs:
    """Return the last run of every stage in a project's log; what cannot be read did not run."""
    taken_s = {entry["stage"]: entry["seconds"] for entry in stage.read_log(folder=folder)}
    ran: list[Stage] = []
    with suppress(UserError):
        if taken_s:
            params = read_params(folder)
            ran = list(plan_stages(params, list(find_sets(params.audio))))
    return [(each, taken_s[each.name]) for each in ran if each.name in taken_s]


def read_params(folder: Path) -> Params:
    """Return params.yaml with the values, kept in dvc.lock, that each stage read when it ran.

    What has not run, and all after an older lock, is as now. Raises UserError.
    """
    path = folder / "params.yaml"
    now = load_params(path)
    values = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    for entry in verify.read_lock(folder / "dvc.lock").values():
        for key, value in entry.get("params", {}).get("params.yaml", {}).items():
            *sections, last = key.split(".")  # audio.espeak.speech and the like
            section = values
            for name in sections:
                section = section.setdefault(name, {})
            # Students that came later stay.
            section[last] = values["students"] | value if key == "students" else value
    try:
        return validate(values)
    except ParamsError:
        return now


def estimate(planned: Stage, projects: list[Runs]) -> tuple[float, str]:
    """Return a stage's seconds and what they rest on: the first project's run most alike."""

    def differ(run: tuple[Stage, float]) -> tuple[float, bool]:
        return abs(math.log(run[0].size / planned.size)), run[0].name != planned.name

    for runs in projects:
        alike = [run for run in runs if run[0].kind == planned.kind]
        if alike:
            ran, seconds = min(alike, key=differ)
            is_same = (ran.name, ran.work) == (planned.name, planned.work)
            return seconds * (planned.work / ran.work), "last run" if is_same else "scaled"
    return math.nan, ""
