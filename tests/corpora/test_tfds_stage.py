"""A set of TensorFlow Datasets through check and its stage in the real graph."""

import csv
import json

import pytest
import tfds_miniatures as miniatures
from pipeline_project import Project, miniature, stages_run
from tfds_checks import read_clips, spec


def test_reading_goes_on_from_any_number(tmp_path, manual):
    miniatures.compare_mask(manual)
    mine = spec(tmp_path, "compare_mask", licence="mine")
    whole = list(read_clips("mask", mine))
    rest = list(read_clips("mask", mine, start=2))
    for clip, expected in zip(rest, whole[2:], strict=True):
        assert (clip.name, clip.source, clip.licence) == (expected.name, expected.source, "mine")


@pytest.mark.slow
def test_check_and_stage(tmp_path, manual):
    params = miniature()
    human = {"use": "task", "dataset": "esc50_human"}
    human |= {"data_dir": str(tmp_path / "tfds"), "manual_dir": str(manual)}
    params["audio"]["tfds"] = {"human": human}
    project = Project(tmp_path / "frill", params)
    done = project.run("dvc", "repro", "download_tfds@human")
    assert done.returncode == 255
    assert "audio.tfds.human.manual_dir" in done.stdout
    assert "holds no ESC-50-master.zip" in done.stdout
    assert stages_run(done.stdout) == ["code", "check"] and "Traceback" not in done.stdout
    truth = miniatures.esc50(manual)
    assert project.repro("download_tfds@human") == ["check", "download_tfds@human"]
    folder = project.folder / "data/task/human"
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["clips"] == len(truth) and set(summary["folds"]) == {"1", "2", "3", "4", "5"}
    with open(folder / "manifest.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["label"] for row in rows} == {expected.label for expected in truth.values()}
    assert {row["licence"] for row in rows} == {"CC BY-NC 3.0"}
    assert project.repro("download_tfds@human") == []
