"""Scores embeddings on a task: for every probe and strength train, choose on validation, report test (as results/noss/*.json holds it)."""

import numpy as np
from threadpoolctl import threadpool_limits

from frill.noss.intervals import PARTS, accuracy_interval
from frill.noss.metrics import equal_error_rate, unweighted_average_recall
from frill.noss.probes import PROBES, RowSpace
from frill.noss.protocol import run_protocol, summarise
from frill.noss.splits import Split, splits
from frill.params.schema import Noss


def score_task(embeddings: np.ndarray, rows: list[dict], settings: Noss, seed: int) -> dict:
    """`embeddings` float [clips, D], `rows` the task's manifest -> accuracies in percent and which clips were right, by the first of `protocol`.

    The setting is the best on validation; ties go to the first. `*_correct` has one character a scored clip (1 right, 0 wrong) and `*_speakers`
    one number, in manifest order: what paired comparisons of models are computed from. Every protocol's own accuracies are in `protocols`.
    """
    names = sorted({row["label"] for row in rows})
    y = np.array([names.index(row["label"]) for row in rows])
    task_splits = splits(rows, settings.validation_share, seed)
    # One BLAS thread: results would depend on the machine's cores, and lbfgs's many small products wait for each other's threads longer than they
    # compute (up to eight times slower).
    with threadpool_limits(1):
        outcomes = {
            protocol: PROTOCOLS[protocol](
                embeddings, y, rows, task_splits, len(names), settings, seed
            )
            for protocol in settings.protocol
        }
    summary, predictions = outcomes[settings.protocol[0]]
    correct = {part: np.full(len(rows), -1) for part in PARTS}
    predicted = np.full(len(rows), -1)
    for split, answers in zip(task_splits, predictions, strict=True):
        for part, values in correct.items():
            index = getattr(split, part)
            values[index] = answers[part] == y[index]
        predicted[split.test] = answers["test"]
    tested = predicted >= 0
    confusion = np.zeros((len(names), len(names)), int)
    np.add.at(confusion, (y[tested], predicted[tested]), 1)
    result = {
        "labels": names,
        "chosen": summary["chosen"],
        **{
            f"{part}_accuracy": 100 * float(values[values >= 0].mean())
            for part, values in correct.items()
        },
        **{
            f"{part}_correct": "".join(map(str, values[values >= 0]))
            for part, values in correct.items()
        },
        **{f"{part}_speakers": _speakers(rows, values >= 0) for part, values in correct.items()},
        "speakers_in_train_and_test": speakers_in_both(rows, task_splits),
        "test_unweighted_average_recall": unweighted_average_recall(confusion),
        "test_confusion": confusion.tolist(),
        "protocols": {protocol: summary for protocol, (summary, _) in outcomes.items()},
    }
    return result | {f"{part}_interval": accuracy_interval(result, part, seed) for part in PARTS}


Predictions = list[dict[str, np.ndarray]]  # of every split, int class per validation and test clip


def _fast(
    x, y, rows, task_splits: list[Split], classes: int, settings: Noss, seed: int
) -> tuple[dict, Predictions]:
    """`probes` at every strength, chosen in each split by itself."""
    chosen, error_rates, predictions = [], [], []
    for split in task_splits:
        setting, scores = best_probe(x, y, split, classes, settings.probes)
        chosen.append(setting)
        predictions.append({part: scores[part].argmax(axis=1) for part in PARTS})
        if len(set(y[split.test])) > 1:  # of one class there is nothing to tell apart
            error_rates.append(equal_error_rate(scores["test"], y[split.test]))
    right = {
        part: np.concatenate(
            [
                p[part] == y[getattr(split, part)]
                for p, split in zip(predictions, task_splits, strict=True)
            ]
        )
        for part in PARTS
    }
    summary = {
        "chosen": chosen,
        **{f"{part}_accuracy": 100 * float(right[part].mean()) for part in PARTS},
    }
    return summary | {
        "test_equal_error_rate": float(np.mean(error_rates)) if error_rates else None
    }, predictions


def _card(
    x, y, rows, task_splits: list[Split], classes: int, settings: Noss, seed: int
) -> tuple[dict, Predictions]:
    """The model card's classifiers and normalisations, one choice for all splits."""
    folds = []
    for split in task_splits:
        index = {"train": split.train, "validation": split.validation, "test": split.test}
        truth = {part: y[i] for part, i in index.items()}
        speakers = {part: [rows[clip]["speaker"] for clip in i] for part, i in index.items()}
        outcome = run_protocol(
            {part: x[i] for part, i in index.items()},
            truth,
            speakers,
            classes,
            seed,
            bool(settings.forests),
        )
        folds.append((outcome, truth))
    summary = summarise(folds)
    return summary, [
        next(s.predicted for s in fold if s.name == summary["chosen"]) for fold, _ in folds
    ]


PROTOCOLS = {"fast": _fast, "frill": _card}


def best_probe(
    x: np.ndarray, y: np.ndarray, split: Split, classes: int, probes: list[str]
) -> tuple[str, dict[str, np.ndarray]]:
    """The setting that is best on validation, and its scores float [clips, classes] on validation and test."""
    space = RowSpace(x, split.train, y[split.train], classes)
    held = {part: space.project(x, getattr(split, part)) for part in PARTS}
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
    """How many speakers have clips in train and in test of one split: what they say of new speakers is too good. 0 where speakers are the classes."""
    if (
        len({(row["label"], row["speaker"]) for row in rows})
        == len({row["label"] for row in rows})
        == len({row["speaker"] for row in rows})
    ):
        return 0
    speaker = np.array([row["speaker"] for row in rows])
    both = [set(speaker[split.train]) & set(speaker[split.test]) - {""} for split in task_splits]
    return len(set().union(*both))


def mean_accuracy(tasks: dict[str, dict], part: str) -> float:
    """Mean over tasks of the accuracy on `part`, percent."""
    return float(np.mean([task[f"{part}_accuracy"] for task in tasks.values()]))
