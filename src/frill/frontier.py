"""The latency/quality frontier and the student to ship: results/frontier.json. docs/frontier.md has the formulas.

frontier           students that no other beats: at most their latency and at least their quality, one of them strictly
cautious frontier  students that no other beats beyond doubt: with the 95 % intervals of both differences on the same side
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from frill.effects import effects
from frill.latency import median_interval, pooled_control_ms, pooled_latency_ms, ratio_interval, ratios
from frill.quality import accuracies, by_task, quality, quality_interval, rank_agreement, seed_deviation
from frill.selection import select


def beaters(latency_ms: Sequence[float], quality: Sequence[float]) -> list[list[int]]:
    """Of every point the indices of those that beat it. Equal points do not beat each other."""
    latency, best = np.asarray(latency_ms, float), np.asarray(quality, float)
    beat = [(latency <= x) & (best >= y) & ((latency < x) | (best > y)) for x, y in zip(latency, best, strict=True)]
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
    for student, found in zip(sound, beaters([s["latency_ms"] for s in sound], [s["quality"] for s in sound]), strict=True):
        by = sorted((sound[i] for i in found), key=lambda s: -s["quality"])  # the likeliest to be beyond doubt first
        student |= {"on_frontier": not by, "beaten_by": [s["name"] for s in by]}
        student["on_cautious_frontier"] = not any(beats_beyond_doubt(s["name"], student["name"], evidence) for s in by)


def assemble(params, latency: dict[str, dict], noss: dict[str, dict], tflite: dict[str, dict], trained: dict[str, dict]) -> dict:
    """results/frontier.json, from the results of every model named by params.yaml. Each argument maps a model's name to its JSON."""
    latencies, control_ms, teacher = pooled_latency_ms(latency), pooled_control_ms(latency), noss["teacher"]
    evidence = Evidence(latency, noss, params.seed)

    def against_teacher(name: str) -> dict:
        return {
            "quality": quality(noss[name], teacher, "validation"),
            "quality_interval": quality_interval(noss[name], teacher, "validation", params.seed),
            "quality_test": quality(noss[name], teacher, "test"),
            "quality_test_interval": quality_interval(noss[name], teacher, "test", params.seed),
            "mean_test_accuracy": float(np.mean(accuracies(noss[name], "test"))),
        }

    students = []
    for name, spec in params.students.items():
        student = {"name": name, **spec.model_dump(), "status": trained[name]["status"], "latency_ms": latencies[name]}
        student["latency_interval_ms"] = [r * control_ms for r in median_interval(ratios(latency[name]))]
        student["latency_iqr_ms"] = [r * control_ms for r in latency[name]["ratio_iqr"]]
        student["latency_ratios"] = len(ratios(latency[name]))
        student |= {"file_bytes": tflite[name]["file_bytes"], "peak_memory_mib": latency[name].get("peak_memory_mib")}
        student |= against_teacher(name)
        student |= {"seed_deviation": seed_deviation(noss[name], "validation"), "seed_deviation_test": seed_deviation(noss[name], "test")}
        student["tasks"] = by_task(noss[name], teacher, params.seed)
        student |= {f"parity_{key}": tflite[name]["parity"][key] for key in ("min_cosine", "relative_error")}
        student["quantisation_points"] = noss[name].get("accuracy_change", {}).get("test")
        counted = ("parameters", "multiply_adds", "weight_bytes", "bottleneck_bytes", "validation_r2")
        student |= {key: trained[name][key] for key in counted}
        students.append(student)
    place(students, evidence)
    choice = select(students, params.selection, evidence)
    return {
        "schema": 1,
        "selected": choice.selected,
        "reason": choice.reason,
        "runners_up": choice.runners_up,
        "over_budget": choice.over_budget,
        "device": params.selection.device,
        "synthetic": params.synthetic,
        "pooling": params.noss.pooling,
        "rank_agreement": rank_agreement(noss),
        "speakers_in_train_and_test": {task: n for task, scores in teacher["tasks"].items() if (n := scores["speakers_in_train_and_test"])},
        "students": students,
        "references": [{"name": name, "latency_ms": latencies.get(name)} | against_teacher(name) for name in params.references],
        "effects": effects([s for s in students if s["status"] == "ok"]),
    }
