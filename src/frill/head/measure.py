"""How good a head is: on clips that took no part in fitting or in choosing it.

Nor are they among those that calibrate it. With folds, other folds' heads score these, and were
fitted to the tested clips too.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import confusion_matrix, recall_score
from sklearn.neighbors import KNeighborsClassifier

from frill.head.calibration import estimate_calibration_error, find_probabilities
from frill.head.features import Features
from frill.head.fit import Trials
from frill.head.unknown import Unheard, measure_unheard
from frill.noss.intervals import estimate_accuracy_interval
from frill.noss.results import Interval
from frill.noss.score import Task, best_probe, count_speakers_in_both, number_speakers
from frill.noss.splits import Split

NEIGHBOURS = (1, 3, 5, 9)
PROBES = ["ridge", "lda"]


@dataclass(frozen=True)
class Measured:
    """In percent, on `clips` test clips; calibration errors in points.

    `log_mel`, `neighbours` and `chance` are what a linear head on statistics of the log-mel, the
    nearest neighbours and the commonest class of the training clips reach. `known_refused` of test
    clips and `known_windows_refused` of their windows are called unknown; `answered_accuracy` is
    that of the other clips.
    """

    clips: int
    accuracy: float
    interval: Interval
    interval_over: str  # "whole speakers" or "clips"
    speakers_in_train_and_test: int
    recall: float
    confusion: list[list[int]]  # true classes by predicted classes
    log_mel: float
    neighbours: float
    chance: float
    calibration_error: float
    uncalibrated_error: float
    window_calibration_error: float
    known_refused: float
    known_windows_refused: float
    answered_accuracy: float | None
    unheard: Unheard | None


def measure_head(trials: Trials, features: Features, rows: Sequence[dict], seed: int) -> Measured:
    """Measure the heads of all splits on their test clips, each decided without them."""
    y = trials.y
    tested, probabilities, plain, refused, windows, owners = [], [], [], [], [], []
    windows_refused = []
    for trial in trials.trials:
        test = trial.split.test
        decision = trials.decide(trial)
        scores = trial.score(decision.setting, "test")
        answers = find_probabilities(scores, decision.temperature)
        tested.append(test)
        probabilities.append(answers)
        plain.append(find_probabilities(scores, 1.0))
        refused.append(answers.max(axis=1) < decision.threshold)
        scores, owner = trial.score_windows(decision.setting, "test")
        answers = find_probabilities(scores, decision.window_temperature)
        windows.append(answers)
        windows_refused.append(answers.max(axis=1) < decision.window_threshold)
        owners.append(owner)
    tested, probabilities = np.concatenate(tested), np.concatenate(probabilities)
    refused = np.concatenate(refused)
    predicted, true = probabilities.argmax(axis=1), y[tested]
    right = predicted == true
    answered = right[~refused]
    speakers = np.array([row["speaker"] for row in rows])
    numbers = number_speakers(speakers[tested])
    splits = [trial.split for trial in trials.trials]
    task = Task(features.clips, y, speakers, trials.classes, splits)
    return Measured(
        clips=len(tested),
        accuracy=100 * float(right.mean()),
        interval=estimate_accuracy_interval(right.astype(float), numbers, seed),
        interval_over="whole speakers" if len(set(numbers)) > 1 else "clips",
        speakers_in_train_and_test=count_speakers_in_both(task),
        recall=100 * float(recall_score(true, predicted, average="macro", labels=np.unique(true))),
        confusion=confusion_matrix(true, predicted, labels=range(trials.classes)).tolist(),
        log_mel=_measure_probe(features.log_mels, y, splits, trials.classes),
        neighbours=_measure_neighbours(features.clips, y, splits),
        chance=_measure_chance(y, splits),
        calibration_error=estimate_calibration_error(probabilities, true),
        uncalibrated_error=estimate_calibration_error(np.concatenate(plain), true),
        window_calibration_error=estimate_calibration_error(
            np.concatenate(windows), y[np.concatenate(owners)]
        ),
        known_refused=100 * float(refused.mean()),
        known_windows_refused=100 * float(np.concatenate(windows_refused).mean()),
        answered_accuracy=100 * float(answered.mean()) if len(answered) else None,
        unheard=measure_unheard(trials, trials.decide().setting),
    )


def _measure_probe(x: np.ndarray, y: np.ndarray, splits: Sequence[Split], classes: int) -> float:
    right = []
    for split in splits:
        _, scores = best_probe(x, y, split, classes, PROBES)
        right.append(scores["test"].argmax(axis=1) == y[split.test])
    return 100 * float(np.concatenate(right).mean())


def _measure_neighbours(x: np.ndarray, y: np.ndarray, splits: Sequence[Split]) -> float:
    """Return the accuracy of the nearest training clips by cosine, as many as validation chose."""
    right = []
    for split in splits:
        best_accuracy = -1.0
        for count in NEIGHBOURS:
            if count > len(split.train):
                break
            model = KNeighborsClassifier(count, metric="cosine")
            model.fit(x[split.train], y[split.train])
            accuracy = model.score(x[split.validation], y[split.validation])
            if accuracy > best_accuracy:
                best_accuracy = accuracy
                best = model
        right.append(best.predict(x[split.test]) == y[split.test])
    return 100 * float(np.concatenate(right).mean())


def _measure_chance(y: np.ndarray, splits: Sequence[Split]) -> float:
    right = []
    for split in splits:
        commonest, _ = Counter(y[split.train].tolist()).most_common(1)[0]
        right.append(y[split.test] == commonest)
    return 100 * float(np.concatenate(right).mean())
