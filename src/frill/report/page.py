"""reports/index.html: all results of a run on one page that needs no network and no other file.

Altair (Vega-Lite) draws it: its SVG takes the page's ink, and each mark carries its own name for
screen readers. The library's JavaScript, 0.9 MB, is part of the page. Plotly's takes 4.7 MB and
draws text that screen readers cannot read.
"""

import json
from importlib.resources import files
from pathlib import Path

import altair as alt
import jinja2
import vl_convert
from markupsafe import Markup

from frill.frontier.results import Frontier, Interval, StudentResult
from frill.noss.results import ModelScores
from frill.report.charts import split_bytes
from frill.report.terminal import list_notes

ALTERNATIVES = {
    "frontier": (
        "Latency against quality of every student, with 95 % intervals. Filled: on the frontier, "
        "half filled: on the cautious frontier only, hollow: beaten; the ring marks the selected. "
        "The students table holds the same figures."
    ),
    "tasks": (
        "Points against the teacher by task on test clips, with 95 % intervals, of the students on "
        "the frontier. The tasks table holds them and all others."
    ),
    "effects": (
        "How much each choice weighs on quality, latency and bytes: standardised weights of linear "
        "regressions with 95 % intervals."
    ),
    "curves": (
        "Validation R2 of the teacher's output over the training steps of every student. "
        "The students table ends with the last values."
    ),
    "sizes": (
        "Each file's bytes: backbone, bottleneck and the rest. "
        "Each student's own section holds them as numbers."
    ),
}


def write_page(
    frontier: Frontier,
    noss: dict[str, ModelScores],
    charts: dict[str, alt.TopLevelMixin],
    devices: dict[str, dict],
    path: Path,
) -> None:
    """Write the page to `path`.

    `noss` holds results/noss by model, `charts` the pictures by name, `devices` what is in
    results/devices.json.
    """
    folder = files("frill.report")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["points"] = "{:+.2f}".format
    environment.filters["span"] = _span
    environment.filters["mib"] = _mib
    specs = {name: chart.to_dict() for name, chart in charts.items()}
    library = vl_convert.javascript_bundle()
    students = frontier.students
    # S704: these are files of ours. The specs hold names, in which no tag can end.
    page = environment.from_string((folder / "page.html").read_text()).render(
        frontier=frontier,
        students=sorted(students, key=lambda s: s.latency_ms),
        tasks=list(students[0].tasks),
        noss=noss,
        notes=list_notes(frontier),
        remark={s.name: _remark(s, frontier) for s in students},
        parts={s.name: split_bytes(s) for s in students},
        effects=frontier.effects,
        alternatives=ALTERNATIVES,
        charts=list(charts),
        devices=devices,
        style=Markup((folder / "page.css").read_text()),  # noqa: S704
        script=Markup((folder / "page.js").read_text()),  # noqa: S704
        library=Markup(library.replace("</script", "<\\/script")),  # noqa: S704
        specs=Markup(json.dumps(specs, sort_keys=True).replace("</", "<\\/")),  # noqa: S704
    )
    path.write_text(page)


def _mib(size: int) -> str:
    return f"{size / 2**20:.2f}"


def _span(interval: Interval | None, form: str = "+.2f") -> str:
    return "" if interval is None else f"{interval[0]:{form}} to {interval[1]:{form}}"


def _remark(student: StudentResult, frontier: Frontier) -> str:
    """Tell the most important thing about a student in a few words."""
    if student.name == frontier.selected:
        return "selected"
    if not student.is_sound:
        return "diverged"
    remarks = [frontier.over_budget.get(student.name)]
    if student.beaten_by:
        remarks.append(f"beaten by {', '.join(student.beaten_by[:3])}")
    return "; ".join(filter(None, remarks))
