"""What `dvc metrics` and `dvc plots` show: the selection in figures, one file a student, and the pictures' data."""

import csv
import json
from pathlib import Path

KEYS = (
    "latency_ms",
    "quality",
    "quality_test",
    "mean_test_accuracy",
    "file_bytes",
    "validation_r2",
)


def write(frontier: dict, curves: dict[str, list[dict]], folder: Path) -> None:
    """metrics.json (the selected student and the frontier), students.json (every student), frontier.csv and curves.csv."""
    students = {s["name"]: s for s in frontier["students"]}
    on_frontier = [s["name"] for s in frontier["students"] if s["on_frontier"]]
    metrics = {"selected": frontier["selected"], **_figures(students.get(frontier["selected"]))}
    metrics |= {
        "students": len(students),
        "on_frontier": len(on_frontier),
        "diverged": sum(s["status"] != "ok" for s in students.values()),
    }
    _json(folder / "metrics.json", metrics)
    _json(folder / "students.json", {name: _figures(s) for name, s in students.items()})
    rows = [
        {
            "student": s["name"],
            "latency_ms": s["latency_ms"],
            "quality": s["quality"],
            "on_frontier": s["on_frontier"],
        }
        for s in frontier["students"]
    ]
    _csv(folder / "frontier.csv", rows)
    _csv(
        folder / "curves.csv",
        [{"student": name, **point} for name, curve in curves.items() for point in curve],
    )


def _figures(student: dict | None) -> dict:
    return {key: student[key] for key in KEYS} if student else {}


def _json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n")


def _csv(path: Path, rows: list[dict]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
