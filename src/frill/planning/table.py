"""The plan as a table of 120 columns and as JSON, beside what earlier runs really took."""

import json
import os
import textwrap
from dataclasses import asdict
from pathlib import Path

from frill.params import Params
from frill.planning.amount import COMPUTED, MEASURED, PUBLISHED
from frill.planning.audio import Set
from frill.planning.plan import Totals, totals
from frill.planning.rows import Row
from frill.planning.speed import Speeds

COLUMNS = 120
UNKNOWN, NONE = "unknown", "-"
UNITS_S = ((86_400, "days"), (3_600, "h"), (60, "min"), (1, "s"))
UNITS_BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def duration(seconds: float | None) -> str:
    """3 min, 5.2 h, 41 days: two significant digits or more."""
    return _scaled(seconds, UNITS_S)


def size(size_bytes: float | None) -> str:
    """115 MB, 1.8 TB, of 1000 and not 1024."""
    return NONE if size_bytes == 0 else _scaled(size_bytes, UNITS_BYTES)


def _scaled(value: float | None, units: tuple) -> str:
    if value is None:
        return UNKNOWN
    scale, unit = next((each for each in units if value >= each[0]), units[-1])
    number = value / scale
    return f"{number:.1f} {unit}" if number < 10 and unit != "s" else f"{number:,.0f} {unit}"


def last_times(folder: Path = Path()) -> dict[str, float]:
    """Seconds of the last run of each stage in FOLDER/logs/stages.jsonl."""
    path = folder / "logs/stages.jsonl"
    entries = (json.loads(line) for line in path.read_text().splitlines()) if path.exists() else ()
    return {entry["stage"]: entry["seconds"] for entry in entries}


def last(row: Row, logged: dict[str, float]) -> str:
    """What the row's stages took; how many of them, where some have not run."""
    found = [logged[name] for name in row.logged if name in logged]
    if not found:
        return ""
    return duration(sum(found)) + ("" if len(found) == len(row.logged) else f" ({len(found)}/{len(row.logged)})")


def table(rows: list[Row], logged: dict[str, float]) -> str:
    """One line a stage and the totals."""
    lines = [f"{'stage':<39}{'audio':>9}{'clips':>9}{'windows':>14}{'disk':>8}{'time':>11}  {'last':<15}basis"]
    for row in rows:
        nothing = UNKNOWN if row.hears else NONE
        audio = nothing if row.audio_s is None else duration(row.audio_s)
        clips, windows = (nothing if n is None else f"{n:,.0f}" for n in (row.clips, row.windows))
        basis = ", ".join(dict.fromkeys(row.basis))
        lines.append(
            f"{row.stage:<39}{audio:>9}{clips:>9}{windows:>14}{size(row.disk_bytes):>8}{duration(row.time_s):>11}  {last(row, logged):<15}{_short(basis)}"
        )
    whole = totals(rows)
    time, disk = (f"{'>= ' if at_least else ''}{text}" for at_least, text in _totals(whole))
    ran = [logged[name] for row in rows for name in row.logged if name in logged]
    lines.append(f"{'all stages':<39}{'':>9}{'':>9}{'':>14}{disk:>8}{time:>11}  {duration(sum(ran)) if ran else ''}".rstrip())
    return "\n".join(line.rstrip() for line in lines)


def _totals(whole: Totals) -> tuple[tuple[bool, str], tuple[bool, str]]:
    return (whole.time_at_least, duration(whole.time_s)), (whole.disk_at_least, size(whole.disk_bytes))


def _short(basis: str) -> str:
    return basis.replace(MEASURED, "meas.").replace(COMPUTED, "comp.").replace(PUBLISHED, "publ.")


def notes(rows: list[Row], fast: list[Row], every: list[Set], params: Params, speeds: Speeds) -> list[str]:
    """What the numbers rest on, a sentence a line. `fast`: the same plan without the model card's protocol."""
    whole = totals(rows)
    at_least = " at least" if whole.disk_at_least else ""
    threads, own = params.threads, os.cpu_count() or 1
    lines = [
        f"Disk: {size(whole.peak_bytes)}{at_least} at the peak, with the checkpoints of the training that needs most. "
        f"Where the file system cannot link, DVC's cache takes {size(whole.cache_bytes)} more. Sources of audio and the environment are not in it.",
        f"meas.: from speeds measured here in {speeds.took_s:.0f} s on {min(threads, own)} cores"
        + (f" (params.yaml: {threads} threads, this machine has {own})" if threads > own else "")
        + "; comp.: arithmetic from params.yaml; publ.: published figures, nothing was counted.",
    ]
    if speeds.busy > 0.5:
        lines.append(f"This machine was busy (load {speeds.busy:.1f} a core): on a quiet one everything is faster. Run `frill plan` again then.")
    if speeds.trainings:
        measured = ", ".join(f"{name} {1e3 * step.step_s:.0f} ms" for name, step in speeds.trainings.items())
        batch = next(iter(speeds.trainings.values())).batch
        lines.append(f"Training steps of {batch} windows: {measured}; other students between these by multiply-adds and activations, within a fifth.")
    lines += [f"Teacher: {speeds.teacher_note}."] if speeds.teacher_note else []
    if "frill" in params.noss.protocol:
        saved_s = whole.time_s - totals(fast).time_s
        lines.append(
            f"The model card's protocol takes {duration(saved_s)} of the evaluation (noss.protocol: [fast] leaves it out); when its regressions converge "
            "depends on the data: a factor of two either way."
        )
    if phones := [name for name, device in params.devices.items() if device.kind == "adb"]:
        lines.append(f"{', '.join(phones)}: by its settings alone; a phone that has to cool down takes longer.")
    if unset := sorted(each.name for each in every if each.kind == "folder" and "$" in each.spec.folder + each.spec.csv):
        lines.append(f"Not on this disk, as the names for them are not set: {', '.join(unset)}.")
    if unknown := [each.name for each in every if each.amount is None]:
        lines.append(f"Unknown amounts of audio: {', '.join(unknown)}.")
    return [wrapped for line in lines for wrapped in textwrap.wrap(line, COLUMNS, subsequent_indent="  ")]


def as_json(rows: list[Row], params: Params, speeds: Speeds, logged: dict[str, float]) -> dict:
    """Everything that the table shows, unrounded; units are in the keys."""
    stages = [{key: value for key, value in asdict(row).items() if key != "logged"} for row in rows]
    for row, stage in zip(rows, stages, strict=True):
        stage["last_s"] = {name: logged[name] for name in row.logged if name in logged}
    measured = {key: value for key, value in asdict(speeds).items() if key not in ("trainings", "invocations")}
    measured["training_step_s"] = {name: step.step_s for name, step in speeds.trainings.items()}
    measured["invocation_s"] = {name: seconds for name, (_, seconds) in speeds.invocations.items()}
    return {"schema": 1, "stages": stages, "totals": asdict(totals(rows)), "measured": measured, "threads": params.threads}
