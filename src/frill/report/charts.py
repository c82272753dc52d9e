"""The report's pictures as Altair charts: one definition each for the page, PNG and SVG."""

from pathlib import Path

import altair as alt
import vl_convert

from frill.frontier.results import Frontier, Regression, StudentResult
from frill.report.chart_style import BACKBONES, MIB, OUTCOMES, PARTS, colour_by, frame
from frill.report.frontier_chart import SHAPE, draw_frontier
from frill.report.names import MOST_NAMES

WIDTH = 800
SEPARATOR = "|"  # between a task and a student, in neither's name

alt.data_transformers.disable_max_rows()


def draw_all(
    frontier: Frontier, curves: dict[str, list[dict]], other_devices: dict[str, dict[str, float]]
) -> dict[str, alt.TopLevelMixin]:
    """Return the pictures of frontier.json and of the curves by name.

    There is one of the effects if frontier.json has a regression. `other_devices` is as in
    draw_frontier.
    """
    students = frontier.students
    on_frontier = [s for s in students if s.on_frontier]
    pictures = {
        "frontier": draw_frontier(frontier, other_devices),
        "curves": draw_curves(curves, {s.name: s.backbone for s in students}),
        "sizes": draw_sizes(students if len(students) <= MOST_NAMES else on_frontier),
        "tasks": draw_tasks(on_frontier or students),
    }
    if frontier.effects.regression:
        pictures["effects"] = draw_effects(frontier.effects.regression)
    return pictures


def draw_curves(curves: dict[str, list[dict]], backbones: dict[str, str]) -> alt.TopLevelMixin:
    """Draw validation R2 over the training steps of each student.

    `curves` holds the rows of models/students/*/curve.csv by student, `backbones` its backbone.
    """
    rows = []
    for name, curve in curves.items():
        for point in curve:
            rows.append(
                {
                    "student": name,
                    "backbone": backbones[name],
                    "step": int(point["step"]),
                    "r2": float(point["validation_r2"]),
                    "last": point is curve[-1],
                }
            )
    base = alt.Chart(alt.Data(values=rows)).encode(
        alt.X("step:Q", title="training step"),
        alt.Y("r2:Q", title="validation R2 of the teacher's output", scale=alt.Scale(zero=False)),
        color=colour_by("backbone", BACKBONES),
        detail="student:N",
        tooltip=["student:N", "step:Q", alt.Tooltip("r2:Q", format=".3f", title="R2")],
    )
    if len(curves) > MOST_NAMES:  # points of so many cover each other
        return frame(base.mark_line(strokeWidth=1, opacity=0.5), 320)
    lines = base.mark_line(strokeWidth=1.5)
    return frame(alt.layer(lines, base.mark_point(filled=True, size=30)), 320)


def draw_sizes(students: list[StudentResult]) -> alt.TopLevelMixin:
    """Draw the bytes of each file: backbone, bottleneck and the rest (graph, frontend)."""
    rows = []
    for s in students:
        for place, (part, part_bytes) in enumerate(split_bytes(s).items()):
            rows.append({"student": s.name, "part": part, "place": place, "mib": part_bytes / MIB})
    chart = alt.Chart(alt.Data(values=rows)).mark_bar(stroke="currentColor", strokeWidth=0.3)
    chart = chart.encode(
        alt.X("mib:Q", title="file, MiB"),
        alt.Y("student:N", title=None, sort="-x"),
        color=colour_by("part", PARTS),
        order=alt.Order("place:Q"),
        tooltip=["student:N", "part:N", alt.Tooltip("mib:Q", format=".2f", title="MiB")],
    )
    return frame(chart, 26 * len(students))


def split_bytes(student: StudentResult) -> dict[str, float]:
    """Return a file's bytes by part.

    Weights that `precision` made smaller than they were trained are scaled to what the file holds.
    """
    weights = min(student.weight_bytes, student.file_bytes)
    bottleneck = weights * student.bottleneck_bytes / student.weight_bytes
    sizes = (weights - bottleneck, bottleneck, student.file_bytes - weights)
    return dict(zip(PARTS, sizes, strict=True))


