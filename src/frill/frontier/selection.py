"""The student to ship: the best validation quality among students within the budget, ties to the faster; the next best, and why, in words."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from frill.params.schema import Selection

RUNNERS_UP = 3
Interval = list[float]


class Comparison(Protocol):
    """frontier.Evidence, or nothing where only published figures are at hand."""

    quality_difference: Callable[[str, str], Interval]
    latency_ratio: Callable[[str, str], Interval]


@dataclass(frozen=True)
class Choice:
    """The selected student's name (None if the budget fits none), the reason in words, the next best, and who was left out for what."""

    selected: str | None
    reason: str
    runners_up: list[dict]
    over_budget: dict[str, str]


def select(students: list[dict], budget: Selection, evidence: Comparison | None = None) -> Choice:
    """`students` as in frontier.json. Diverged ones cannot be selected. Without `evidence` differences are told without their intervals."""
    over = {s["name"]: why for s in students if (why := over_budget(s, budget))}
    ranked = sorted(
        (s for s in students if s["status"] == "ok"), key=lambda s: (-s["quality"], s["latency_ms"])
    )
    fitting = [s for s in ranked if s["name"] not in over]
    within = _within(budget)
    if not fitting:
        return Choice(
            None,
            f"no student is {within}; raise selection in params.yaml or add a smaller student",
            [],
            over,
        )
    best, *others = fitting
    among = (
        "the only student"
        if not others
        else f"the best validation quality ({best['quality']:+.2f} points) of the {len(fitting)} students"
    )
    reason = f"{best['name']} {'has' if others else 'is'} {among} {within}"
    if others:
        reason += f"; next is {others[0]['name']}, {_worse(best, others[0], evidence)}"
    if ranked[0] is not best:
        missed = ranked[0]
        reason += f"; over the budget {missed['name']} is {missed['quality'] - best['quality']:.2f} points better ({over[missed['name']]})"
    kept = ("name", "quality", "latency_ms", "file_bytes")
    runners_up = [
        {key: s[key] for key in kept} | {"reason": _reason(best, s, evidence)}
        for s in others[:RUNNERS_UP]
    ]
    return Choice(best["name"], reason, runners_up, over)


def find_selected(frontier: dict) -> dict | None:
    """The selected student's entry in frontier.json, or None where the budget fits none."""
    return next(
        (student for student in frontier["students"] if student["name"] == frontier["selected"]),
        None,
    )


def over_budget(student: dict, budget: Selection) -> str:
    """Why the student is over the budget, or nothing. What was not measured cannot be shown to fit."""
    why = []
    if budget.latency_ms and student["latency_ms"] > budget.latency_ms:
        why.append(f"{student['latency_ms']:.3f} ms > {budget.latency_ms:g} ms")
    if budget.file_bytes and student["file_bytes"] > budget.file_bytes:
        why.append(f"{student['file_bytes'] / 2**20:.1f} MiB > {budget.file_bytes / 2**20:.1f} MiB")
    if budget.memory_mib and (memory_mib := student["peak_memory_mib"]) is None:
        why.append(f"its memory was not measured on {budget.device}")
    elif budget.memory_mib and memory_mib > budget.memory_mib:
        why.append(f"{memory_mib:.1f} MiB of memory > {budget.memory_mib:g} MiB")
    return ", ".join(why)


def _within(budget: Selection) -> str:
    limits = [f"{budget.latency_ms:g} ms on {budget.device}"] if budget.latency_ms else []
    limits += [f"{budget.file_bytes / 2**20:.1f} MiB"] if budget.file_bytes else []
    limits += (
        [f"{budget.memory_mib:g} MiB of memory on {budget.device}"] if budget.memory_mib else []
    )
    return f"within {' and '.join(limits)}" if limits else "without a budget"


def _reason(best: dict, other: dict, evidence: Comparison | None) -> str:
    """Why `other` comes after `best`: quality, and what it would save or cost."""
    faster, smaller = (
        best["latency_ms"] / other["latency_ms"],
        best["file_bytes"] / other["file_bytes"],
    )
    parts = [
        _worse(best, other, evidence),
        _times(faster, "faster", "slower", "as fast"),
        _times(smaller, "smaller", "larger", "as large"),
    ]
    if evidence:
        low, high = evidence.latency_ratio(best["name"], other["name"])
        parts[1] += " (within the noise)" if low <= 1 <= high else ""
    return ", ".join(parts)


def _worse(best: dict, other: dict, evidence: Comparison | None) -> str:
    lower = best["quality"] - other["quality"]
    text = f"{lower:.2f} points lower" if lower else "equally good"
    if evidence is None:
        return text
    low, high = evidence.quality_difference(other["name"], best["name"])
    doubt = ": these clips cannot tell them apart" if low <= 0 <= high else ""
    return f"{text} (95 % interval of the difference {low:+.2f} to {high:+.2f}{doubt})"


def _times(ratio: float, more: str, less: str, same: str) -> str:
    factor = max(ratio, 1 / ratio)
    return same if factor < 1.05 else f"{factor:.1f} times {more if ratio > 1 else less}"
