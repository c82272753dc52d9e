"""95 % intervals of accuracies and of paired differences, by bootstrap.

Whole speakers are resampled where clips have two or more, clips otherwise. The intervals speak of
other clips or speakers of these tasks, not of other tasks.

Bootstrap over groups: Efron and Tibshirani 1993, chapters 6 and 8.5. Two corrections are for few
groups. A bootstrap deviation is sqrt((G - 1)/G) of the true one, so deviations are widened by
sqrt(G/(G - 1)). Percentiles assume the deviation known, so they are widened by Student's t
against the normal. Where tasks of different size are averaged, its degrees of freedom are those of
Welch (1947).

No bootstrap draws a clip of a kind that the task does not have: models that answer all of 100 clips
alike would seem to be equal. So limits of differences are as far away as such clips may move them:
of n clips none is of a kind that has the share p with probability (1 - p)^n, which is 2.5 % at
about 3.7/n (the rule of three: Hanley and Lippman-Hand, JAMA 249, 1983).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import stats

from frill.noss.results import Interval, TaskScores

RESAMPLES = 2000
FEW_LEVELS = 16  # different values of clips, as differences of two models have


@dataclass(frozen=True)
class Resampled:
    """A mean over the clips of one task.

    `deviations` [RESAMPLES] are those of the resamples from the estimate, widened; `freedom` its
    degrees of freedom.
    """

    estimate: float
    deviations: np.ndarray
    freedom: int


def resample(values: np.ndarray, groups: np.ndarray, seed: int) -> Resampled:
    """Resample the mean of `values` float [clips].

    `groups` int [clips] names each clip's group; empty makes every clip its own. With a single
    group, clips are resampled too: a lower bound.
    """
    if len(set(groups.tolist())) < 2:
        rng = np.random.default_rng(seed)
        levels, counts = np.unique(values, return_counts=True)
        members = len(values)
        if len(levels) <= FEW_LEVELS:  # their counts in a resample are multinomial
            drawn = rng.multinomial(members, counts / members, RESAMPLES)
        else:
            levels = values
            drawn = _draw_groups(members, seed)
        means = drawn @ levels / members
    else:
        _, groups = np.unique(groups, return_inverse=True)
        sums = np.bincount(groups, values)
        clips = np.bincount(groups)
        members = len(clips)
        drawn = _draw_groups(members, seed)
        means = drawn @ sums / (drawn @ clips)
    estimate = float(np.mean(values))
    freedom = max(1, members - 1)
    widened = np.sqrt(members / freedom)
    return Resampled(estimate, widened * (means - estimate), freedom)


@lru_cache(maxsize=32)
def _draw_groups(members: int, seed: int) -> np.ndarray:
    """Return how often each group is in each resample, float [RESAMPLES, members].

    Pairs of models share it: drawing takes most of the time. 16 KB a group: 160 MB for a task of
    10,000 clips without speakers, where more than two models are combined.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(members, np.full(members, 1 / members), RESAMPLES)
    return drawn.astype(float)


def estimate_interval(tasks: Sequence[Resampled]) -> Interval:
    """Return the interval of the mean of independent tasks' estimates."""
    variances = [float(np.var(task.deviations)) for task in tasks]
    total = sum(variances)
    widened = 1.0
    if total:
        terms = [v**2 / task.freedom for v, task in zip(variances, tasks, strict=True) if v]
        freedom = total**2 / sum(terms)
        widened = stats.t.ppf(0.975, freedom) / stats.norm.ppf(0.975)
    deviations = widened * sum(task.deviations for task in tasks) / len(tasks)
    estimate = sum(task.estimate for task in tasks) / len(tasks)
    low, high = np.percentile(deviations, [2.5, 97.5])
    return [float(estimate + low), float(estimate + high)]


def estimate_accuracy_interval(correct: np.ndarray, speakers: np.ndarray, seed: int) -> Interval:
    """Return the interval of one task's accuracy, percent.

    It is Wilson's (1927) over clips and, where there are speakers, as wide as resampling those
    makes it. `correct` and `speakers` as TaskScores returns them.
    """
    wilson = stats.binomtest(int(correct.sum()), len(correct)).proportion_ci(method="wilson")
    low, high = 100 * wilson.low, 100 * wilson.high
    if len(speakers):
        over_speakers = estimate_interval([resample(100 * correct, speakers, seed)])
        low, high = min(low, over_speakers[0]), max(high, over_speakers[1])
    return [float(max(0.0, low)), float(min(100.0, high))]


def estimate_combination_interval(
    tasks: Sequence[Sequence[TaskScores]], weights: Sequence[float], part: str, seed: int
) -> Interval:
    """Return the interval of a weighted sum of several models' mean accuracies, in points.

    `tasks` has each task's scores of all models, paired clip by clip. With weights 1 and -1 it is
    the difference of two models. Weights sum up to 0.
    """
    resampled = []
    unseen = []
    for index, models in enumerate(tasks):
        correct = [scores.correct(part) for scores in models]
        combined = 100 * np.tensordot(np.array(weights), np.array(correct), 1)
        resampled.append(resample(combined, models[0].speakers(part), seed + index))
        unseen.append(bound_unseen_share(len(combined)))
    low, high = estimate_interval(resampled)
    estimate = sum(task.estimate for task in resampled) / len(tasks)
    # Such a clip has at most this value: the models of one sign are right on it, the others wrong.
    points = 100 * sum(weight for weight in weights if weight > 0)
    distance = points * max(unseen) / len(tasks)
    return [float(min(low, estimate - distance)), float(max(high, estimate + distance))]


def bound_unseen_share(clips: int) -> float:
    """Return the largest share of a kind of clip that `clips` of them may lack by chance, 2.5 %."""
    return 1 - 0.025 ** (1 / clips)