def draw_tasks(students: list[StudentResult]) -> alt.TopLevelMixin:
    """Draw test accuracy against the teacher's, task by task, with its 95 % interval.

    A line for each student under each task's name, in order of latency.
    """
    in_order = sorted(students, key=lambda s: s.latency_ms)
    rows, lines = [], []
    for task in students[0].tasks:
        lines += [task, *(f"{task}{SEPARATOR}{s.name}" for s in in_order)]
        for s in in_order:
            difference = s.tasks[task].test
            low, high = difference.interval
            row = {"student": s.name, "task": task, "backbone": s.backbone}
            row |= {"points": difference.points, "low": low, "high": high}
            rows.append(row | {"line": f"{task}{SEPARATOR}{s.name}"})
    is_task = f"indexof(datum.value, '{SEPARATOR}') < 0"
    axis = alt.Axis(
        labelExpr=f"slice(datum.value, indexof(datum.value, '{SEPARATOR}') + 1)",
        labelFontWeight={"condition": {"test": is_task, "value": "bold"}, "value": "normal"},
        labelLimit=190,
        ticks=False,
    )
    base = alt.Chart(alt.Data(values=rows)).encode(
        alt.Y("line:N", title=None, scale=alt.Scale(domain=lines), axis=axis),
        color=colour_by("backbone", BACKBONES),
    )
    figures = [alt.Tooltip(f"{key}:Q", format="+.1f") for key in ("points", "low", "high")]
    dots = base.mark_point(filled=True, size=60).encode(
        alt.X("points:Q", title="points against the teacher (test)"),
        shape=SHAPE,
        tooltip=["student:N", "task:N", *figures],
    )
    rules = base.mark_rule(strokeWidth=1.5).encode(alt.X("low:Q"), alt.X2("high:Q"))
    return frame(alt.layer(rules, dots, _draw_zero()), 17 * len(lines))


def draw_effects(regressions: dict[str, Regression]) -> alt.TopLevelMixin:
    """Draw the standardised weight of every term on every outcome, with 95 % intervals."""
    rows = []
    for outcome, fit in regressions.items():
        for w in fit.weights:
            row = {"outcome": outcome, "term": w.term, "weight": w.weight}
            row["low"], row["high"] = w.interval
            rows.append(row)
    base = alt.Chart(alt.Data(values=rows)).encode(
        alt.Y("term:N", title=None), yOffset=alt.YOffset("outcome:N", sort=list(OUTCOMES))
    )
    figures = [alt.Tooltip(f"{key}:Q", format="+.2f") for key in ("weight", "low", "high")]
    bars = base.mark_bar(opacity=0.75).encode(
        alt.X("weight:Q", title="standardised weight"),
        color=colour_by("outcome", OUTCOMES),
        tooltip=["term:N", "outcome:N", *figures],
    )
    rules = base.mark_rule(color="currentColor").encode(alt.X("low:Q"), alt.X2("high:Q"))
    return frame(alt.layer(bars, rules, _draw_zero()), 15 * len(rows))


def _draw_zero() -> alt.Chart:
    line = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(color="currentColor", opacity=0.6)
    return line.encode(x="zero:Q")


def write(charts: dict[str, alt.TopLevelMixin], folder: Path) -> None:
    """Write NAME.png and NAME.svg of each, on white, WIDTH units wide."""
    for name, chart in charts.items():
        spec = chart.to_dict() | {"width": WIDTH, "background": "white"}
        (folder / f"{name}.svg").write_text(vl_convert.vegalite_to_svg(spec))
        (folder / f"{name}.png").write_bytes(vl_convert.vegalite_to_png(spec, scale=1.5))
