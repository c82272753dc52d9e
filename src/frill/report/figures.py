"""The figures that people compare: git holds them, `dvc metrics` and `dvc plots` show them.

figures/metrics.json     the selected student, the frontier, and what students are compared with
figures/students.json    every student
figures/frontier.csv     every student with its axes and intervals
figures/curves.csv       every student's training
"""

import csv
import json
from collections.abc import Iterable
from pathlib import Path

from frill.frontier.results import Frontier, StudentResult
from frill.params.grid import AXES

METRICS = (
    "latency_ms",
    "quality",
    "quality_test",
    "mean_test_accuracy",
    "file_bytes",
    "validation_r2",
)
REFERENCE_METRICS = ("quality", "quality_test", "mean_test_accuracy")
INTERVALS = ("latency_interval_ms", "quality_interval", "quality_test_interval")


def write(frontier: Frontier, curves: dict[str, list[dict]], folder: Path) -> None:
    """Write the files of `frontier` and of students' curves by name."""
    folder.mkdir(exist_ok=True)
    students = frontier.students
    metrics = {"selected": frontier.selected}
    if frontier.selected_student:
        metrics |= _pick(frontier.selected_student, METRICS)
    metrics["students"] = len(students)
    metrics["on_frontier"] = sum(s.on_frontier for s in students)
    metrics["on_cautious_frontier"] = sum(s.on_cautious_frontier for s in students)
    metrics["diverged"] = sum(not s.is_sound for s in students)
    for reference in frontier.references:
        metrics[reference.name] = _pick(reference, REFERENCE_METRICS)
    _write_json(folder / "metrics.json", metrics)
    figures = {s.name: _pick(s, METRICS) for s in students}
    _write_json(folder / "students.json", figures)
    _write_csv(folder / "frontier.csv", [_make_row(s, frontier) for s in students])
    steps = []
    for name, curve in curves.items():
        steps += [{"student": name} | row for row in curve]
    _write_csv(folder / "curves.csv", steps)


def _make_row(student: StudentResult, frontier: Frontier) -> dict:
    row = {"student": student.name} | _pick(student, AXES) | _pick(student, METRICS)
    for key in INTERVALS:
        low, high = getattr(student, key) or (None, None)
        row |= {key.replace("interval", "low"): low, key.replace("interval", "high"): high}
    row |= _pick(student, ("on_frontier", "on_cautious_frontier"))
    row["selected"] = student.name == frontier.selected
    return row


def _pick(model, keys: Iterable[str]) -> dict:
    return {key: getattr(model, key) for key in keys}


def _write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n")


def _write_csv(path: Path, rows: list[dict]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
