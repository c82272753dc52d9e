"""Scores one model on all tasks and writes results/noss/NAME.json."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import joblib
import numpy as np

from frill.clips import ClipStore
from frill.engine import cluster_map, maps_over_cluster
from frill.errors import UserError
from frill.noss import on_cluster
from frill.noss.embed import embed_tflite
from frill.noss.intervals import PARTS
from frill.noss.score import mean_accuracy, score_task
from frill.noss.splits import SplitError
from frill.params import Params

TASKS = Path("data/task")
Embed = Callable[[ClipStore], np.ndarray]  # a task's clip embeddings, float [clips, D]


def score_student(folder: Path, name: str, params: Params, out: Path) -> dict:
    """Scores the files of models/tflite/NAME: the one that ships, and those beside it, each with the settings its own validation chose.

    Where the shipped one is quantised, `accuracy_change` says by part what that did to the mean accuracy, in points against the float32 file.
    `repeats` has the mean accuracies of the student trained from other seeds.
    """

    # What stands beside the shipped file is compared by the protocol that decides, no other.
    deciding = params.model_copy(update={"noss": params.noss.model_copy(update={"protocol": params.noss.protocol[:1]})})

    def score_file(path: Path, params: Params = deciding) -> dict:
        embed = on_cluster.embed_tflite if maps_over_cluster(params) else embed_tflite
        return score(lambda store: embed(path, store, params.noss.pooling, params.threads), name, params)

    means = {part: f"mean_{part}_accuracy" for part in PARTS}
    result = score_file(folder / "model.tflite", params)
    if (folder / "float32.tflite").exists():
        reference = score_file(folder / "float32.tflite")
        result["accuracy_change"] = {part: result[mean] - reference[mean] for part, mean in means.items()}
    repeats = [score_file(path) for path in sorted(folder.glob("repeat_*.tflite"))]
    result["repeats"] = [{mean: repeat[mean] for mean in means.values()} for repeat in repeats]
    write(result, out)
    return result


def score(embed: Embed, name: str, params: Params) -> dict:
    """What results/noss/NAME.json holds. Raises UserError for a task that cannot be scored."""
    stores = {task: ClipStore(TASKS / task) for task in params.tasks}
    embeddings, broken = {}, {}
    for task, store in stores.items():
        embeddings[task], broken[task] = finite(embed(store))
        if clips := broken[task]:
            print(f"{name}: {task}: the embeddings of {len(clips)} clips are not finite, first that of {store.rows[clips[0]]['clip']}; scored as 0")
    scored = _score_tasks([(task, embeddings[task], store.rows, params) for task, store in stores.items()], params)
    tasks = {task: scores | {"clips_not_finite": len(broken[task])} for task, scores in zip(stores, scored, strict=True)}
    means = {f"mean_{part}_accuracy": mean_accuracy(tasks, part) for part in PARTS}
    return {"schema": 2, "model": name, **means, "tasks": tasks}


def _score_tasks(tasks: list[tuple], params: Params) -> Iterable[dict]:
    """Each task, as _score_task takes it, in a process of its own; embeddings reach joblib's processes as memory maps."""
    if maps_over_cluster(params):
        # Rows of a store are sent as the path of their file, which other machines do not have.
        return cluster_map(_score_task, [(name, embeddings, list(rows), params) for name, embeddings, rows, params in tasks])
    return joblib.Parallel(min(params.threads, len(tasks)))(map(joblib.delayed(_score_task), tasks))


def _score_task(task: tuple[str, np.ndarray, list[dict], Params]) -> dict:
    """Of a task's name, embeddings and rows."""
    name, embeddings, rows, params = task
    try:
        return score_task(embeddings, rows, params.noss, params.seed)
    except SplitError as error:
        raise UserError(f"task {name} {error}") from None


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
    tasks = "  ".join(f"{task} {scores['test_accuracy']:.1f}" for task, scores in result["tasks"].items())
    return f"{name}: mean test accuracy {result['mean_test_accuracy']:.1f} %  ({tasks})"
