"""`frill plan`, from params.yaml or a preset to the text that it prints."""

import json
from pathlib import Path

from frill.errors import UserError
from frill.planning import plan
from frill.planning import rows as plan_rows
from frill.planning import speed as plan_speed
from frill.planning import table as plan_table
from frill.planning import teacher as plan_teacher
from frill.planning.audio import sets
from frill.presets import WORKTREES


def run(preset: str | None, out: Path | None) -> str:
    """Measures, plans, and writes the JSON if asked to. Raises UserError."""
    if out is not None and not out.parent.is_dir():  # found out before anything is measured
        raise UserError(f"--json {out}: no such folder: {out.parent}; make it first")
    params = plan.load(preset)
    every = list(sets(params.audio))
    head = plan_rows.target_width(params.targets.projection, plan_teacher.values(params.teacher))
    speeds = plan_speed.measure(params, head or plan_rows.GUESSED_VALUES)
    rows = plan.plan(params, speeds, every)
    logged = plan_table.last_times(WORKTREES / preset if preset else Path())
    if out is not None:
        out.write_text(json.dumps(plan_table.as_json(rows, params, speeds, logged), indent=1) + "\n")
    name = f"presets/{preset}.yaml" if preset else "params.yaml"
    fast = plan.plan(params.model_copy(update={"noss": params.noss.model_copy(update={"protocol": ["fast"]})}), speeds, every)
    notes = plan_table.notes(rows, fast, every, params, speeds)
    return "\n".join([f"Plan of {name}", plan_table.table(rows, logged), "", *notes])
