"""The documented Python function distilled end to end, in the real graph in miniature."""

import hashlib
import json
import re

import pytest
from pipeline_project import MINIATURE_STUDENT, ROOT, Project, miniature

DOCUMENTED = re.search(r"(?s)```python\n(.*?)```", (ROOT / "docs/teacher.md").read_text())[1]


@pytest.mark.slow
def test_a_python_function_is_distilled_scored_and_released(tmp_path):
    params = miniature()
    params["teacher"] |= {"source": "my_teacher.py", "output": "spectrum"}
    params["students"] = {"one": MINIATURE_STUDENT}
    project = Project(tmp_path / "frill", params)
    (project.folder / "my_teacher.py").write_text(DOCUMENTED)
    project.repro()

    def read(path: str) -> dict:
        return json.loads((project.folder / path).read_text())

    teacher = read("models/teacher/summary.json")
    assert (teacher["level"], teacher["values"]) == ("frames", 40)
    assert teacher["sha256"] == hashlib.sha256(DOCUMENTED.encode()).hexdigest()
    assert read("data/targets/summary.json")["teacher_values"] == 40
    assert read("results/latency/host/teacher.json")["latency_ms"] is None
    frontier = read("results/frontier.json")
    assert frontier["selected"] == "one"
    assert {each["name"] for each in frontier["references"]} >= {"teacher", "logmel_stats"}
    assert "my_teacher.py" in (project.folder / "release/MODEL_CARD.md").read_text()
    assert project.repro() == ["track"]
    (project.folder / "my_teacher.py").write_text(DOCUMENTED.replace("1e-6", "1e-5"))
    assert project.repro("targets") == ["check", "teacher", "targets"]
