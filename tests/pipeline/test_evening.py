"""presets/evening.yaml through the real graph, on miniatures in the originals' form."""

import gzip
import json
import sys

import pytest
from examples import speechlike
from pipeline_project import ROOT, Project, miniature

from frill.workflow import overlay

sys.path += [str(ROOT / "tests/corpora"), str(ROOT / "tests/teacher")]
FOLDER = "LibriSpeech/dev-clean"


def write_librispeech(path) -> None:
    """Write an archive as openslr.org/12 has it: speaker, chapter, .flac files and a text."""
    import io

    import soundfile
    from examples import archive

    members = [("LibriSpeech/README.TXT", b"about")]
    for speaker in (84, 174, 251, 422):
        folder = f"{FOLDER}/{speaker}/1000"
        members.append((f"{folder}/{speaker}-1000.trans.txt", b"WHAT WAS SAID"))
        for number in range(6):
            file = io.BytesIO()
            soundfile.write(file, speechlike(48000, speaker + number), 16000, format="FLAC")
            members.append((f"{folder}/{speaker}-1000-{number:04d}.flac", file.getvalue()))
    path.write_bytes(gzip.compress(archive(members)))


@pytest.mark.slow
def test_the_evening_runs_through_the_real_graph(tmp_path, monkeypatch):
    import conventions
    import tfds_miniatures

    for name in ("speech", "crema_d", "esc50"):
        (tmp_path / name).mkdir()
    write_librispeech(tmp_path / "speech/dev-clean.tar.gz")
    tfds_miniatures.crema_d(tmp_path / "crema_d")
    tfds_miniatures.esc50(tmp_path / "esc50")
    conventions.save(conventions.Trill(), tmp_path / "trill")

    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("SPEECH", str(tmp_path / "speech"))
    params = overlay.read(ROOT / "presets/evening.yaml")
    small = miniature()
    params["teacher"] |= {"source": str(tmp_path / "trill"), "output": "embedding"}
    for task, folder in (("emotion", "crema_d"), ("human_sounds", "esc50")):
        params["audio"]["tfds"][task] |= {
            "manual_dir": str(tmp_path / folder),
            "data_dir": str(tmp_path / "tfds"),
        }
    params["audio"] |= {"rejected_limit": 0.5, "leakage_limit": 0.9}
    params["targets"] |= {"projection": 3, "validation_share": 0.3}
    for section in ("distill", "convert", "devices", "selection"):
        params[section] = small[section]
    params["students"] = {name: params["students"][name] for name in ("tiny_050",)}
    project = Project(tmp_path / "frill", params)
    project.repro()

    def read(path: str) -> dict:
        return json.loads((project.folder / path).read_text())

    assert read("data/corpus/librispeech/summary.json")["clips"] == 24
    assert read("data/corpus/librispeech/summary.json")["rejected_counts"] == {}
    assert read("data/task/emotion/summary.json")["speakers"] > 1
    assert read("models/teacher/summary.json")["level"] == "time"
    frontier = read("results/frontier.json")
    assert frontier["selected"] == "tiny_050" and not frontier["synthetic"]
    assert set(frontier["students"][0]["tasks"]) == {"emotion", "human_sounds"}
