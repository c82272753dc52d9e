"""Scores one model on all tasks and writes results/noss/NAME.json."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import joblib
import numpy as np

from frill.audio.clips import ClipStore
from frill.errors import UserError
from frill.noss.embed import embed_tflite
from frill.noss.intervals import PARTS
from frill.noss.score import mean_accuracy, score_task
from frill.noss.splits import SplitError
from frill.params.schema import Params

TASKS = Path("data/task")
Embed = Callable[[ClipStore], np.ndarray]  # a task's clip embeddings, float [clips, D]


def score_student(folder: Path, name: str, params: Params, out: Path) -> dict:
    """Score the files of models/tflite/NAME, write results/noss/NAME.json and return what it holds.

    Each file is scored with the settings that its own validation chose. Where the file that ships
    is quantised, `accuracy_change` says by part what that did to the mean accuracy, in points
    against the float32 file. `repeats` has the mean accuracies of the student trained from other
    seeds.
    """
    # What stands beside the shipped file is compared by the protocol that decides, no other.
    first_protocol = params.noss.model_copy(update={"protocol": params.noss.protocol[:1]})
    deciding = params.model_copy(update={"noss": first_protocol})
    means = {part: f"mean_{part}_accuracy" for part in PARTS}
    result = _score_file(folder / "model.tflite", name, params)
    if (folder / "float32.tflite").exists():
        reference = _score_file(folder / "float32.tflite", name, deciding)
        change = {part: result[mean] - reference[mean] for part, mean in means.items()}
        result["accuracy_change"] = change
    result["repeats"] = []
    for path in sorted(folder.glob("repeat_*.tflite")):
        repeat = _score_file(path, name, deciding)
        result["repeats"].append({mean: repeat[mean] for mean in means.values()})
    write(result, out)
    return result


def _score_file(path: Path, name: str, params: Params) -> dict:
    def embed(store: ClipStore) -> np.ndarray:
        return embed_tflite(path, store, params.noss.pooling, params.threads)

    return score(embed, name, params)


def score(embed: Embed, name: str, params: Params) -> dict:
    """Return what results/noss/NAME.json holds. Raises UserError if a task cannot be scored."""
    stores = {task: ClipStore(TASKS / task) for task in params.tasks}
    embeddings, broken = {}, {}
    for task, store in stores.items():
        embeddings[task], broken[task] = finite(embed(store))
        if clips := broken[task]:
            print(
                f"{name}: {task}: the embeddings of {len(clips)} clips are not finite, first that of {store.rows[clips[0]]['clip']}; scored as 0"
            )
    in_parallel = joblib.Parallel(min(params.threads, len(stores)))
    one_task = joblib.delayed(_score_task)  # embeddings reach its process as a memory map
    calls = (one_task(task, embeddings[task], store.rows, params) for task, store in stores.items())
    tasks = {}
    for task, scores in zip(stores, in_parallel(calls), strict=True):
        tasks[task] = scores | {"clips_not_finite": len(broken[task])}
    means = {f"mean_{part}_accuracy": mean_accuracy(tasks, part) for part in PARTS}
    return {"schema": 2, "model": name, **means, "tasks": tasks}


def _score_task(task: str, embeddings: np.ndarray, rows: Sequence[dict], params: Params) -> dict:
    try:
        return score_task(embeddings, rows, params.noss, params.seed)
    except SplitError as error:
        raise UserError(f"task {task} {error}") from None


def finite(embeddings: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Embeddings with those clips at 0 that hold a NaN or an infinity, and their indices: a diverged student is a row of the table too, at chance."""
    broken = np.flatnonzero(~np.isfinite(embeddings.sum(axis=1, dtype=np.float64))).tolist()
    if broken:
        embeddings = np.array(embeddings)
        embeddings[broken] = 0
    return embeddings, broken


def write(result: dict, out: Path) -> None:
    """out/MODEL.json"""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{result['model']}.json").write_text(json.dumps(result, indent=1) + "\n")


def line(name: str, result: dict) -> str:
    """One line for the terminal."""
    tasks = "  ".join(
        f"{task} {scores['test_accuracy']:.1f}" for task, scores in result["tasks"].items()
    )
    return f"{name}: mean test accuracy {result['mean_test_accuracy']:.1f} %  ({tasks})"
