"""A trained student as the model of a head: which precision, and whose audio."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from frill.errors import UserError
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


def test_files_of_two_releases_are_not_taken_for_one(tmp_path):
    (tmp_path / "frill.tflite").write_bytes(b"of one model")
    (tmp_path / "frill_1s.tflite").write_bytes(b"of another")
    sums = [hashlib.sha256(b"of one model").hexdigest(), hashlib.sha256(b"of it, too").hexdigest()]
    lines = [f"{sums[0]}  frill.tflite\n", f"{sums[1]}  frill_1s.tflite\n"]
    (tmp_path / "SHA256SUMS").write_text("".join(lines))
    with pytest.raises(UserError, match="frill_1s.tflite is not the file of its SHA256SUMS"):
        read_source(tmp_path)
