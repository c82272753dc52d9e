"""`frill plan`: what a run would take, before it is paid for: audio, windows, disk and time of each stage.

Speeds are measured here for some seconds (speed.py), amounts come from params.yaml, CSVs, headers and published figures (audio.py), the
rest is arithmetic (rows.py, cost.py). What cannot be known is None, and "unknown" in the table; a total that lacks a part says "at least".
"""

import os
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from frill import params as params_file
from frill.errors import UserError
from frill.params import Params, ParamsError
from frill.planning import rows as plan_rows
from frill.planning.audio import Set, sets
from frill.planning.rows import Row
from frill.planning.speed import Speeds


def load(preset: str | None) -> Params:
    """params.yaml, or a preset whose unset $NAMEs stay as they are: what they would name is planned from published figures."""
    if preset is None:
        return params_file.load()
    presets = {path.stem: path for path in sorted(Path("presets").glob("*.yaml"))}
    if preset not in presets:
        raise UserError(f"--preset {preset}: there is none of this name; there are {', '.join(presets) or 'none in presets/'}")
    text = os.path.expandvars(presets[preset].read_text())
    text = re.sub(r"\$\w*SHA256\b", "f" * 64, text)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{preset}.yaml")
        path.write_text(text)
        try:
            return params_file.load(path)
        except ParamsError as error:
            raise ParamsError(str(error).replace(str(path), str(presets[preset]))) from None


def plan(params: Params, speeds: Speeds, audio: Iterable[Set] | None = None) -> list[Row]:
    """Every stage that `dvc repro` would run on an empty project, in order."""
    every = list(sets(params.audio) if audio is None else audio)
    corpora, tasks = ([each.amount for each in every if each.use == use] for use in ("corpus", "task"))
    rows = [plan_rows.download(each, params, speeds) for each in every]
    rows.append(plan_rows.teacher(params, speeds, corpora))
    target_row, target_values, validation_windows = plan_rows.targets(params, speeds, corpora)
    rows.append(target_row)
    rows += plan_rows.distillation(params, speeds, target_values, validation_windows)
    rows += [
        plan_rows.conversion(params, speeds),
        *plan_rows.benchmarks(params, speeds),
        plan_rows.evaluation(params, speeds, tasks),
        plan_rows.references(params, speeds, tasks),
    ]
    if params.baselines:
        names = [f"evaluate_baseline@{name}" for name in params.baselines]
        rows.append(Row(f"evaluate, {len(names)} baselines", *plan_rows.audio_of(tasks), disk_bytes=None, logged=names))
    return [*rows, plan_rows.last_stages(params, speeds)]


@dataclass(frozen=True)
class Totals:
    """Of all rows; `at_least` where a part is unknown. `peak_bytes` is what stays and the largest checkpoints beside it.

    `cache_bytes` are the stages' outputs: what DVC's cache takes again where the file system cannot link.
    """

    time_s: float
    disk_bytes: float
    peak_bytes: float
    cache_bytes: float
    time_at_least: bool
    disk_at_least: bool


def totals(rows: list[Row]) -> Totals:
    disk_bytes = sum(row.disk_bytes or 0 for row in rows)
    peak_bytes = disk_bytes + max(row.transient_bytes for row in rows)
    cache_bytes = sum(row.disk_bytes or 0 for row in rows if not row.scratch)
    time_s = sum(row.time_s or 0 for row in rows)
    return Totals(time_s, disk_bytes, peak_bytes, cache_bytes, any(row.time_s is None for row in rows), any(row.disk_bytes is None for row in rows))
