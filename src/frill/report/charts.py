"""The report's pictures as Altair charts: one definition each for the page, PNG and SVG.

Ink is `currentColor`, so a picture takes the page's, in the light and in the dark; the series' colours are readable on both, and never tell alone.
"""

from pathlib import Path

import altair as alt
import vl_convert

BACKBONES = {"tiny": "#2f8fb3", "small": "#d1603d", "large": "#8a6fd1"}
PARTS = {"backbone": "#2f8fb3", "bottleneck": "#d1603d", "rest of the file": "#8f8f8f"}
OUTCOMES = {"quality": "#2f8fb3", "latency_ms": "#d1603d", "file_bytes": "#8a6fd1"}
FILLED = {
    "frontier": 1.0,
    "cautious frontier": 0.4,
    "beaten": 0.0,
}  # opacity of a point by its place
LABELLED = 24  # students; more names than that cover each other, then those of the frontier are written only
INK = {name: "currentColor" for name in ("labelColor", "titleColor", "tickColor", "domainColor")}
MIB = 2**20

alt.data_transformers.disable_max_rows()


def all_of(
    found: dict, points: dict[str, list[dict]], elsewhere: dict[str, dict[str, float]]
) -> dict[str, alt.TopLevelMixin]:
    """Every picture by name, from frontier.json and the curves. Effects are there if frontier.json has a regression."""
    students = found["students"]
    pictures = {
        "frontier": frontier(found, elsewhere),
        "curves": curves(points, {s["name"]: s["backbone"] for s in students}),
    }
    pictures |= {
        "sizes": sizes(students),
        "tasks": tasks([s for s in students if s["on_frontier"]] or students),
    }
    regression = found["effects"]["regression"]
    return pictures | ({"effects": effects(regression)} if regression else {})


def frontier(frontier: dict, elsewhere: dict[str, dict[str, float]]) -> alt.TopLevelMixin:
    """Latency against quality with 95 % intervals of both, each point a link to its student. `elsewhere` as in frill.frontier.other_devices: devices to choose from."""
    rows = [_point(s, frontier, frontier["device"], s["latency_ms"]) for s in frontier["students"]]
    rows += [
        _point(s, frontier, device, times[s["name"]])
        for device, times in elsewhere.items()
        for s in frontier["students"]
        if s["name"] in times
    ]
    times = [row["latency_ms"] for row in rows]
    for row in rows:  # names stand on the side where there is room
        row["side"] = "left" if row["latency_ms"] ** 2 < min(times) * max(times) else "right"
    base = alt.Chart(alt.Data(values=rows))
    devices = [frontier["device"], *elsewhere]
    if len(devices) > 1:
        choice = alt.param(
            name="device",
            value=devices[0],
            bind=alt.binding_select(options=devices, name="Device "),
        )
        base = base.add_params(choice).transform_filter("datum.device == device")
    x = alt.X(
        "latency_ms:Q",
        title="latency of one 0.96 s window, ms (log scale)",
        scale=alt.Scale(type="log", nice=False, padding=24),
        axis=alt.Axis(tickCount=5),
    )
    y = alt.Y(
        "quality:Q",
        title="quality, points against the teacher",
        scale=alt.Scale(zero=False, padding=12),
    )
    colour = alt.Color("backbone:N", scale=_scale(BACKBONES), legend=alt.Legend(title=None))
    place = alt.FillOpacity("filled:Q", scale=None, legend=None)
    shape = alt.Shape(
        "backbone:N", scale=alt.Scale(domain=list(BACKBONES)), legend=alt.Legend(title=None)
    )
    spec = ["student", "backbone", "width", "pooling", "rank", "qat", "precision", "place"]
    numbers = [alt.Tooltip(f"{key}:Q", format=form, title=title) for key, form, title in (
        ("latency_ms", ".3f", "latency, ms"), ("quality", "+.2f", "quality"), ("mib", ".2f", "file, MiB"))]  # fmt: skip
    details = [*(alt.Tooltip(f"{key}:N") for key in spec), *numbers]
    points = base.mark_point(size=90, filled=True, stroke="currentColor", strokeWidth=1.2, cursor="pointer").encode(
        x, y, color=colour, fillOpacity=place, shape=shape, href="link:N", tooltip=details, description="description:N")  # fmt: skip
    named = "true" if len(frontier["students"]) <= LABELLED else "datum.place == 'frontier'"
    layers = [
        base.mark_rule(opacity=0.45, aria=False).encode(
            x, alt.Y("low:Q"), y2="high:Q", color=colour
        ),
        base.mark_rule(opacity=0.45, aria=False).encode(
            alt.X("fast:Q"), alt.X2("slow:Q"), y=y, color=colour
        ),
        base.transform_filter("datum.place == 'frontier'")
        .mark_line(
            interpolate="step-after", aria=False, color="currentColor", opacity=0.5, strokeWidth=1
        )
        .encode(x, y, order="latency_ms:Q"),
        base.transform_filter("datum.selected")
        .mark_point(size=420, aria=False, shape="circle", color="currentColor", strokeWidth=2)
        .encode(x, y),
        *(
            base.transform_filter(f"{named} && datum.side == '{side}'")
            .mark_text(
                align=side, aria=False, dx=9 if side == "left" else -9, dy=-9, color="currentColor"
            )
            .encode(x, y, text="label:N")
            for side in ("left", "right")
        ),
        *_references(
            [r for r in frontier["references"] if r["quality"] >= min(row["low"] for row in rows)]
        ),
        points,  # over all others, which would take the pointer from it
    ]
    return _framed(alt.layer(*layers), 420)


