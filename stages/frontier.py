"""Latency, quality and bytes of every model -> results/frontier.json with the selection."""

import json
from pathlib import Path

from frill.frontier.assemble import assemble
from frill.frontier.latency import read_timings
from frill.frontier.results import write_frontier
from frill.noss.results import read_scores
from frill.params.load import load_params
from frill.workflow.stage import stage


def read_summaries(folder: str, students: list[str]) -> dict[str, dict]:
    paths = {name: Path(folder, name, "summary.json") for name in students}
    return {name: json.loads(path.read_text()) for name, path in paths.items()}


with stage("frontier"):
    settings = load_params()
    students = list(settings.students)
    models = students + settings.references
    frontier = assemble(
        settings,
        timings=read_timings(Path("results/latency", settings.selection.device), models),
        noss={name: read_scores(Path(f"results/noss/{name}.json")) for name in models},
        tflite=read_summaries("models/tflite", students),
        trained=read_summaries("models/students", students),
    )
    write_frontier(frontier, Path("results/frontier.json"))
    print(frontier.reason)
