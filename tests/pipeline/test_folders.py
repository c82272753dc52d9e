"""The user's own audio in the real graph: what `check` refuses, and that changed audio is noticed."""

import csv

import numpy as np
import pytest
import soundfile
from pipeline_project import Project, miniature


@pytest.fixture
def project(tmp_path) -> Project:
    audio = tmp_path / "audio"
    audio.mkdir()
    with open(audio / "list.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "size", "part"])  # `size` as a column's name must not fall into DVC's trap
        for number in range(30):
            tone = 0.3 * np.sin(2 * np.pi * (300 + 20 * number) * np.arange(8000) / 8000)
            soundfile.write(audio / f"{number}.wav", tone, 8000)
            rows.writerow([f"{number}.wav", ["low", "high"][number >= 15], ["train", "dev", "eval"][number % 3]])
    params = miniature()
    spec = {"folder": str(audio), "csv": str(audio / "list.csv")}
    columns = {"file": "path", "label": "size", "split": "part"}
    params["audio"]["espeak"] = {"speech": params["audio"]["espeak"]["speech"]}
    splits = {"train": "train", "validation": "dev", "test": "eval"}
    params["audio"]["folder"] = {"pitch": {"use": "task", **spec, "columns": columns, "splits": splits}}
    project = Project(tmp_path / "frill", params)
    project.audio = audio
    return project


def test_audio_is_read_once_and_again_when_it_changes(project):
    stage = "download_folder@pitch"
    assert project.repro(stage) == ["check", stage]
    assert project.repro(stage) == []
    soundfile.write(project.audio / "3.wav", np.zeros(4000, np.float32), 8000)
    assert project.repro(stage) == [stage]


def spoil(project: Project, what: str) -> None:
    spec = project.params["audio"]["folder"]["pitch"]
    match what:
        case "folder":
            spec["folder"] += "x"
        case "column":
            spec["columns"]["label"] = "emotion"
        case "split":
            spec["splits"]["test"] = "evaluation"
        case "where":
            spec["where"] = {"part": ["train", "dev"]}
        case "reserved":
            spec["where"] = {"size": "low"}
        case "files":
            for number in range(5):
                (project.audio / f"{number}.wav").write_bytes(b"RIFF" if number else b"")
        case "teacher":
            project.params["teacher"]["source"] = "../nowhere"
        case "set":
            project.params["audio"]["espeak"]["speech"]["set"] = "shouting"


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("folder", "audiox': no such folder"),
        ("column", "columns.label names the column 'emotion', which"),
        ("split", "no clips in split test (the column holds: "),
        ("where", "no clips in split test"),
        ("reserved", "where.size = 'size': DVC's run-cache ignores params keys of this name"),
        ("files", "5 of 30 files cannot be used, over audio.rejected_limit = 0.02"),
        ("teacher", "teacher.source = '../nowhere': no such folder"),
        ("set", "set = 'shouting': there is no such synthetic set"),
    ],
)
def test_a_mistake_is_one_clear_line_from_check(project, what, expected):
    spoil(project, what)
    project.write()
    done = project.run("frill", "check")
    assert done.returncode == 1
    assert expected in done.stdout and "Traceback" not in done.stdout


def test_some_broken_files_are_listed_and_skipped(project):
    project.params["audio"]["rejected_limit"] = 0.2
    (project.audio / "3.wav").write_bytes(b"")
    project.write()
    done = project.run("frill", "check")
    assert done.returncode == 0 and "pitch: 3.wav: empty (0 bytes); skipped" in done.stdout
    project.repro("download_folder@pitch")
    assert '"clips": 29' in (project.folder / "data/task/pitch/summary.json").read_text()
