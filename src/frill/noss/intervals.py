"""95 % intervals of accuracies and of paired differences, by resampling: whole speakers where clips have two or more, clips otherwise.

Bootstrap over groups (Efron and Tibshirani 1993, chapters 6 and 8.5), with two corrections for few groups: a bootstrap deviation is sqrt((G - 1)/G)
of the true one, and percentiles assume it known; so deviations are widened by sqrt(G/(G - 1)) and by Student's t against the normal, with the
degrees of freedom of Welch (1947) where tasks of different size are averaged. They speak of other clips or speakers of these tasks, not of other tasks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import stats

RESAMPLES = 2000
PARTS = ("validation", "test")


@dataclass(frozen=True)
class Resampled:
    """A mean over the clips of one task: its estimate, its resamples' deviations from it [RESAMPLES] (widened), and its degrees of freedom."""

    estimate: float
    deviations: np.ndarray
    freedom: int


def resample(values: np.ndarray, groups: np.ndarray | None, seed: int) -> Resampled:
    """The mean of `values` float [clips] over resampled groups: `groups` int [clips] names each clip's, None makes every clip its own."""
    if (
        groups is None or len(set(groups.tolist())) < 2
    ):  # of one speaker clips are all that can be resampled: a lower bound
        rng = np.random.default_rng(seed)
        levels, counts = np.unique(
            values, return_counts=True
        )  # n clips of few different values: their counts are multinomial
        means, members = (
            rng.multinomial(len(values), counts / len(values), RESAMPLES) @ levels / len(values),
            len(values),
        )
    else:
        _, groups = np.unique(groups, return_inverse=True)
        sums, clips = np.bincount(groups, values), np.bincount(groups)
        members = len(clips)
        drawn = _draws(members, seed)
        means = drawn @ sums / (drawn @ clips)
    estimate = float(np.mean(values))
    widened = np.sqrt(members / max(1, members - 1))
    return Resampled(estimate, widened * (means - estimate), max(1, members - 1))


@lru_cache(maxsize=32)
def _draws(members: int, seed: int) -> np.ndarray:
    """How often each group is in each resample, float [RESAMPLES, members]: pairs of models share it, and drawing takes most of the time."""
    return (
        np.random.default_rng(seed)
        .multinomial(members, np.full(members, 1 / members), RESAMPLES)
        .astype(float)
    )


def interval(parts: Sequence[Resampled]) -> list[float]:
    """[low, high] of the mean of the parts' estimates, parts independent."""
    variances = [float(np.var(part.deviations)) for part in parts]
    total = sum(variances)
    freedom = (
        total**2 / sum(v**2 / part.freedom for v, part in zip(variances, parts, strict=True) if v)
        if total
        else 1.0
    )
    widened = stats.t.ppf(0.975, freedom) / stats.norm.ppf(0.975) if total else 1.0
    deviations = widened * sum(part.deviations for part in parts) / len(parts)
    estimate = sum(part.estimate for part in parts) / len(parts)
    low, high = np.percentile(deviations, [2.5, 97.5])
    return [float(estimate + low), float(estimate + high)]


def right(scores: dict, part: str) -> np.ndarray:
    """Which clips of `part` (validation, test) of a task were right: float [clips], 0 or 1, in manifest order. `scores` as in results/noss/*.json."""
    return np.frombuffer(scores[f"{part}_correct"].encode(), np.uint8).astype(float) - ord("0")


def speakers(scores: dict, part: str) -> np.ndarray | None:
    """The speaker of each of those clips as an integer [clips]; None for a task without speakers."""
    named = scores.get(f"{part}_speakers")
    return np.array(named.split(), int) if named else None


def accuracy_interval(scores: dict, part: str, seed: int) -> list[float]:
    """Of one task's accuracy on `part`, percent: Wilson's (1927) over clips and, where there are speakers, as far as resampling those reaches beyond."""
    values, by = right(scores, part), speakers(scores, part)
    wilson = stats.binomtest(int(values.sum()), len(values)).proportion_ci(method="wilson")
    low, high = 100 * wilson.low, 100 * wilson.high
    if by is not None:
        resampled = interval([resample(100 * values, by, seed)])
        low, high = min(low, resampled[0]), max(high, resampled[1])
    return [float(max(0.0, low)), float(min(100.0, high))]


def difference_interval(model: dict, other: dict, part: str, seed: int) -> list[float]:
    """Of the difference of two models' mean accuracies over tasks, paired clip by clip, in points. Arguments as results/noss/*.json."""
    pairs = [(scores, other["tasks"][task]) for task, scores in model["tasks"].items()]
    parts = [
        resample(
            100 * (right(scores, part) - right(reference, part)),
            speakers(scores, part),
            seed + index,
        )
        for index, (scores, reference) in enumerate(pairs)
    ]
    return interval(parts)
