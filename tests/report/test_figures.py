"""The figures that git holds: of each student, and what `dvc metrics` and `dvc plots` show."""

import csv
import json
import re

import yaml
from pipeline_project import ROOT


def test_figures_for_dvc(report, whole):
    folder = report(whole)
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["selected"] == "slow" and metrics["quality"] == -1.5
    assert metrics["students"] == 3 and metrics["on_frontier"] == 2
    with (folder / "curves.csv").open() as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["100", "200"] * 3
    assert metrics["teacher"]["mean_test_accuracy"] > 0
    students = json.loads((folder / "students.json").read_text())
    with (folder / "frontier.csv").open() as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert set(students) == set(rows) and rows["slow"]["selected"] == "True"
    assert float(rows["slow"]["latency_low_ms"]) <= float(rows["slow"]["latency_ms"])


def test_a_clone_shows_the_default_of_params_yaml_and_its_table_in_the_docs():
    """Git holds figures of a run; they are of the students that params.yaml has."""
    students = yaml.safe_load((ROOT / "params.yaml").read_text())["students"]
    with (ROOT / "figures/frontier.csv").open() as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert set(rows) == set(students)
    metrics = json.loads((ROOT / "figures/metrics.json").read_text())
    table = read_table((ROOT / "docs/results/default.md").read_text())
    assert set(table) == set(rows) | {"teacher", "logmel_stats", "random_weights"}
    for name, row in rows.items():
        assert table[name]["latency, ms"] == f"{float(row['latency_ms']):.2f}"
        assert table[name]["file, MiB"] == f"{int(row['file_bytes']) / 2**20:.1f}"
        assert table[name]["validation"].startswith(f"{float(row['quality']):+.1f} ")
        assert table[name]["test"].startswith(f"{float(row['quality_test']):+.1f} ")
        assert ("selected" in table[name]["remark"]) == (row["selected"] == "True")
    for name in ("teacher", "logmel_stats", "random_weights"):
        assert table[name]["validation"].startswith(f"{metrics[name]['quality']:+.1f}")


def read_table(text: str) -> dict[str, dict[str, str]]:
    """Return the first table of a Markdown page, by its first column."""
    lines = re.findall(r"(?m)^\|(.*)\|$", re.search(r"(?m)(?:^\|.*\|\n)+", text)[0])
    head, _, *rows = ([cell.strip() for cell in line.split("|")] for line in lines)
    return {row[0]: dict(zip(head, row, strict=True)) for row in rows}
