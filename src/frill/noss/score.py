"""Scores embeddings on a task: for every probe and strength train, choose on validation, report test (as results/noss/*.json holds it)."""

import numpy as np

from frill.noss.probes import PROBES, RowSpace
from frill.noss.splits import splits


def score_task(embeddings: np.ndarray, rows: list[dict], probes: list[str], validation_share: float, seed: int) -> dict:
    """`embeddings` float [clips, D], `rows` the task's manifest -> accuracies in percent and which clips were right.

    The setting (probe and strength) is the best on validation; ties go to the first, the weaker regularisation. `*_correct` has one
    character a scored clip (1 right, 0 wrong), in manifest order: what paired comparisons of models are computed from.
    """
    names = sorted({row["label"] for row in rows})
    y = np.array([names.index(row["label"]) for row in rows])
    correct = {part: np.full(len(rows), -1) for part in ("validation", "test")}
    predicted = np.full(len(rows), -1)
    chosen = []
    for split in splits(rows, validation_share, seed):
        space = RowSpace(embeddings[split.train])
        held = {part: space.project(embeddings[getattr(split, part)]) for part in correct}
        answers = [
            (setting, {part: np.argmax(x @ weights + bias, axis=1) for part, x in held.items()})
            for probe in probes
            for setting, weights, bias in PROBES[probe](space, y[split.train], len(names))
        ]
        setting, best = max(answers, key=lambda answer: np.mean(answer[1]["validation"] == y[split.validation]))
        chosen.append(setting)
        for part, values in correct.items():
            index = getattr(split, part)
            values[index] = best[part] == y[index]
        predicted[split.test] = best["test"]
    tested = predicted >= 0
    confusion = np.zeros((len(names), len(names)), int)
    np.add.at(confusion, (y[tested], predicted[tested]), 1)
    return {
        "labels": names,
        "chosen": chosen,
        **{f"{part}_accuracy": 100 * float(values[values >= 0].mean()) for part, values in correct.items()},
        **{f"{part}_correct": "".join(map(str, values[values >= 0])) for part, values in correct.items()},
        "test_confusion": confusion.tolist(),
    }


def mean_accuracy(tasks: dict[str, dict], part: str) -> float:
    """Mean over tasks of the accuracy on `part`, percent."""
    return float(np.mean([task[f"{part}_accuracy"] for task in tasks.values()]))
