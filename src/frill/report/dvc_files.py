"""What `dvc metrics` and `dvc plots` show: figures of the selection and of each student, curves."""

import csv
import json
from pathlib import Path

from frill.frontier.results import Frontier, StudentResult

METRICS = (
    "latency_ms",
    "quality",
    "quality_test",
    "mean_test_accuracy",
    "file_bytes",
    "validation_r2",
)
POINT = ("latency_ms", "quality", "on_frontier")


def write(frontier: Frontier, curves: dict[str, list[dict]], folder: Path) -> None:
    """Write metrics.json, students.json, frontier.csv and curves.csv.

    metrics.json holds the selected student and the frontier, students.json every student.
    """
    metrics = {"selected": frontier.selected}
    students = frontier.students
    if frontier.selected_student:
        metrics |= _pick(frontier.selected_student, METRICS)
    metrics["students"] = len(students)
    metrics["on_frontier"] = sum(s.on_frontier for s in students)
    metrics["diverged"] = sum(not s.is_sound for s in students)
    _write_json(folder / "metrics.json", metrics)
    figures = {s.name: _pick(s, METRICS) for s in students}
    _write_json(folder / "students.json", figures)
    points = [{"student": s.name} | _pick(s, POINT) for s in students]
    _write_csv(folder / "frontier.csv", points)
    steps = []
    for name, curve in curves.items():
        steps += [{"student": name} | row for row in curve]
    _write_csv(folder / "curves.csv", steps)


def _pick(student: StudentResult, keys: tuple[str, ...]) -> dict:
    return {key: getattr(student, key) for key in keys}


def _write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n")


def _write_csv(path: Path, rows: list[dict]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
