"""A trained student as the model of a head: which precision, and whose audio."""

import json
import shutil
from pathlib import Path

import pytest

from frill.head.source import read_source

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """Return a project with one student, whose file is int8; nothing is converted."""
    student = tmp_path / "models/students/small"
    student.mkdir(parents=True)
    (student / "spec.json").write_text("{}")
    (tmp_path / "models/tflite/small").mkdir(parents=True)
    (tmp_path / "models/tflite/small/summary.json").write_text('{"precision": "int8"}')
    monkeypatch.setattr("frill.release.make.convert_folder", lambda folder, precision: (b"", b""))
    return tmp_path


@pytest.mark.parametrize(
    "at, model",
    [(".", "models/students/small"), ("models/students", "small"), ("models/students/small", ".")],
)
def test_a_students_precision_is_found_from_any_folder(project, monkeypatch, at, model):
    monkeypatch.chdir(project / at)
    about = read_source(Path(model)).about
    assert about == "small, a student of models/students, int8"


def test_whose_audio_it_is_is_known_before_there_is_a_frontier(project):
    """The default's audio is eSpeak's, as its params.yaml says."""
    student = project / "models/students/small"
    assert not read_source(student).synthetic
    shutil.copy(ROOT / "params.yaml", project)
    assert read_source(student).synthetic
    (project / "results").mkdir()
    (project / "results/frontier.json").write_text(json.dumps({"synthetic": False}))
    assert not read_source(student).synthetic
