"""What each choice cost: quality, latency and bytes against the axes of the students.

regression   ordinary least squares of quality, log latency and log bytes on all axes at once; standardised weights with 95 % intervals, and R2
pairs        students that differ in one axis alone: their mean difference or ratio, which needs no model

docs/frontier.md has the formulas and says what to read from them. Students are dicts as in frontier.json, sound ones only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import linalg, stats

# In the order in which a choice is told: the first value present is what the others are compared with. Numbers not listed follow in falling order.
ORDER = {
    "backbone": ["tiny", "small", "large"],
    "pooling": ["flatten", "gap"],
    "rank": ["none"],
    "qat": [0, 1],
    "precision": ["float32", "float16", "dynamic", "int8"],
}
AXES = ("width", *ORDER)
LOG = {"quality": False, "latency_ms": True, "file_bytes": True}
Interval = list[float]


@dataclass(frozen=True)
class Fit:
    """Least squares of y on columns and a constant. NaN stands for a weight that these data cannot tell from others."""

    weights: np.ndarray  # [terms], in units of y per unit of the column
    half_widths: np.ndarray  # [terms], of their 95 % intervals
    r2: float
    freedom: int


def fit(columns: np.ndarray, y: np.ndarray) -> Fit:
    """`columns` float [n, terms], `y` float [n]. Student's t intervals with n - rank degrees of freedom. Needs one of those, and a y that varies.

    Columns that are combinations of each other share a null space; whatever lies in it is not identifiable, all else is unique.
    """
    scales = columns.std(axis=0)
    x = (columns - columns.mean(axis=0)) / scales
    u, s, vt = linalg.svd(x, full_matrices=False)
    kept = s > 1e-9 * s[0]
    rank, centred = int(kept.sum()), y - y.mean()
    scores = u[:, kept].T @ centred
    weights = vt[kept].T @ (scores / s[kept])
    freedom = len(y) - 1 - rank
    residual = float(np.sum((centred - u[:, kept] @ scores) ** 2))
    errors = np.sqrt(residual / freedom * np.sum((vt[kept].T / s[kept]) ** 2, axis=1))
    known = np.sum(vt[kept] ** 2, axis=0) > 1 - 1e-9  # a unit vector of the row space
    weights, half_widths = (
        np.where(known, v / scales, np.nan) for v in (weights, stats.t.ppf(0.975, freedom) * errors)
    )
    return Fit(weights, half_widths, 1 - residual / float(centred @ centred), freedom)


def effects(students: Sequence[dict]) -> dict:
    """The section `effects` of frontier.json: regression, pairs, and what they cannot say in `notes`."""
    found, notes = regression(students)
    return {
        "regression": found,
        "pairs": pairs(students),
        "notes": [*notes, *_pair_notes(students)],
    }


def regression(students: Sequence[dict]) -> tuple[dict, list[str]]:
    """Target -> r2, students, log, freedom, weights; empty with a note if the students are too few."""
    terms = _terms(students)
    fixed = [axis for axis in AXES if len(_values(students, axis)) < 2]
    notes = (
        [f"The same in every student, so nothing is said of it: {', '.join(fixed)}."]
        if fixed
        else []
    )
    columns = (
        np.array([column for _, _, column in terms], float).reshape(len(terms), len(students)).T
    )
    rank = np.linalg.matrix_rank(columns - columns.mean(axis=0)) if terms else 0
    freedom = len(students) - 1 - rank
    if not terms or freedom < 1:
        names = ", ".join(term for term, _, _ in terms) or "no term"
        few = f"No regression: {len(students)} students leave no degree of freedom beside {names} and a constant; the pairs need none."
        return {}, [*notes, few]
    result, shared = {}, []
    for target, log in LOG.items():
        y = np.array([s[target] for s in students], float)
        y = np.log(y) if log else y
        if np.ptp(y) <= 1e-12 * np.abs(y).max():
            notes.append(f"No regression of {target}: it is the same in every student.")
            continue
        found, scale = fit(columns, y), columns.std(axis=0) / y.std()
        weights = [
            {
                "term": term,
                "axis": axis,
                "weight": float(w * k),
                "interval": [float((w - h) * k), float((w + h) * k)],
            }
            for (term, axis, _), w, h, k in zip(
                terms, found.weights, found.half_widths, scale, strict=True
            )
            if np.isfinite(w)
        ]
        shared = [
            term for (term, _, _), w in zip(terms, found.weights, strict=True) if not np.isfinite(w)
        ]
        result[target] = {
            "r2": found.r2,
            "students": len(students),
            "log": log,
            "freedom": found.freedom,
            "weights": weights,
        }
    if shared:
        notes.append(
            f"These vary together among the students, so no weight of their own can be given: {', '.join(shared)}."
        )
    if freedom < 10:
        notes.append(
            f"{len(students)} students leave {freedom} degrees of freedom beside the weights: R2 is flattered, intervals are wide."
        )
    return result, notes


def pairs(students: Sequence[dict]) -> list[dict]:
    """Per axis and step of it: means over pairs of students that are alike in all other axes, `to` against `from`.

    Steps go to the next value that the group of such students has; so no step is the sum of others. Intervals: Student's t over pairs, null for one.
    """
    rows = []
    for axis in AXES:
        steps: dict[tuple, list[tuple[dict, dict]]] = {}
        for group in _alike_but_in(students, axis):
            for one, other in pairwise(group):
                steps.setdefault((_value(one, axis), _value(other, axis)), []).append((one, other))
        order = _values(students, axis)
        for (start, end), found in sorted(
            steps.items(), key=lambda item: [order.index(value) for value in item[0]]
        ):
            points = [b["quality"] - a["quality"] for a, b in found]
            latency, size = (
                [np.log(b[key] / a[key]) for a, b in found] for key in ("latency_ms", "file_bytes")
            )
            between = _t_interval(latency)
            rows.append(
                {
                    "axis": axis,
                    "from": start,
                    "to": end,
                    "pairs": len(found),
                    "quality_points": float(np.mean(points)),
                    "quality_interval": _t_interval(points),
                    "latency_ratio": float(np.exp(np.mean(latency))),
                    "latency_ratio_interval": between
                    and [float(np.exp(limit)) for limit in between],
                    "bytes_ratio": float(np.exp(np.mean(size))),
                }
            )
    return rows


def _pair_notes(students: Sequence[dict]) -> list[str]:
    alone = [
        axis
        for axis in AXES
        if len(_values(students, axis)) > 1 and not _alike_but_in(students, axis)
    ]
    notes = [f"No two students differ in one of these alone: {', '.join(alone)}."] if alone else []
    if any(row["pairs"] == 1 for row in pairs(students)):
        notes.append("A single pair has no interval: it says what happened once.")
    return notes


def _alike_but_in(students: Sequence[dict], axis: str) -> list[list[dict]]:
    """Groups of students that differ in this axis alone, each in the axis's order; of equal students (other seeds) the first."""
    groups: dict[tuple, dict] = {}
    for student in students:
        rest = tuple(_value(student, other) for other in AXES if other != axis)
        groups.setdefault(rest, {}).setdefault(_value(student, axis), student)
    order = _values(students, axis)
    return [
        [group[value] for value in order if value in group]
        for group in groups.values()
        if len(group) > 1
    ]


