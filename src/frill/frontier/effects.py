"""What each choice cost: quality, latency and bytes against the axes of the students.

regression   ordinary least squares of quality, log latency and log bytes on all axes at once;
             standardised weights with 95 % intervals, and R2
pairs        students that differ in one axis alone: their mean difference or ratio, which needs no
             model

docs/frontier.md has the formulas and says what to read from them. All students here are sound.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import linalg, stats

from frill.frontier.results import (
    Effects,
    Interval,
    Regression,
    Step,
    StudentResult,
    Weight,
)

# In the order in which a choice is told: the others are compared with the first value present.
# Numbers not listed follow in falling order.
ORDER = {
    "backbone": ["tiny", "small", "large"],
    "pooling": ["flatten", "gap"],
    "rank": ["none"],
    "qat": [0, 1],
    "precision": ["float32", "float16", "dynamic", "int8"],
}
AXES = ("width", *ORDER)
LOG = {"quality": False, "latency_ms": True, "file_bytes": True}
Students = Sequence[StudentResult]
# As pareto.Evidence.clip_distances: weights of students -> distances to the two limits, in points.
ClipDistances = Callable[[dict[str, float]], tuple[float, float]]


@dataclass(frozen=True)
class Fit:
    """Least squares of y on columns and a constant.

    NaN stands for a weight that these data cannot tell from others.
    """

    weights: np.ndarray  # [terms], in units of y per unit of the column
    half_widths: np.ndarray  # [terms], of their 95 % intervals
    r2: float
    freedom: int
    operator: np.ndarray  # [terms, n]; weights = operator @ y


@dataclass(frozen=True)
class Term:
    """A column of the regression: width as the number it is, or an indicator of another value."""

    name: str
    axis: str
    column: list[float]  # [students]


def fit(columns: np.ndarray, y: np.ndarray) -> Fit:
    """Fit `y` float [n] to `columns` float [n, terms].

    Intervals are Student's t with n - 1 - rank degrees of freedom. Needs one of those, and a y that
    varies. Columns that are combinations of each other share a null space. Whatever lies in it is
    not identifiable, all else is unique.
    """
    scales = columns.std(axis=0)
    x = (columns - columns.mean(axis=0)) / scales
    u, s, vt = linalg.svd(x, full_matrices=False)
    kept = s > 1e-9 * s[0]
    centred = y - y.mean()
    scores = u[:, kept].T @ centred
    inverse = vt[kept].T / s[kept]
    weights = inverse @ scores
    freedom = len(y) - 1 - int(kept.sum())
    residual = float(np.sum((centred - u[:, kept] @ scores) ** 2))
    errors = np.sqrt(residual / freedom * np.sum(inverse**2, axis=1))
    half_widths = stats.t.ppf(0.975, freedom) * errors
    known = np.sum(vt[kept] ** 2, axis=0) > 1 - 1e-9  # a unit vector of the row space
    return Fit(
        weights=np.where(known, weights / scales, np.nan),
        half_widths=np.where(known, half_widths / scales, np.nan),
        r2=1 - residual / float(centred @ centred),
        freedom=freedom,
        operator=inverse @ u[:, kept].T / scales[:, None],
    )


def estimate_effects(students: Students, clips: ClipDistances) -> Effects:
    """Return the regression, the pairs, and in notes what they cannot say."""
    regression, notes = regress(students, clips)
    steps = compare_pairs(students, clips)
    return Effects(regression, steps, [*notes, *_note_missing_pairs(students, steps)])


def regress(students: Students, clips: ClipDistances) -> tuple[dict[str, Regression], list[str]]:
    """Return a regression of each outcome, and notes; no regression if the students are too few."""
    terms = _list_terms(students)
    names = ", ".join(term.name for term in terms)
    notes = []
    fixed = [axis for axis in AXES if len(_list_values(students, axis)) < 2]
    if fixed:
        notes.append(f"The same in every student, so nothing is said of it: {', '.join(fixed)}.")
    freedom = len(students) - 1
    if terms:
        columns = np.array([term.column for term in terms], float).T
        freedom -= int(np.linalg.matrix_rank(columns - columns.mean(axis=0)))
    if not terms or freedom < 1:
        few = (
            f"No regression: {len(students)} students leave no degree of freedom beside "
            f"{names or 'no term'} and a constant; the pairs need none."
        )
        return {}, [*notes, few]
    regressions, shared = {}, []
    for outcome, log in LOG.items():
        y = np.array([getattr(s, outcome) for s in students], float)
        y = np.log(y) if log else y
        if np.ptp(y) <= 1e-12 * np.abs(y).max():
            notes.append(f"No regression of {outcome}: it is the same in every student.")
            continue
        least_squares = fit(columns, y)
        below = above = least_squares.half_widths
        if outcome == "quality":
            below, above = _widen(below, least_squares.operator, students, clips)
        scales = columns.std(axis=0) / y.std()
        weights = []
        for index, term in enumerate(terms):
            weight, scale = least_squares.weights[index], scales[index]
            if np.isfinite(weight):
                limits = [weight - below[index], weight + above[index]]
                interval = [float(limit * scale) for limit in limits]
                weights.append(Weight(term.name, term.axis, float(weight * scale), interval))
        regressions[outcome] = Regression(
            least_squares.r2, len(students), log, least_squares.freedom, weights
        )
        known = {weight.term for weight in weights}
        shared = [term.name for term in terms if term.name not in known]
    if shared:
        notes.append(
            "These vary together among the students, so no weight of their own can be given: "
            f"{', '.join(shared)}."
        )
    if freedom < 10:
        notes.append(
            f"{len(students)} students leave {freedom} degrees of freedom beside the weights: "
            "R2 is flattered, intervals are wide."
        )
    return regressions, notes


def _widen(
    half_widths: np.ndarray, operator: np.ndarray, students: Students, clips: ClipDistances
) -> tuple[np.ndarray, np.ndarray]:
    """Return distances to lower and upper limits, [terms]: other clips too, in quadrature.

    All students are scored on the same clips. What these clips favour is no error that more
    students average out.
    """
    names = [student.name for student in students]
    distances = [clips(dict(zip(names, row, strict=True))) for row in operator]
    below, above = np.array(distances).T
    return np.hypot(half_widths, below), np.hypot(half_widths, above)


def compare_pairs(students: Students, clips: ClipDistances) -> list[Step]:
    """Compare pairs of students that are alike in all axes but one, by steps of that axis.

    Steps go to the next value that the group of such students has; so no step is the sum of others.
    Intervals are Student's t over pairs; of quality, other clips add to them in quadrature.
    """
    rows = []
    for axis in AXES:
        pairs: dict[tuple, list[tuple[StudentResult, StudentResult]]] = {}
        for group in _group_alike(students, axis):
            for one, other in pairwise(group):
                step = _get_value(one, axis), _get_value(other, axis)
                pairs.setdefault(step, []).append((one, other))
        order = _list_values(students, axis)
        for step in sorted(pairs, key=lambda step: [order.index(value) for value in step]):
            rows.append(_compare_step(axis, *step, pairs[step], clips))
    return rows


def _compare_step(
    axis: str,
    start: object,
    end: object,
    pairs: list[tuple[StudentResult, StudentResult]],
    clips: ClipDistances,
) -> Step:
    points = [b.quality - a.quality for a, b in pairs]
    log_latency = [np.log(b.latency_ms / a.latency_ms) for a, b in pairs]
    log_bytes = [np.log(b.file_bytes / a.file_bytes) for a, b in pairs]
    quality_interval = _estimate_t_interval(points)
    if quality_interval is not None:
        mean = float(np.mean(points))
        weights = {a.name: -1 / len(pairs) for a, _ in pairs}
        weights |= {b.name: 1 / len(pairs) for _, b in pairs}
        below, above = clips(weights)
        low, high = quality_interval
        lower, upper = mean - np.hypot(mean - low, below), mean + np.hypot(high - mean, above)
        quality_interval = [float(lower), float(upper)]
    latency_interval = _estimate_t_interval(log_latency)
    if latency_interval is not None:
        latency_interval = [float(np.exp(limit)) for limit in latency_interval]
    return Step(
        axis=axis,
        from_=start,
        to=end,
        pairs=len(pairs),
        quality_points=float(np.mean(points)),
        quality_interval=quality_interval,
        latency_ratio=float(np.exp(np.mean(log_latency))),
        latency_ratio_interval=latency_interval,
        bytes_ratio=float(np.exp(np.mean(log_bytes))),
    )


def _note_missing_pairs(students: Students, steps: Sequence[Step]) -> list[str]:
    varying = [axis for axis in AXES if len(_list_values(students, axis)) > 1]
    alone = [axis for axis in varying if not _group_alike(students, axis)]
    notes = []
    if alone:
        notes.append(f"No two students differ in one of these alone: {', '.join(alone)}.")
    if any(step.pairs == 1 for step in steps):
        notes.append("A single pair has no interval: it says what happened once.")
    return notes


def _group_alike(students: Students, axis: str) -> list[list[StudentResult]]:
    """Return groups of students that differ in this axis alone, each in the axis's order.

    Of equal students (other seeds) the first.
    """
    groups: dict[tuple, dict] = {}
    for student in students:
        rest = tuple(_get_value(student, other) for other in AXES if other != axis)
        groups.setdefault(rest, {}).setdefault(_get_value(student, axis), student)
    order = _list_values(students, axis)
    ordered = []
    for group in groups.values():
        if len(group) > 1:
            ordered.append([group[value] for value in order if value in group])
    return ordered


def _list_terms(students: Students) -> list[Term]:
    """Return the axes that vary as columns; every value but an axis's first has an indicator."""
    widths = [s.width for s in students]
    terms = [Term("width", "width", widths)] if len(set(widths)) > 1 else []
    for axis in ORDER:
        for value in _list_values(students, axis)[1:]:
            column = [float(_get_value(s, axis) == value) for s in students]
            terms.append(Term(f"{axis}={value}", axis, column))
    return terms


def _list_values(students: Students, axis: str) -> list:
    """Return the axis's values among the students, in its order."""
    present = {_get_value(s, axis) for s in students}
    if axis == "width":
        return sorted(present)
    listed = [value for value in ORDER[axis] if value in present]
    return listed + sorted(present - set(listed), reverse=True)


def _get_value(student: StudentResult, axis: str) -> str | float:
    value = getattr(student, axis)
    return "none" if value is None else value


def _estimate_t_interval(values: Sequence[float]) -> Interval | None:
    """Return the interval of the mean of a few values; None for one."""
    if len(values) < 2:
        return None
    quantile = float(stats.t.ppf(0.975, len(values) - 1))
    half = quantile * float(np.std(values, ddof=1)) / len(values) ** 0.5
    mean = float(np.mean(values))
    return [mean - half, mean + half]
