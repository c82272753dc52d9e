"""A linear head, chosen as the probes of scoring are: ridge and LDA at every strength.

Every split is fitted once at every setting. Held-out validation clips decide the setting, the
temperatures and the threshold of "unknown". A split's test clips are not among those that decide
what is measured on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from frill.head.calibration import find_probabilities, fit_temperature
from frill.head.features import Features
from frill.noss.probes import PROBES, RowSpace
from frill.noss.results import PARTS
from frill.noss.splits import Split

KNOWN_SHARE = 0.95  # of held-out clips of the classes: as many shall not be called unknown


@dataclass(frozen=True)
class Decision:
    """What held-out clips decide: the probe's setting, and what its scores are made of.

    `threshold` is a probability: a clip's answer below it is "unknown". Single windows are less
    sure than whole clips, so theirs is `window_threshold`.
    """

    setting: str
    temperature: float
    window_temperature: float
    threshold: float
    window_threshold: float


@dataclass(frozen=True)
class FittedHead:
    """Scores are x @ `weights` [D, classes] + `bias` [classes] of a window or of a clip's mean."""

    decision: Decision
    weights: np.ndarray
    bias: np.ndarray


class Trial:
    """One split, fitted at every setting; scores are float [rows, classes]."""

    def __init__(self, features: Features, y: np.ndarray, split: Split, classes: int):
        x = features.clips
        self.split = split
        self.space = RowSpace(x, split.train, y[split.train], classes)
        self.probes = {}
        for probe in PROBES.values():
            for setting, weights, bias in probe(self.space):
                self.probes[setting] = weights, bias
        self._clips, self._windows, self._owners = {}, {}, {}
        for part in PARTS:
            clips = getattr(split, part)
            self._clips[part] = self.space.project(x, clips)
            rows = np.flatnonzero(np.isin(features.owners, clips))
            self._windows[part] = self.space.project(features.windows, rows)
            self._owners[part] = features.owners[rows]

    def score(self, setting: str, part: str) -> np.ndarray:
        """Return the scores of the part's clips, in the split's order."""
        weights, bias = self.probes[setting]
        return self._clips[part] @ weights + bias

    def score_windows(self, setting: str, part: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the scores of windows of the part's clips, and the clip of each."""
        weights, bias = self.probes[setting]
        return self._windows[part] @ weights + bias, self._owners[part]


class Trials:
    """All splits of a set of clips; `y` int [clips] are their classes."""

    def __init__(self, features: Features, y: np.ndarray, splits: Sequence[Split], classes: int):
        self.y = y
        self.classes = classes
        self.clips = features.clips
        self.trials = [Trial(features, y, split, classes) for split in splits]

    def decide(self, tested: Trial | None = None) -> Decision:
        """Decide for the file that ships, or for the head whose test clips are to be measured.

        That one's setting is chosen on its own split's validation clips, as scoring does. What
        ships has the setting that is best over all splits. Ties go to the first. Temperatures and
        threshold come from the validation clips of all splits, less those that are tested.
        """
        choosing = self.trials if tested is None else [tested]
        best_accuracy = -1.0
        for setting in self.trials[0].probes:
            right = [self._find_right(trial, setting) for trial in choosing]
            accuracy = np.concatenate(right).mean()
            if accuracy > best_accuracy:
                best_accuracy = accuracy
                chosen = setting
        without = [] if tested is None else tested.split.test
        clips = [
            (trial.score(chosen, "validation"), trial.split.validation) for trial in self.trials
        ]
        scores, y = self._join(clips, without)
        windows = [trial.score_windows(chosen, "validation") for trial in self.trials]
        temperature = fit_temperature(scores, y)
        window_scores, window_y = self._join(windows, without)
        window_temperature = fit_temperature(window_scores, window_y)
        return Decision(
            chosen,
            temperature,
            window_temperature,
            find_threshold(find_probabilities(scores, temperature)),
            find_threshold(find_probabilities(window_scores, window_temperature)),
        )

    def _find_right(self, trial: Trial, setting: str) -> np.ndarray:
        answers = trial.score(setting, "validation").argmax(axis=1)
        return answers == self.y[trial.split.validation]

    def _join(
        self, found: Sequence[tuple[np.ndarray, np.ndarray]], without: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return scores and classes of (scores, clips), less those of the clips `without`."""
        scores = np.concatenate([scores for scores, _ in found])
        clips = np.concatenate([clips for _, clips in found])
        counted = ~np.isin(clips, without)
        return scores[counted], self.y[clips[counted]]


def find_threshold(probabilities: np.ndarray) -> float:
    """Return the probability that KNOWN_SHARE of held-out answers [rows, classes] reach."""
    return float(np.quantile(probabilities.max(axis=1), 1 - KNOWN_SHARE))


def fit_head(trials: Trials) -> FittedHead:
    """Return the head that ships: the mean of the splits' heads at the setting that was decided.

    Of one split it is the one that is measured. Of folds every clip has its part in most of them.
    A single head fitted to all clips may have scores of quite another scale than those that the
    temperature is of, where clips are about as many as values; the mean of heads has theirs, as
    scikit-learn's CalibratedClassifierCV(ensemble=True) has.
    """
    decision = trials.decide()
    heads = [trial.space.undo(*trial.probes[decision.setting]) for trial in trials.trials]
    weights, biases = zip(*heads, strict=True)
    return FittedHead(decision, np.mean(weights, axis=0), np.mean(biases, axis=0))


def fit_setting(space: RowSpace, setting: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights [r, classes] and bias [classes] of one setting."""
    for name, weights, bias in PROBES[setting.partition(" ")[0]](space):
        if name == setting:
            return weights, bias
    raise KeyError(setting)
