"""What MLflow's page opens with: the table of models with axes and metrics, and the charts.

MLflow 3.17 opens a fresh browser on its page for chat models, and shows no param and no metric as a
column until somebody picks it. A view that was shared by its menu is a tag of the experiment,
`mlflow.sharedViewState.KEY`, in JSON; an address with viewStateShareKey=KEY opens it.
"""

import json

from frill.frontier.results import Frontier
from frill.tracking.tags import KIND, NOTE, STATE

VIEW = "frill"
VIEW_TAG = f"mlflow.sharedViewState.{VIEW}"
SHOWN = f"tags.{STATE} != 'superseded' and tags.{STATE} != 'removed' and tags.{KIND} != 'frontier'"
# Widths in pixels: names and figures are read in full.
METRICS = {
    "selected": 72,
    "on_frontier": 86,
    "quality": 72,
    "latency_ms": 88,
    "file_bytes": 84,
}
AXES = {"backbone": 80, "width": 55, "pooling": 65, "rank": 55, "qat": 45, "precision": 80}
CHARTS = [("latency_ms", "quality"), ("file_bytes", "quality"), ("latency_ms", "file_bytes")]
NOTE_ROWS = 40
NOTE_HEAD = (
    "",
    "| student | latency, ms | quality, points | MiB |",
    "|---|---|---|---|",
)


def make_address(page: str, experiment_id: str, charts: bool = False) -> str:
    """Return the address that opens the table, or the charts, of the experiment.

    `page` is the server's address, or nothing for a link within MLflow's page.
    """
    address = f"{page}#/experiments/{experiment_id}/runs?workflowType=machine_learning"
    mode = "&compareRunsMode=CHART" if charts else ""
    return f"{address}&viewStateShareKey={VIEW}{mode}"


def make_experiment_tags(
    frontier: Frontier, experiment_id: str, ids: dict[str, str]
) -> dict[str, str]:
    """Return the tags that hold the view and the experiment's description.

    `ids` are the models' runs by name.
    """
    note = _write_note(frontier, experiment_id, ids)
    return {VIEW_TAG: json.dumps(_make_view()), NOTE: note}


def _make_view() -> dict:
    columns = {f"metrics.`{name}`": width for name, width in METRICS.items()}
    columns |= {f"params.`{name}`": width for name, width in AXES.items()}
    charts = []
    for number, (x, y) in enumerate(CHARTS):
        chart = {
            "uuid": f"chart-{number}",
            "type": "SCATTER",
            "metricSectionId": "frontier",
            "xaxis": {"key": x, "type": "METRIC"},
            "yaxis": {"key": y, "type": "METRIC"},
            "runsCountToCompare": 1000,
            "deleted": False,
            "isGenerated": False,
        }
        charts.append(chart)
    section = {
        "uuid": "frontier",
        "name": "Frontier",
        "display": True,
        "isReordered": False,
        "deleted": False,
        "isGenerated": False,
    }
    return {
        "searchFilter": SHOWN,
        "orderByKey": "metrics.`selected`",
        "orderByAsc": False,
        "selectedColumns": [*columns, "attributes.`Dataset`", "attributes.`Models`"],
        "columnOrder": list(columns),
        "columnWidths": columns,
        "runsHiddenMode": "SHOW_ALL",
        "compareRunCharts": charts,
        "compareRunSections": [section],
        "isAccordionReordered": True,  # else the page adds a section of its own for each metric
    }


def _write_note(frontier: Frontier, experiment_id: str, ids: dict[str, str]) -> str:
    """Return the experiment's description, in Markdown, with links into MLflow's page.

    It stays under the 20,000 characters that MLflow takes.
    """
    table = make_address("", experiment_id)
    charts = make_address("", experiment_id, charts=True)
    models = f"#/experiments/{experiment_id}/models?workflowType=machine_learning"
    lines = [
        f"**[Students, teacher and controls with axes and metrics]({table})**, "
        f"[quality against latency]({charts}), [models]({models})",
        "",
        f"{frontier.reason}.",
        *NOTE_HEAD,
    ]
    on_frontier = [student for student in frontier.students if student.on_frontier]
    for student in sorted(on_frontier, key=lambda student: student.latency_ms)[:NOTE_ROWS]:
        name = student.name
        link = f"[{name}](#/experiments/{experiment_id}/runs/{ids[name]})"
        mib = student.file_bytes / 2**20
        lines.append(f"| {link} | {student.latency_ms:.3f} | {student.quality:+.2f} | {mib:.1f} |")
    return "\n".join(lines)
