"""Scores one model on all tasks."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np

from frill.audio.clips import ClipStore
from frill.errors import UserError
from frill.noss.embed import embed_tflite
from frill.noss.results import PARTS, MeanAccuracies, ModelScores, TaskScores
from frill.noss.score import score_task
from frill.noss.splits import SplitError
from frill.params.schema import Params
from frill.workers import count_workers

TASKS = Path("data/task")
Embed = Callable[[ClipStore], np.ndarray]  # a task's clip embeddings, float [clips, D]


def score_student(folder: Path, name: str, params: Params) -> ModelScores:
    """Score the files of models/tflite/NAME.

    Each file is scored with the settings that its own validation chose. Where the file that ships
    is quantised, `accuracy_change` compares it with the float32 file.
    """
    # What stands beside the shipped file is compared by the protocol that decides, no other.
    first_protocol = params.noss.model_copy(update={"protocol": params.noss.protocol[:1]})
    deciding = params.model_copy(update={"noss": first_protocol})
    shipped = _score_file(folder / "model.tflite", name, params)
    change = None
    if (folder / "float32.tflite").exists():
        reference = _score_file(folder / "float32.tflite", name, deciding)
        change = {}
        for part in PARTS:
            change[part] = shipped.mean_accuracies(part)[0] - reference.mean_accuracies(part)[0]
    repeats = []
    for path in sorted(folder.glob("repeat_*.tflite")):
        repeat = _score_file(path, name, deciding)
        repeats.append(MeanAccuracies(repeat.mean_validation_accuracy, repeat.mean_test_accuracy))
    return replace(shipped, accuracy_change=change, repeats=repeats)


def _score_file(path: Path, name: str, params: Params) -> ModelScores:
    def embed(store: ClipStore) -> np.ndarray:
        return embed_tflite(path, store, params.noss.pooling)

    return score(embed, name, params)


def score(embed: Embed, name: str, params: Params) -> ModelScores:
    """Return the model's scores. Raises UserError if a task cannot be scored."""
    stores = {task: ClipStore(TASKS / task) for task in params.tasks}
    embeddings, broken = {}, {}
    for task, store in stores.items():
        embeddings[task], broken[task] = zero_not_finite(embed(store))
        if clips := broken[task]:
            first = store.rows[clips[0]]["clip"]
            print(
                f"{name}: {task}: the embeddings of {len(clips)} clips are not finite, "
                f"first that of {first}; scored as 0"
            )
    in_parallel = joblib.Parallel(min(count_workers(), len(stores)))
    one_task = joblib.delayed(_score_task)  # embeddings reach its process as a memory map
    calls = (one_task(task, embeddings[task], store.rows, params) for task, store in stores.items())
    tasks = {}
    for task, scores in zip(stores, in_parallel(calls), strict=True):
        tasks[task] = replace(scores, clips_not_finite=len(broken[task]))
        if scores.too_large_for:
            print(
                f"{name}: {task} is scored by fast alone: it has too many clips and classes for "
                f"{', '.join(scores.too_large_for)} (docs/scoring.md)"
            )
    means = {}
    for part in PARTS:
        accuracies = [scores.accuracy(part) for scores in tasks.values()]
        means[f"mean_{part}_accuracy"] = float(np.mean(accuracies))
    return ModelScores(schema=3, model=name, tasks=tasks, **means)


def _score_task(
    task: str, embeddings: np.ndarray, rows: Sequence[dict], params: Params
) -> TaskScores:
    try:
        return score_task(embeddings, rows, params.noss, params.seed)
    except SplitError as error:
        raise UserError(f"task {task} {error}") from None


def zero_not_finite(embeddings: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Return embeddings with 0 for each clip that holds a NaN or an infinity, and those clips.

    So a diverged student is a row of the table too, at chance.
    """
    broken = np.flatnonzero(~np.isfinite(embeddings.sum(axis=1, dtype=np.float64))).tolist()
    if broken:
        embeddings = np.array(embeddings)
        embeddings[broken] = 0
    return embeddings, broken


def describe(scores: ModelScores) -> str:
    """Return one line for the terminal."""
    tasks = [f"{task} {each.test_accuracy:.1f}" for task, each in scores.tasks.items()]
    mean = f"mean test accuracy {scores.mean_test_accuracy:.1f} %"
    return f"{scores.model}: {mean}  ({'  '.join(tasks)})"
