"""How often a head says "unknown" to a sound that none of its classes is: measured, not promised.

Each class in turn plays the sound that was never heard: a head is fitted to the others, decides
its temperature and threshold without it, and is asked about its clips.
"""

from dataclasses import dataclass

import numpy as np

from frill.head.calibration import find_probabilities, fit_temperature
from frill.head.fit import Trials, find_threshold, fit_setting
from frill.noss.probes import RowSpace

MOST_CLASSES = 10  # of many, every so-manieth class is left out: a fit each


@dataclass(frozen=True)
class Unheard:
    """`refused` percent of the `clips` of `classes` classes, each left out of one head."""

    refused: float
    clips: int
    classes: int


def measure_unheard(trials: Trials, setting: str) -> Unheard | None:
    """Return how many clips of classes never heard are refused.

    None where that cannot be told: of two classes, or where every clip that validates is of the
    class that is left out, so that nothing decides a threshold. Such a class is passed over.
    """
    if trials.classes < 3:
        return None
    tried = min(MOST_CLASSES, trials.classes)
    chosen = np.linspace(0, trials.classes - 1, tried).round().astype(int)
    refused = []
    for number, left_out in enumerate(chosen):
        split = trials.trials[number % len(trials.trials)].split
        if (trials.y[split.validation] != left_out).any():
            refused.append(_refuse(trials, split, setting, left_out))
    if not refused:
        return None
    clips = np.concatenate(refused)
    return Unheard(100 * float(clips.mean()), len(clips), len(refused))


def _refuse(trials: Trials, split, setting: str, left_out: int) -> np.ndarray:
    """Return whether each clip of the class `left_out` is refused by a head of the others."""
    # The last class takes its place: classes stay numbered without a gap.
    y = np.where(trials.y == trials.classes - 1, left_out, trials.y)
    heard = trials.y != left_out
    train = split.train[heard[split.train]]
    held = split.validation[heard[split.validation]]
    space = RowSpace(trials.clips, train, y[train], trials.classes - 1)
    weights, bias = fit_setting(space, setting)

    def score(clips: np.ndarray) -> np.ndarray:
        return space.project(trials.clips, clips) @ weights + bias

    scores = score(held)
    temperature = fit_temperature(scores, y[held])
    threshold = find_threshold(find_probabilities(scores, temperature))
    unheard = find_probabilities(score(np.flatnonzero(~heard)), temperature)
    return unheard.max(axis=1) < threshold
