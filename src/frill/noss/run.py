"""Scores one model on all tasks and writes results/noss/NAME.json."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from frill.clips import ClipStore
from frill.errors import UserError
from frill.noss.embed import embed_tflite
from frill.noss.score import mean_accuracy, score_task
from frill.noss.splits import SplitError
from frill.params import Params

TASKS = Path("data/task")


def score_student(folder: Path, name: str, params: Params, out: Path) -> dict:
    """Scores the files of models/tflite/NAME: the one that ships, and those beside it, each with the settings its own validation chose.

    Where the shipped one is quantised, `accuracy_change` says by part what that did to the mean accuracy, in points against the float32 file.
    `repeats` has the mean accuracies of the student trained from other seeds.
    """

    def score_file(path: Path) -> dict:
        return score(lambda store: embed_tflite(path, store, params.threads), name, params)

    means = [f"mean_{part}_accuracy" for part in ("validation", "test")]
    result = score_file(folder / "model.tflite")
    if (folder / "float32.tflite").exists():
        reference = score_file(folder / "float32.tflite")
        result["accuracy_change"] = {part: result[mean] - reference[mean] for part, mean in zip(("validation", "test"), means, strict=True)}
    repeats = [score_file(path) for path in sorted(folder.glob("repeat_*.tflite"))]
    result["repeats"] = [{mean: repeat[mean] for mean in means} for repeat in repeats]
    write(result, out)
    return result


def score(embed: Callable[[ClipStore], np.ndarray], name: str, params: Params) -> dict:
    """`embed` gives a task's clip embeddings float [clips, D]. Raises UserError for a task that cannot be scored."""
    tasks = {}
    for task in params.tasks:
        store = ClipStore(TASKS / task)
        try:
            tasks[task] = score_task(embed(store), store.rows, params.noss.probes, params.noss.validation_share, params.seed)
        except SplitError as error:
            raise UserError(f"task {task} {error}") from None
    means = {f"mean_{part}_accuracy": mean_accuracy(tasks, part) for part in ("validation", "test")}
    return {"schema": 1, "model": name, **means, "tasks": tasks}


def write(result: dict, out: Path) -> None:
    """out/MODEL.json"""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{result['model']}.json").write_text(json.dumps(result, indent=1) + "\n")


def line(name: str, result: dict) -> str:
    """One line for the terminal."""
    tasks = "  ".join(f"{task} {scores['test_accuracy']:.1f}" for task, scores in result["tasks"].items())
    return f"{name}: mean test accuracy {result['mean_test_accuracy']:.1f} %  ({tasks})"