def _terms(students: Sequence[dict]) -> list[tuple[str, str, list[float]]]:
    """(term, axis, column): width as the number it is, every other axis as an indicator for each value but the first."""
    widths = [s["width"] for s in students]
    terms = [("width", "width", widths)] if len(set(widths)) > 1 else []
    for axis in ORDER:
        for value in _values(students, axis)[1:]:
            terms.append(
                (f"{axis}={value}", axis, [float(_value(s, axis) == value) for s in students])
            )
    return terms


def _values(students: Sequence[dict], axis: str) -> list:
    """The axis's values among the students, in its order."""
    present = {_value(s, axis) for s in students}
    if axis == "width":
        return sorted(present)
    return [v for v in ORDER[axis] if v in present] + sorted(
        present - set(ORDER[axis]), reverse=True
    )


def _value(student: dict, axis: str):
    return "none" if student[axis] is None else student[axis]


def _t_interval(values: Sequence[float]) -> Interval | None:
    """95 % interval of the mean of a few values; None for one."""
    if len(values) < 2:
        return None
    half = (
        float(stats.t.ppf(0.975, len(values) - 1))
        * float(np.std(values, ddof=1))
        / len(values) ** 0.5
    )
    return [float(np.mean(values)) - half, float(np.mean(values)) + half]
