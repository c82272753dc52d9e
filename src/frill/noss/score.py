"""Scores embeddings on a task: for every probe and strength train, choose on validation, report test (as results/noss/*.json holds it)."""

import numpy as np

from frill.noss.intervals import PARTS, accuracy_interval
from frill.noss.metrics import equal_error_rate, unweighted_average_recall
from frill.noss.probes import PROBES, RowSpace
from frill.noss.splits import Split, splits
from frill.params import Noss


def score_task(embeddings: np.ndarray, rows: list[dict], settings: Noss, seed: int) -> dict:
    """`embeddings` float [clips, D], `rows` the task's manifest -> accuracies in percent and which clips were right.

    The setting (probe and strength) is the best on validation; ties go to the first, the weaker regularisation. `*_correct` has one character a
    scored clip (1 right, 0 wrong) and `*_speakers` one number, in manifest order: what paired comparisons of models are computed from.
    """
    names = sorted({row["label"] for row in rows})
    y = np.array([names.index(row["label"]) for row in rows])
    correct = {part: np.full(len(rows), -1) for part in PARTS}
    predicted = np.full(len(rows), -1)
    chosen, error_rates = [], []
    task_splits = splits(rows, settings.validation_share, seed)
    for split in task_splits:
        setting, scores = best_probe(embeddings, y, split, len(names), settings.probes)
        chosen.append(setting)
        for part, values in correct.items():
            index = getattr(split, part)
            values[index] = scores[part].argmax(axis=1) == y[index]
        predicted[split.test] = scores["test"].argmax(axis=1)
        if len(set(y[split.test])) > 1:  # of one class there is nothing to tell apart
            error_rates.append(equal_error_rate(scores["test"], y[split.test]))
    tested = predicted >= 0
    confusion = np.zeros((len(names), len(names)), int)
    np.add.at(confusion, (y[tested], predicted[tested]), 1)
    result = {
        "labels": names,
        "chosen": chosen,
        **{f"{part}_accuracy": 100 * float(values[values >= 0].mean()) for part, values in correct.items()},
        **{f"{part}_correct": "".join(map(str, values[values >= 0])) for part, values in correct.items()},
        **{f"{part}_speakers": _speakers(rows, values >= 0) for part, values in correct.items()},
        "speakers_in_train_and_test": speakers_in_both(rows, task_splits),
        "test_unweighted_average_recall": unweighted_average_recall(confusion),
        "test_equal_error_rate": float(np.mean(error_rates)) if error_rates else None,
        "test_confusion": confusion.tolist(),
    }
    return result | {f"{part}_interval": accuracy_interval(result, part, seed) for part in PARTS}


def best_probe(x: np.ndarray, y: np.ndarray, split: Split, classes: int, probes: list[str]) -> tuple[str, dict[str, np.ndarray]]:
    """The setting that is best on validation, and its scores float [clips, classes] on validation and test."""
    space = RowSpace(x[split.train], y[split.train], classes)
    held = {part: space.project(x[getattr(split, part)]) for part in PARTS}
    best, best_accuracy = None, -1.0
    for probe in probes:
        for setting, weights, bias in PROBES[probe](space):
            scores = held["validation"] @ weights + bias
            accuracy = np.mean(scores.argmax(axis=1) == y[split.validation])
            if accuracy > best_accuracy:
                best, best_accuracy = (setting, weights, bias, scores), accuracy
    setting, weights, bias, scores = best
    return setting, {"validation": scores, "test": held["test"] @ weights + bias}


def _speakers(rows: list[dict], scored: np.ndarray) -> str:
    """The speaker of every scored clip as a number, apart by blanks; nothing for a task whose clips have none."""
    speakers = [row["speaker"] for row, is_scored in zip(rows, scored, strict=True) if is_scored]
    if not all(speakers):
        return ""
    _, numbers = np.unique(speakers, return_inverse=True)
    return " ".join(map(str, numbers))


def speakers_in_both(rows: list[dict], task_splits: list[Split]) -> int:
    """How many speakers have clips in train and in test of one split: what they say of new speakers is too good."""
    speaker = np.array([row["speaker"] for row in rows])
    both = [set(speaker[split.train]) & set(speaker[split.test]) - {""} for split in task_splits]
    return len(set().union(*both))


def mean_accuracy(tasks: dict[str, dict], part: str) -> float:
    """Mean over tasks of the accuracy on `part`, percent."""
    return float(np.mean([task[f"{part}_accuracy"] for task in tasks.values()]))
