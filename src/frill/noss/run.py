"""Scores one model on all tasks and writes results/noss/NAME.json."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from frill.clips import ClipStore
from frill.errors import UserError
from frill.noss.score import mean_accuracy, score_task
from frill.noss.splits import SplitError
from frill.params import Params

TASKS = Path("data/task")


def score(embed: Callable[[ClipStore], np.ndarray], name: str, params: Params, out: Path) -> dict:
    """`embed` gives a task's clip embeddings float [clips, D]. Raises UserError for a task that cannot be scored."""
    tasks = {}
    for task in params.tasks:
        store = ClipStore(TASKS / task)
        try:
            tasks[task] = score_task(embed(store), store.rows, params.noss.probes, params.noss.validation_share, params.seed)
        except SplitError as error:
            raise UserError(f"task {task} {error}") from None
    means = {f"mean_{part}_accuracy": mean_accuracy(tasks, part) for part in ("validation", "test")}
    result = {"schema": 1, "model": name, **means, "tasks": tasks}
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    return result


def line(name: str, result: dict) -> str:
    """One line for the terminal."""
    tasks = "  ".join(f"{task} {scores['test_accuracy']:.1f}" for task, scores in result["tasks"].items())
    return f"{name}: mean test accuracy {result['mean_test_accuracy']:.1f} %  ({tasks})"
