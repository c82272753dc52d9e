"""The documented Python function distilled end to end, in the real graph in miniature."""

import hashlib
import json
import re
import sys

import numpy as np
import pytest
from pipeline_project import MINIATURE_STUDENT, ROOT, Project, miniature

sys.path.append(str(ROOT / "tests/teacher"))

DOCUMENTED, ONNX = re.findall(r"(?s)```python\n(.*?)```", (ROOT / "docs/teacher.md").read_text())


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

    from test_python import HOP, write_onnx

    write_onnx(tmp_path / "model.onnx", np.eye(5, HOP, dtype=np.float32))
    text = ONNX.replace("/data/model.onnx", str(tmp_path / "model.onnx"))
    (project.folder / "onnx_teacher.py").write_text(text)
    params["teacher"] |= {"source": "onnx_teacher.py", "output": "embed"}
    again = ["check", "teacher", "targets", "distill@one", "convert@one"]
    assert project.repro("convert@one") == again
    assert read("data/targets/summary.json")["teacher_values"] == 5
