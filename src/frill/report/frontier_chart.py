"""The picture of the frontier: latency against quality, with 95 % intervals of both."""

import altair as alt

from frill.frontier.results import Frontier, ReferenceResult, StudentResult
from frill.report.chart_style import BACKBONES, MIB, colour_by, frame
from frill.report.names import GAP, HEIGHT, place_names

# Opacity of a point by its place.
FILLED = {"frontier": 1.0, "cautious frontier": 0.4, "beaten": 0.0}
# What a point has from its student as it is.
COPIED = ("backbone", "width", "pooling", "qat", "precision", "quality")
NAMED = ("student", "backbone", "width", "pooling", "rank", "qat", "precision", "place")
X = alt.X(
    "latency_ms:Q",
    title="latency of one 0.96 s window, ms (log scale)",
    scale=alt.Scale(type="log", nice=False, padding=24),
    axis=alt.Axis(tickCount=5),
)
Y = alt.Y(
    "quality:Q",
    title="quality, points against the teacher",
    scale=alt.Scale(zero=False, padding=12),
)
COLOUR = colour_by("backbone", BACKBONES)
SHAPE = alt.Shape(
    "backbone:N", scale=alt.Scale(domain=list(BACKBONES)), legend=alt.Legend(title=None)
)
TOOLTIP = [
    *(alt.Tooltip(f"{key}:N") for key in NAMED),
    alt.Tooltip("latency_ms:Q", format=".3f", title="latency, ms"),
    alt.Tooltip("quality:Q", format="+.2f", title="quality"),
    alt.Tooltip("mib:Q", format=".2f", title="file, MiB"),
]


def draw_frontier(
    frontier: Frontier, other_devices: dict[str, dict[str, float]]
) -> alt.TopLevelMixin:
    """Draw every student of frontier.json, each point a link to its student.

    `other_devices`: latency_ms by device and student, for the devices to choose from beside the one
    that decides.
    """
    rows = _list_points(frontier, other_devices)
    base = alt.Chart(alt.Data(values=rows))
    devices = [frontier.device, *other_devices]
    if len(devices) > 1:
        menu = alt.binding_select(options=devices, name="Device ")
        choice = alt.param(name="device", value=devices[0], bind=menu)
        base = base.add_params(choice).transform_filter("datum.device == device")
    lowest = min(row["low"] for row in rows)
    references = [r for r in frontier.references if r.quality >= lowest]
    layers = [
        *_draw_background(base),
        _draw_names(base),
        *_draw_references(references),
        _draw_points(base),  # last: what lies over the points would take the pointer from them
    ]
    return frame(alt.layer(*layers), HEIGHT)


def _list_points(frontier: Frontier, other_devices: dict[str, dict[str, float]]) -> list[dict]:
    students = frontier.students
    rows = []
    for s in students:
        interval_ms = s.latency_interval_ms or [s.latency_ms]
        rows.append(_make_point(s, frontier, frontier.device, s.latency_ms, interval_ms))
    for device, times in other_devices.items():
        for s in students:
            if s.name in times:
                latency_ms = times[s.name]
                rows.append(_make_point(s, frontier, device, latency_ms, [latency_ms]))
    for device in [frontier.device, *other_devices]:
        place_names([row for row in rows if row["device"] == device])
    return rows


def _make_point(
    student: StudentResult,
    frontier: Frontier,
    device: str,
    latency_ms: float,
    interval_ms: list[float],
) -> dict:
    name = student.name
    selected = name == frontier.selected
    label = f"{name} (selected)" if selected else name
    place = _find_place(student)
    low, high = student.quality_interval
    quality = student.quality
    return {key: getattr(student, key) for key in COPIED} | {
        "student": name,
        "rank": student.rank or "none",
        "device": device,
        "latency_ms": latency_ms,
        "fast": min(*interval_ms, latency_ms),
        "slow": max(*interval_ms, latency_ms),
        "low": low,
        "high": high,
        "mib": student.file_bytes / MIB,
        "place": place,
        "filled": FILLED[place],
        "selected": selected,
        "label": label,
        "description": f"{label}: {latency_ms:.3f} ms, quality {quality:+.2f}, {place}",
        "link": f"#student-{name}",
    }


def _find_place(student: StudentResult) -> str:
    if student.on_frontier:
        return "frontier"
    return "cautious frontier" if student.on_cautious_frontier else "beaten"


def _draw_background(base: alt.Chart) -> list[alt.Chart]:
    """Draw both intervals of each point, the line of the frontier, a ring round the selected."""
    rule = base.mark_rule(opacity=0.45, aria=False)
    line = base.transform_filter("datum.place == 'frontier'").mark_line(
        interpolate="step-after", aria=False, color="currentColor", opacity=0.5, strokeWidth=1
    )
    ring = base.transform_filter("datum.selected").mark_point(
        size=420, aria=False, shape="circle", color="currentColor", strokeWidth=2
    )
    return [
        rule.encode(X, alt.Y("low:Q"), y2="high:Q", color=COLOUR),
        rule.encode(alt.X("fast:Q"), alt.X2("slow:Q"), y=Y, color=COLOUR),
        line.encode(X, Y, order="latency_ms:Q"),
        ring.encode(X, Y),
    ]


def _draw_names(base: alt.Chart) -> alt.Chart:
    """Write the names where place_names put them; on a narrow page the selected one's alone."""
    is_written = "datum.named && (width > 500 || datum.selected)"
    text = base.mark_text(
        align=alt.expr("datum.side"),
        dx=alt.expr(f"datum.side == 'left' ? {GAP} : {-GAP}"),
        dy=alt.expr("datum.dy"),
        text=alt.expr(f"{is_written} ? datum.label : ''"),
        aria=False,
        color="currentColor",
    )
    return text.encode(X, Y)


def _draw_references(references: list[ReferenceResult]) -> list[alt.Chart]:
    rows = [{"name": r.name, "quality": r.quality} for r in references]
    base = alt.Chart(alt.Data(values=rows))
    rule = base.mark_rule(color="currentColor", opacity=0.35, strokeDash=[4, 3])
    text = base.mark_text(
        color="currentColor", opacity=0.7, align="right", dy=-6, fontStyle="italic"
    )
    names = text.encode(x=alt.value("width"), y="quality:Q", text="name:N")
    return [rule.encode(y="quality:Q"), names]


def _draw_points(base: alt.Chart) -> alt.Chart:
    points = base.mark_point(
        size=90, filled=True, stroke="currentColor", strokeWidth=1.2, cursor="pointer"
    )
    return points.encode(
        X,
        Y,
        color=COLOUR,
        fillOpacity=alt.FillOpacity("filled:Q", scale=None, legend=None),
        shape=SHAPE,
        href="link:N",
        tooltip=TOOLTIP,
        description="description:N",
    )