def _point(student: dict, frontier: dict, device: str, latency_ms: float) -> dict:
    low, high = student["quality_interval"]
    deciding = device == frontier["device"]
    fast, slow = student["latency_interval_ms"] if deciding else (latency_ms, latency_ms)
    place = (
        "frontier"
        if student["on_frontier"]
        else "cautious frontier"
        if student["on_cautious_frontier"]
        else "beaten"
    )
    selected = student["name"] == frontier["selected"]
    row = {
        key: student[key] for key in ("backbone", "width", "pooling", "qat", "precision", "quality")
    }
    row |= {
        "student": student["name"],
        "rank": student["rank"] or "none",
        "device": device,
        "latency_ms": latency_ms,
        "place": place,
        "low": low,
        "high": high,
    }
    row |= {
        "fast": min(fast, latency_ms),
        "slow": max(slow, latency_ms),
        "mib": student["file_bytes"] / MIB,
        "selected": selected,
    }
    row["label"] = f"{student['name']} (selected)" if selected else student["name"]
    row["description"] = (
        f"{row['label']}: {latency_ms:.3f} ms, quality {student['quality']:+.2f}, {place}"
    )
    return row | {"filled": FILLED[place], "link": f"#student-{student['name']}"}


def _references(references: list[dict]) -> list[alt.Chart]:
    base = alt.Chart(
        alt.Data(values=[{"name": r["name"], "quality": r["quality"]} for r in references])
    )
    rule = base.mark_rule(color="currentColor", opacity=0.35, strokeDash=[4, 3]).encode(
        y="quality:Q"
    )
    text = base.mark_text(
        color="currentColor", opacity=0.7, align="right", dy=-6, fontStyle="italic"
    ).encode(x=alt.value("width"), y="quality:Q", text="name:N")
    return [rule, text]


def curves(curves: dict[str, list[dict]], backbones: dict[str, str]) -> alt.TopLevelMixin:
    """Validation R2 over the steps of each student. `curves` as models/students/*/curve.csv; student -> backbone."""
    rows = [
        {
            "student": name,
            "backbone": backbones[name],
            "step": int(p["step"]),
            "r2": float(p["validation_r2"]),
            "last": p is curve[-1],
        }
        for name, curve in curves.items()
        for p in curve
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        alt.X("step:Q", title="training step"),
        alt.Y("r2:Q", title="validation R2 of the teacher's output", scale=alt.Scale(zero=False)),
        color=alt.Color("backbone:N", scale=_scale(BACKBONES), legend=alt.Legend(title=None)),
        detail="student:N",
        tooltip=["student:N", "step:Q", alt.Tooltip("r2:Q", format=".3f", title="R2")],
    )
    return _framed(
        alt.layer(base.mark_line(strokeWidth=1.5), base.mark_point(filled=True, size=30)), 320
    )


def sizes(students: list[dict]) -> alt.TopLevelMixin:
    """Each file's bytes: backbone, bottleneck and the rest (graph, front end)."""
    rows = [
        {"student": s["name"], "part": part, "place": list(PARTS).index(part), "mib": size / MIB}
        for s in students
        for part, size in parts_bytes(s).items()
    ]
    chart = alt.Chart(alt.Data(values=rows)).mark_bar(stroke="currentColor", strokeWidth=0.3)
    chart = chart.encode(
        alt.X("mib:Q", title="file, MiB"),
        alt.Y("student:N", title=None, sort="-x"),
        color=alt.Color("part:N", scale=_scale(PARTS), legend=alt.Legend(title=None)),
        order=alt.Order("place:Q"),
        tooltip=["student:N", "part:N", alt.Tooltip("mib:Q", format=".2f", title="MiB")],
    )
    return _framed(chart, 26 * len(students))


