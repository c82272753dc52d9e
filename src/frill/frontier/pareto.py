"""Which students no other beats, and how surely.

frontier           students that no other beats: at most their latency and at least their quality, one of them strictly
cautious frontier  students that no other beats beyond doubt: with the 95 % intervals of both differences on the same side
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from frill.frontier.latency import ratio_interval
from frill.frontier.quality import quality_interval


def beaters(latency_ms: Sequence[float], quality: Sequence[float]) -> list[list[int]]:
    """Of every point the indices of those that beat it. Equal points do not beat each other."""
    latency, best = np.asarray(latency_ms, float), np.asarray(quality, float)
    beat = [
        (latency <= x) & (best >= y) & ((latency < x) | (best > y))
        for x, y in zip(latency, best, strict=True)
    ]
    return [np.flatnonzero(row).tolist() for row in beat]


@dataclass(frozen=True, eq=False)
class Evidence:
    """How sure the differences between two models are. `latency` and `noss` map models to their JSON under results/."""

    latency: dict[str, dict]
    noss: dict[str, dict]
    seed: int

    @cache  # noqa: B019  one object lives for the whole of the stage
    def quality_difference(self, one: str, other: str) -> list[float]:
        """95 % interval of validation points by which one is better, paired clip by clip."""
        return quality_interval(self.noss[one], self.noss[other], "validation", self.seed)

    def latency_ratio(self, one: str, other: str) -> list[float]:
        """95 % interval of one's latency over the other's."""
        return ratio_interval(self.latency[one], self.latency[other])


def beats_beyond_doubt(one: str, other: str, evidence: Evidence) -> bool:
    """Whether one is at least as fast and as good at the slow and bad end of the two intervals, and at one of them strictly."""
    _, slowest = evidence.latency_ratio(one, other)
    if slowest > 1:
        return False
    worst, _ = evidence.quality_difference(one, other)
    return worst >= 0 and (slowest < 1 or worst > 0)


def place(students: list[dict], evidence: Evidence) -> None:
    """Writes where they stand into `students`, as in frontier.json: beaten_by, on_frontier, on_cautious_frontier. Diverged ones stand nowhere."""
    for student in students:
        student |= {"on_frontier": False, "on_cautious_frontier": False, "beaten_by": []}
    sound = [s for s in students if s["status"] == "ok"]
    for student, found in zip(
        sound, beaters([s["latency_ms"] for s in sound], [s["quality"] for s in sound]), strict=True
    ):
        by = sorted(
            (sound[i] for i in found), key=lambda s: -s["quality"]
        )  # the likeliest to be beyond doubt first
        student |= {"on_frontier": not by, "beaten_by": [s["name"] for s in by]}
        student["on_cautious_frontier"] = not any(
            beats_beyond_doubt(s["name"], student["name"], evidence) for s in by
        )
