"""The student to ship, the next best, and why, in words.

It is the best validation quality among students within the budget, ties to the faster.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from frill.frontier.results import Interval, RunnerUp, StudentResult
from frill.params.schema import Selection

RUNNERS_UP = 3


class Comparison(Protocol):
    """pareto.Evidence, or nothing where only published figures are at hand."""

    quality_difference: Callable[[str, str], Interval]
    latency_ratio: Callable[[str, str], Interval | None]


@dataclass(frozen=True)
class Choice:
    """The selected student's name, None if none is within the budget, and why; as in Frontier."""

    selected: str | None
    reason: str
    runners_up: list[RunnerUp]
    over_budget: dict[str, str]


def select(
    students: Sequence[StudentResult], budget: Selection, evidence: Comparison | None = None
) -> Choice:
    """Select among the sound students. Without `evidence` differences have no intervals."""
    excess = {student.name: _describe_excess(student, budget) for student in students}
    over = {name: text for name, text in excess.items() if text}
    ranked = sorted((s for s in students if s.is_sound), key=lambda s: (-s.quality, s.latency_ms))
    fitting = [student for student in ranked if student.name not in over]
    within = _describe_budget(budget)
    if not fitting:
        advice = "raise selection in params.yaml or add a smaller student"
        return Choice(None, f"no student is {within}; {advice}", [], over)
    best, *others = fitting
    if others:
        reason = (
            f"{best.name} has the best validation quality ({best.quality:+.2f} points) "
            f"of the {len(fitting)} students {within}; "
            f"next is {others[0].name}, {_compare_quality(best, others[0], evidence)}"
        )
    else:
        reason = f"{best.name} is the only student {within}"
    missed = ranked[0]
    if missed is not best:
        points = missed.quality - best.quality
        reason += (
            f"; over the budget {missed.name} is {points:.2f} points better ({over[missed.name]})"
        )
    runners_up = [_describe_runner_up(best, s, evidence) for s in others[:RUNNERS_UP]]
    return Choice(best.name, reason, runners_up, over)


def _describe_excess(student: StudentResult, budget: Selection) -> str:
    """Return why the student is over the budget, or nothing.

    What was not measured cannot be shown to fit.
    """
    excess = []
    if budget.latency_ms and student.latency_ms > budget.latency_ms:
        excess.append(f"{student.latency_ms:.3f} ms > {budget.latency_ms:g} ms")
    if budget.file_bytes and student.file_bytes > budget.file_bytes:
        mib, limit_mib = student.file_bytes / 2**20, budget.file_bytes / 2**20
        excess.append(f"{mib:.1f} MiB > {limit_mib:.1f} MiB")
    memory_mib = student.peak_memory_mib
    if budget.memory_mib and memory_mib is None:
        excess.append(f"its memory was not measured on {budget.device}")
    elif budget.memory_mib and memory_mib > budget.memory_mib:
        excess.append(f"{memory_mib:.1f} MiB of memory > {budget.memory_mib:g} MiB")
    return ", ".join(excess)


def _describe_budget(budget: Selection) -> str:
    limits = []
    if budget.latency_ms:
        limits.append(f"{budget.latency_ms:g} ms on {budget.device}")
    if budget.file_bytes:
        limits.append(f"{budget.file_bytes / 2**20:.1f} MiB")
    if budget.memory_mib:
        limits.append(f"{budget.memory_mib:g} MiB of memory on {budget.device}")
    return f"within {' and '.join(limits)}" if limits else "without a budget"


def _describe_runner_up(
    best: StudentResult, other: StudentResult, evidence: Comparison | None
) -> RunnerUp:
    """Say why `other` comes after `best`: quality, and what it would save or cost."""
    speed = _compare(best.latency_ms / other.latency_ms, "faster", "slower", "as fast")
    size = _compare(best.file_bytes / other.file_bytes, "smaller", "larger", "as large")
    if evidence:
        ratio = evidence.latency_ratio(best.name, other.name)
        if ratio is None:
            speed += " (too few rounds to say how surely)"
        elif ratio[0] <= 1 <= ratio[1]:
            speed += " (within the noise)"
    reason = f"{_compare_quality(best, other, evidence)}, {speed}, {size}"
    return RunnerUp(other.name, other.quality, other.latency_ms, other.file_bytes, reason)


def _compare_quality(best: StudentResult, other: StudentResult, evidence: Comparison | None) -> str:
    lower = best.quality - other.quality
    text = f"{lower:.2f} points lower" if lower else "equally good"
    if evidence is None:
        return text
    low, high = evidence.quality_difference(other.name, best.name)
    doubt = ": these clips cannot tell them apart" if low <= 0 <= high else ""
    return f"{text} (95 % interval of the difference {low:+.2f} to {high:+.2f}{doubt})"


def _compare(ratio: float, more: str, less: str, same: str) -> str:
    factor = max(ratio, 1 / ratio)
    if factor < 1.05:
        return same
    direction = more if ratio > 1 else less
    return f"{factor:.1f} times {direction}"
