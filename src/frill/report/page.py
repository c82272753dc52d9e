"""reports/index.html: everything a run found on one page that needs no network and no other file.

Altair (Vega-Lite) draws it: its SVG takes the page's ink, and each mark carries its own name for screen readers. The library's JavaScript, 0.9 MB, is inlined;
plotly.py's bundle takes 4.7 MB and draws text that only sight can find.
"""

import json
from importlib.resources import files
from pathlib import Path

import altair as alt
import jinja2
import vl_convert
from markupsafe import Markup

from frill.report import charts as drawn
from frill.report.terminal import notes

ALTERNATIVES = {
    "frontier": "Latency against quality of every student, with 95 % intervals. Filled: on the frontier, half filled: on the cautious frontier only, "
    "hollow: beaten; the ring marks the selected. The students table holds the same figures.",
    "tasks": "Points against the teacher by task on test clips, with 95 % intervals, of the students on the frontier. The tasks table holds them and all others.",
    "effects": "How much each choice weighs on quality, latency and bytes: standardised weights of linear regressions with 95 % intervals.",
    "curves": "Validation R2 of the teacher's output over the training steps of every student. The students table ends with the last values.",
    "sizes": "Each file's bytes: backbone, bottleneck and the rest. Each student's own section holds them as numbers.",
}


def write_page(
    frontier: dict,
    noss: dict[str, dict],
    charts: dict[str, alt.TopLevelMixin],
    devices: dict[str, dict],
    path: Path,
) -> None:
    """`noss`: every model's results/noss JSON; `charts` by name, as pictures; `devices`: results/devices.json."""
    folder = files("frill.report")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {
        "points": lambda value: f"{value:+.2f}",
        "span": _span,
        "mib": lambda size: f"{size / 2**20:.2f}",
    }
    page = environment.from_string((folder / "page.html").read_text()).render(
        frontier=frontier,
        students=sorted(frontier["students"], key=lambda s: s["latency_ms"]),
        tasks=list(frontier["students"][0]["tasks"]),
        noss=noss,
        notes=notes(frontier),
        remark={s["name"]: _remark(s, frontier) for s in frontier["students"]},
        parts={s["name"]: drawn.parts_bytes(s) for s in frontier["students"]},
        effects=frontier["effects"],
        alternatives=ALTERNATIVES,
        charts=list(charts),
        devices=devices,
        style=Markup((folder / "page.css").read_text()),  # noqa: S704 - files of ours; in the specs, which hold names, no tag can end
        script=Markup((folder / "page.js").read_text()),  # noqa: S704
        library=Markup(vl_convert.javascript_bundle().replace("</script", "<\\/script")),  # noqa: S704
        specs=Markup(
            json.dumps(
                {name: chart.to_dict() for name, chart in charts.items()}, sort_keys=True
            ).replace("</", "<\\/")
        ),  # noqa: S704
    )
    path.write_text(page)


def _span(interval: list[float] | None, form: str = "+.2f") -> str:
    return "" if interval is None else f"{interval[0]:{form}} to {interval[1]:{form}}"


def _remark(student: dict, frontier: dict) -> str:
    """The most important thing about a student, in a few words."""
    if student["name"] == frontier["selected"]:
        return "selected"
    if student["status"] != "ok":
        return "diverged"
    beaten = f"beaten by {', '.join(student['beaten_by'][:3])}" if student["beaten_by"] else ""
    return "; ".join(filter(None, [frontier["over_budget"].get(student["name"]), beaten]))