def parts_bytes(student: dict) -> dict[str, float]:
    """The file's bytes by part. Weights that `precision` made smaller than they were trained are scaled to what the file holds."""
    weights = min(student["weight_bytes"], student["file_bytes"])
    bottleneck = weights * student["bottleneck_bytes"] / student["weight_bytes"]
    return dict(
        zip(PARTS, (weights - bottleneck, bottleneck, student["file_bytes"] - weights), strict=True)
    )


def tasks(students: list[dict]) -> alt.TopLevelMixin:
    """Test accuracy against the teacher's, task by task, with its 95 % interval, of the students given."""
    rows = []
    for s in students:
        for task, parts in s["tasks"].items():
            low, high = parts["test"]["interval"]
            rows.append(
                {
                    "student": s["name"],
                    "task": task,
                    "points": parts["test"]["points"],
                    "low": low,
                    "high": high,
                }
            )
    base = alt.Chart(alt.Data(values=rows)).encode(
        alt.Y("task:N", title=None),
        yOffset="student:N",
        color=alt.Color(
            "student:N",
            scale=alt.Scale(scheme="tableau10"),
            legend=alt.Legend(title=None, columns=2),
        ),
    )
    tooltip = [
        "student:N",
        "task:N",
        *(alt.Tooltip(f"{key}:Q", format="+.1f") for key in ("points", "low", "high")),
    ]
    dots = base.mark_point(filled=True, size=60).encode(
        alt.X("points:Q", title="points against the teacher (test)"),
        shape=alt.Shape("student:N", legend=None),
        tooltip=tooltip,
    )
    rules = base.mark_rule(strokeWidth=1.5).encode(alt.X("low:Q"), alt.X2("high:Q"))
    return _framed(alt.layer(rules, dots, _zero()), 17 * len(rows))


def effects(regression: dict) -> alt.TopLevelMixin:
    """Standardised weights of every term on quality, latency and bytes, with 95 % intervals. `regression` as in frontier.json's effects."""
    rows = [
        {
            "outcome": outcome,
            "term": w["term"],
            "weight": w["weight"],
            "low": w["interval"][0],
            "high": w["interval"][1],
        }
        for outcome, fit in regression.items()
        for w in fit["weights"]
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        alt.Y("term:N", title=None), yOffset=alt.YOffset("outcome:N", sort=list(OUTCOMES))
    )
    colour = alt.Color("outcome:N", scale=_scale(OUTCOMES), legend=alt.Legend(title=None))
    tooltip = [
        "term:N",
        "outcome:N",
        *(alt.Tooltip(f"{key}:Q", format="+.2f") for key in ("weight", "low", "high")),
    ]
    bars = base.mark_bar(opacity=0.75).encode(
        alt.X("weight:Q", title="standardised weight"), color=colour, tooltip=tooltip
    )
    rules = base.mark_rule(color="currentColor").encode(alt.X("low:Q"), alt.X2("high:Q"))
    return _framed(alt.layer(bars, rules, _zero()), 15 * len(rows))


def _zero() -> alt.Chart:
    return (
        alt.Chart(alt.Data(values=[{"zero": 0}]))
        .mark_rule(color="currentColor", opacity=0.6)
        .encode(x="zero:Q")
    )


def _scale(colours: dict[str, str]) -> alt.Scale:
    return alt.Scale(domain=list(colours), range=list(colours.values()))


def _framed(chart, height) -> alt.TopLevelMixin:
    """As wide as the page gives it, legends above, ink of the page."""
    return (
        chart.properties(width="container", height=height, background="transparent")
        .configure(font="sans-serif")
        .configure_axis(
            **INK,
            gridColor="gray",
            gridOpacity=0.25,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
        )
        .configure_legend(
            orient="top",
            labelColor="currentColor",
            labelFontSize=12,
            symbolStrokeColor="currentColor",
        )
        .configure_view(stroke=None)
    )


WIDTH = 800


def write(charts: dict[str, alt.TopLevelMixin], folder: Path) -> None:
    """NAME.png and NAME.svg of each, on white, 800 units wide."""
    for name, chart in charts.items():
        spec = chart.to_dict() | {"width": WIDTH, "background": "white"}
        (folder / f"{name}.svg").write_text(vl_convert.vegalite_to_svg(spec))
        (folder / f"{name}.png").write_bytes(vl_convert.vegalite_to_png(spec, scale=1.5))
