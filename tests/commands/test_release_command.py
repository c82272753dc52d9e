"""`frill release`: where it may write."""

from pathlib import Path

import pytest

from frill.cli import run
from frill.errors import UserError


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    (tmp_path / "results").mkdir()
    (tmp_path / "results/frontier.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "out, message",
    [
        ("photos", "--out photos: holds summer.jpg, which is not of a release; name another"),
        ("photos/summer.jpg", "--out photos/summer.jpg: is a file; name a folder"),
        ("release", "--out release: is the stage's own folder; name another"),
    ],
)
def test_a_folder_with_other_files_is_refused(project, out, message):
    """It would be removed whole if the release's files did not embed alike."""
    (project / "photos").mkdir()
    (project / "photos/summer.jpg").write_text("as it was")
    with pytest.raises(UserError, match=message):
        run(["release", "--student", "one", "--out", out])
    assert (project / "photos/summer.jpg").read_text() == "as it was"


def test_an_earlier_release_is_no_other_file(project):
    """What follows is the next step: there is no params.yaml here."""
    (project / "release_one").mkdir()
    (project / "release_one/frill.tflite").write_text("an earlier one")
    with pytest.raises(UserError, match="params.yaml"):
        run(["release", "--student", "one"])
