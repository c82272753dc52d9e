"""`frill plan`, from params.yaml or a preset to the text that it prints."""

import json
import math
import textwrap
from pathlib import Path

from frill.errors import UserError
from frill.params.devices import AdbDevice
from frill.params.schema import Params
from frill.planning.audio import PUBLISHED_BASIS, Set, find_sets
from frill.planning.runs import Runs, estimate, read_runs
from frill.planning.stages import Stage, plan_stages
from frill.progress import progress
from frill.students.cost import cost_student
from frill.workflow import presets

UNITS_S = ((86_400, "days"), (3_600, "h"), (60, "min"), (1, "s"))
UNITS_BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
COLUMNS = "{:<37}{:>8}{:>9}{:>15}{:>8}{:>11}  {}"


def write_plan(preset: str | None, out: Path | None) -> str:
    """Return the text, and write the JSON if asked to. Raises UserError."""
    if out is not None and not out.parent.is_dir():  # found out before anything is counted
        raise UserError(f"--json {out}: no such folder: {out.parent}; make it first")
    params = presets.load(preset)
    sets = list(find_sets(params.audio))
    students = params.students.values()
    for student in progress(students, "counting multiply-adds", len(students), "student"):
        cost_student(params, student)  # is kept
    projects = [read_runs(folder) for folder in list_projects(preset)]
    groups: dict[str, list[Stage]] = {}
    for stage in plan_stages(params, sets):
        groups.setdefault(stage.line, []).append(stage)
    rows = [make_row(line, stages, projects) for line, stages in groups.items()]
    if out is not None:
        text = json.dumps({"schema": 2, "stages": rows}, indent=1)
        out.write_text(text.replace(": NaN", ": null") + "\n")  # JSON has no NaN
    return "\n".join([*lay_out(rows), "", *note(rows, sets), *describe_phones(params)])


def describe_phones(params: Params) -> list[str]:
    """Return a sentence for each phone: how long its students take by the protocol alone."""
    lines = []
    for name, device in params.devices.items():
        if isinstance(device, AdbDevice):
            count = len(params.students)
            all_s = scale(count * device.measures_s, UNITS_S)
            text = (
                f"{name}: {count} students take {all_s} by the protocol, "
                f"{device.measures_s:.0f} s each: {device.processes} pairs of processes of "
                f"{device.warm_up_s + device.min_s:g} s, looks at the phone, the check, memory, "
                "operators, an app's pace. More where a model is slow, the phone warm or a pair "
                "spoilt."
            )
            lines += textwrap.wrap(text, 100)
    return lines


def list_projects(preset: str | None) -> list[Path]:
    """Return the workspaces whose runs tell the time: its own, the project's, other presets'."""
    own = [presets.WORKTREES / preset] if preset else []
    others = sorted(presets.WORKTREES.glob("*"))
    return list(dict.fromkeys([*own, Path(), *others]))


def make_row(line: str, stages: list[Stage], projects: list[Runs]) -> dict:
    """Return the sums over stages that share a line; NaN is unknown."""
    times = [estimate(stage, projects) for stage in stages]
    time_s = sum(seconds for seconds, _ in times)
    bases = [each.basis for each in stages[0].sets]
    if not math.isnan(time_s):
        bases += [basis for _, basis in times]
    return {
        "stage": line if len(stages) == 1 else f"{line} ({len(stages)})",
        "audio_s": sum(each.seconds for each in stages[0].sets),
        "clips": sum(each.clips for each in stages[0].sets),
        "windows": sum(stage.windows for stage in stages),
        "disk_bytes": sum(stage.disk_bytes for stage in stages),
        "transient_bytes": max(stage.transient_bytes for stage in stages),
        "time_s": time_s,
        "basis": ", ".join(dict.fromkeys(filter(None, bases))),
    }


def lay_out(rows: list[dict]) -> list[str]:
    """Return the table's lines, with a last one of all stages."""
    lines = [("stage", "audio", "clips", "windows", "disk", "time", "basis")]
    for row in rows:
        counts = [scale(row["audio_s"], UNITS_S), scale(row["clips"]), scale(row["windows"])]
        disk = scale(row["disk_bytes"], UNITS_BYTES)
        time = scale(row["time_s"], UNITS_S, "not known")
        lines.append((row["stage"], *counts, disk, time, row["basis"]))
    disk = total(rows, "disk_bytes", UNITS_BYTES)
    lines.append(("all stages", "", "", "", disk, total(rows, "time_s", UNITS_S), ""))
    return [COLUMNS.format(*line).rstrip() for line in lines]


def total(rows: list[dict], key: str, units: tuple, more: float = 0.0) -> str:
    """Return the sum of a column as text, with >= before it where a part is unknown."""
    known = [row[key] for row in rows if not math.isnan(row[key])]
    text = scale(sum(known) + more if known else None, units).replace("-", "not known")
    return f">= {text}" if known and len(known) < len(rows) else text


def scale(value: float | None, units: tuple = ((1, ""),), unknown: str = "unknown") -> str:
    """Return 3 min, 5.2 h, 1.8 TB: two significant digits or more, of 1000 and not 1024."""
    if not value:
        return "-"
    if math.isnan(value):
        return unknown
    factor, unit = next((each for each in units if value >= each[0]), units[-1])
    digits = 1 if value / factor < 10 and factor > 1 else 0
    return f"{value / factor:,.{digits}f} {unit}".rstrip()


def note(rows: list[dict], sets: list[Set]) -> list[str]:
    """Return what the numbers rest on, in lines of 100 columns."""
    peak = total(rows, "disk_bytes", UNITS_BYTES, max(row["transient_bytes"] for row in rows))
    notes = [
        f"Disk: {peak} while one trains; up to twice that where DVC's cache cannot link to files.",
        "Time: by logs/stages.jsonl, one by one; scaled: by the work that dvc.lock says was done, "
        "too much where a short run is scaled, as its start is, too. Students with rank or qat are "
        "counted without dense steps that another trains before them.",
    ]
    if timeless := sum(math.isnan(row["time_s"]) for row in rows):
        notes.append(
            f"Not known: the time of {timeless} of {len(rows)} lines, as no such source, teacher "
            "or protocol ran; run `make repro` once."
        )
    if published := [each.name for each in sets if each.basis == PUBLISHED_BASIS]:
        notes.append(
            "Not looked at, amounts as published or estimated after papers: "
            f"{', '.join(published)}."
        )
    if unknown := [each.name for each in sets if math.isnan(each.clips)]:
        notes.append(f"Unknown amounts of audio: {', '.join(unknown)}.")
    return [line for text in notes for line in textwrap.wrap(text, 100)]
