"""Which students no other beats, and how surely.

frontier           students that no other beats: at most their latency and at least their quality,
                   one of them strictly
cautious frontier  students that no other beats beyond doubt: with the 95 % intervals of both
                   differences on the same side. They hold within a measurement: its rounds
                   and clips, not another hour, machine or task
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from frill.device.intervals import estimate_ratio_interval
from frill.frontier.latency import Timing
from frill.frontier.quality import estimate_quality_interval, measure_clip_distances
from frill.frontier.results import Interval, StudentResult
from frill.noss.results import ModelScores


def find_beaters(latency_ms: Sequence[float], quality: Sequence[float]) -> list[list[int]]:
    """Return, for each point, the indices of the points that beat it.

    Equal points do not beat each other.
    """
    latency_ms = np.asarray(latency_ms, float)
    quality = np.asarray(quality, float)
    beaters = []
    for x, y in zip(latency_ms, quality, strict=True):
        at_least_equal = (latency_ms <= x) & (quality >= y)
        better = (latency_ms < x) | (quality > y)
        beaters.append(np.flatnonzero(at_least_equal & better).tolist())
    return beaters


@dataclass(frozen=True, eq=False)
class Evidence:
    """How sure the differences between two models are; `timings` and `noss` by model."""

    timings: dict[str, Timing]
    noss: dict[str, ModelScores]
    seed: int

    @cache  # noqa: B019  one object lives for the whole of the stage
    def quality_difference(self, one: str, other: str) -> Interval:
        """Return the interval of validation points by which one is better, paired by clips."""
        return estimate_quality_interval(self.noss[one], self.noss[other], "validation", self.seed)

    def latency_ratio(self, one: str, other: str) -> Interval | None:
        """Return the interval of one's latency over the other's, None of too few measurements."""
        return estimate_ratio_interval(self.timings[one].ratios, self.timings[other].ratios)

    def clip_distances(self, weights: dict[str, float]) -> tuple[float, float]:
        """Return how far other clips may move a sum of models' validation qualities, in points.

        `weights` by model; they sum up to 0, so that the teacher's accuracy drops out.
        """
        models = [self.noss[name] for name in weights]
        values = list(weights.values())
        return measure_clip_distances(models, values, "validation", self.seed)


def beats_beyond_doubt(one: str, other: str, evidence: Evidence) -> bool:
    """Tell whether one beats the other even at the slow and bad end of the two intervals."""
    ratio = evidence.latency_ratio(one, other)
    if ratio is None or ratio[1] > 1:
        return False
    _, slowest = ratio
    worst, _ = evidence.quality_difference(one, other)
    return worst >= 0 and (slowest < 1 or worst > 0)


def place(students: Sequence[StudentResult], evidence: Evidence) -> list[StudentResult]:
    """Return the students with where they stand. Diverged ones stand nowhere."""
    sound = [s for s in students if s.is_sound]
    beaters = find_beaters([s.latency_ms for s in sound], [s.quality for s in sound])
    placed = {}
    for student, indices in zip(sound, beaters, strict=True):
        # The likeliest to be beyond doubt first.
        ranked = sorted((sound[i] for i in indices), key=lambda s: -s.quality)
        beaten_by = [s.name for s in ranked]
        beyond_doubt = any(beats_beyond_doubt(name, student.name, evidence) for name in beaten_by)
        placed[student.name] = replace(
            student,
            on_frontier=not beaten_by,
            on_cautious_frontier=not beyond_doubt,
            beaten_by=beaten_by,
        )
    return [placed.get(s.name, s) for s in students]
