"""The user's own audio in the real graph: `check` refuses, and changed audio is noticed."""

import csv
import io
import json
import os
import signal
import time

import numpy as np
import pytest
import soundfile
from examples import archive
from pipeline_project import Project, miniature


@pytest.fixture
def project(tmp_path) -> Project:
    audio = tmp_path / "audio"
    audio.mkdir()
    with open(audio / "list.csv", "w", newline="") as file:
        rows = csv.writer(file)
        # `size` as a column's name must not fall into DVC's trap.
        rows.writerow(["path", "size", "part"])
        for number in range(30):
            tone = 0.3 * np.sin(2 * np.pi * (300 + 20 * number) * np.arange(8000) / 8000)
            soundfile.write(audio / f"{number}.wav", tone, 8000)
            size = "high" if number >= 15 else "low"
            rows.writerow([f"{number}.wav", size, ("train", "dev", "eval")[number % 3]])
    params = miniature()
    spec = {"folder": str(audio), "csv": str(audio / "list.csv")}
    columns = {"file": "path", "label": "size", "split": "part"}
    params["audio"]["espeak"] = {"speech": params["audio"]["espeak"]["speech"]}
    splits = {"train": "train", "validation": "dev", "test": "eval"}
    params["audio"]["folder"] = {
        "pitch": {"use": "task", **spec, "columns": columns, "splits": splits}
    }
    project = Project(tmp_path / "frill", params)
    project.audio = audio
    return project


def test_audio_is_read_once_and_again_when_it_changes(project):
    stage = "download_folder@pitch"
    assert project.repro(stage) == ["code", "check", stage]
    assert project.repro(stage) == []
    soundfile.write(project.audio / "3.wav", np.full(4000, 0.1, np.float32), 8000)
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
        ("reserved", "where.'size': DVC's run-cache ignores params keys of this name"),
        ("files", "5 of 30 files cannot be used, over audio.rejected_limit = 0.02"),
        ("teacher", "teacher.source = '../nowhere': not there"),
        ("set", "set = 'shouting': there is no such synthetic set"),
    ],
)
def test_a_mistake_is_one_clear_line_from_check(project, what, expected):
    spoil(project, what)
    project.write()
    done = project.run("frill", "check")
    assert done.returncode == 1
    assert expected in done.stdout
    assert "Traceback" not in done.stdout


def test_some_broken_files_are_listed_and_skipped(project):
    project.params["audio"]["rejected_limit"] = 0.2
    (project.audio / "3.wav").write_bytes(b"")
    project.write()
    done = project.run("frill", "check")
    assert done.returncode == 0
    assert "pitch: 3.wav: empty (0 bytes); skipped" in done.stdout
    project.repro("download_folder@pitch")
    assert '"clips": 29' in (project.folder / "data/task/pitch/summary.json").read_text()


def wav(hz: float) -> bytes:
    file = io.BytesIO()
    tone = 0.3 * np.sin(2 * np.pi * hz * np.arange(8000) / 8000)
    soundfile.write(file, tone, 8000, format="WAV")
    return file.getvalue()


SEGMENTS = """# Segments csv created
# num_ytids=2, num_segs=2
# YTID, start_seconds, end_seconds, positive_labels
aaaaaaaaaaa, 30.000, 40.000, "/m/09x0r"
bbbbbbbbbbb, 0.000, 10.000, "/m/09x0r,/m/04rlf"
"""


@pytest.mark.slow
def test_clips_of_audioset_and_archives_are_stages_of_their_own(project, tmp_path):
    import tensorflow as tf

    (tmp_path / "clips").mkdir()
    (tmp_path / "shards").mkdir()
    (tmp_path / "clips/aaaaaaaaaaa.wav").write_bytes(wav(300))
    (tmp_path / "segments.csv").write_text(SEGMENTS)
    (tmp_path / "classes.csv").write_text('index,mid,display_name\n0,/m/09x0r,"Speech"\n')
    members = [("a.wav", wav(400)), ("a.cls", b"x"), ("b.wav", wav(500)), ("b.cls", b"y")]
    (tmp_path / "shards/0.tar").write_bytes(archive(members))
    features = {"audio": tf.train.Feature(bytes_list=tf.train.BytesList(value=[wav(600)]))}
    example = tf.train.Example(features=tf.train.Features(feature=features))
    with tf.io.TFRecordWriter(str(tmp_path / "shards/0.tfrecord")) as writer:
        writer.write(example.SerializeToString())
    youtube = {
        "use": "corpus",
        "folder": str(tmp_path / "clips"),
        "csv": str(tmp_path / "segments.csv"),
        "ontology": str(tmp_path / "classes.csv"),
        "labels": ["Speech"],
    }
    shards = {"use": "corpus", "folder": str(tmp_path / "shards")}
    tars = {"shards": "{0..0}.tar", "fields": {"label": "cls"}, "licence": "CC0-1.0"}
    project.params["audio"] |= {
        "files": {"plain": {"use": "corpus", "folder": str(tmp_path / "clips")}},
        "audioset": {"youtube": youtube},
        "tfrecord": {"records": shards | {"shards": "*.tfrecord"}},
        "webdataset": {"tars": shards | tars},
    }
    sets = ("files@plain", "audioset@youtube", "tfrecord@records", "webdataset@tars")
    stages = [f"download_{each}" for each in sets]
    assert set(project.repro(*stages)) == {"code", "check", *stages}

    def summary(name: str) -> dict:
        return json.loads((project.folder / f"data/corpus/{name}/summary.json").read_text())

    assert summary("plain")["clips"] == summary("youtube")["clips"] == 1
    assert summary("youtube")["rejected_counts"] == {"missing": 1}
    assert summary("records")["clips"] == 1
    assert summary("tars")["clips"] == 2
    assert summary("tars")["licences"] == {"CC0-1.0": 2}
    assert project.repro(*stages) == []
    assert not list(project.folder.glob("scratch/clips/*/*"))
    (tmp_path / "clips/bbbbbbbbbbb.wav").write_bytes(wav(350))
    project.params["audio"]["webdataset"]["tars"]["licence"] = "CC-BY-4.0"
    assert set(project.repro(*stages)) == {
        "check",
        "download_files@plain",
        "download_audioset@youtube",
        "download_webdataset@tars",
    }


@pytest.mark.slow
def test_kill_9_in_a_download_then_repro_goes_on_at_the_shard(project):
    """DVC deletes the stage's outputs before it runs again.

    The corpus is 40 minutes, in two shards and a bit, spoken in some 20 s.
    """
    project.params["audio"]["espeak"]["speech"]["hours"] = 0.7
    project.write()
    stage = "download_espeak@speech"
    running = project.start("dvc", "repro", stage)
    deadline = time.monotonic() + 300
    while not list(project.folder.glob("scratch/clips/speech/*/state.json")):
        assert running.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    (state,) = project.folder.glob("scratch/clips/speech/*/state.json")
    done = json.loads(state.read_text())["items"]
    corpus = project.folder / "data/corpus/speech"
    assert done > 100
    assert not corpus.exists()
    again = project.run("dvc", "repro", stage)
    assert again.returncode == 0, again.stdout
    assert f" {done}clip" in again.stdout, again.stdout
    resumed = {path.name: path.read_bytes() for path in corpus.iterdir()}
    whole = project.run("dvc", "repro", "--force", "--single-item", "--no-run-cache", stage)
    assert whole.returncode == 0, whole.stdout
    assert resumed == {path.name: path.read_bytes() for path in corpus.iterdir()}
