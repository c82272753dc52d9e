"""Presets: what differs from params.yaml, merged, with names filled in and grids written out."""

import shutil

import pytest
import yaml
from pipeline_project import ROOT

from frill.errors import UserError
from frill.params.load import ParamsError, load_params, parse
from frill.workflow import overlay, presets

PRESETS = sorted(path.stem for path in (ROOT / "presets").glob("*.yaml"))


@pytest.fixture
def project(tmp_path, monkeypatch):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    (tmp_path / "presets").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(project, text: str) -> dict:
    (project / "presets/mine.yaml").write_text(text)
    return overlay.read(presets.find("mine"))


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_is_valid_and_short(monkeypatch, name):
    monkeypatch.chdir(ROOT)
    assert presets.load(name).students
    head = (ROOT / f"presets/{name}.yaml").read_text().partition("\n\n")[0]
    command = "make quick" if name == "quick" else f"make repro PRESET={name}"
    assert command in head


def test_a_value_is_the_presets_and_all_others_are_params_yamls(project):
    expected = parse(ROOT / "params.yaml")
    expected["distill"]["steps"] = 7
    expected["audio"]["silent_dbfs"] = -60
    expected["tracking"]["experiment"] = "frill-mine"
    assert read(project, "distill: {steps: 7}\naudio: {silent_dbfs: -60}\n") == expected


def test_a_preset_is_an_experiment_of_its_own_or_that_which_it_names(project):
    assert read(project, "seed: 1\n")["tracking"]["experiment"] == "frill-mine"
    params = read(project, "tracking: {experiment: voices}\n")
    assert params["tracking"] == parse(ROOT / "params.yaml")["tracking"] | {"experiment": "voices"}


def test_a_section_of_names_is_the_presets_own(project):
    params = read(
        project,
        "students: {a: {backbone: tiny, width: 1.0}}\n"
        "audio: {espeak: {}, webdataset: {b: {use: corpus}}}\n",
    )
    assert params["students"] == {"a": {"backbone": "tiny", "width": 1.0}}
    assert params["audio"]["espeak"] == {} and params["audio"]["webdataset"] == {
        "b": {"use": "corpus"}
    }
    assert params["audio"]["folder"] == {} and params["audio"]["rejected_limit"] == 0.02


def test_a_grid_is_written_out_beside_other_students(project):
    params = read(
        project,
        "students:\n  grid: {backbone: tiny, width: [0.5, 1.0], rank: [none, 8]}\n"
        "  mine: {backbone: large, width: 1.0}\n",
    )
    assert params["students"] == {
        "tiny_050": {"backbone": "tiny", "width": 0.5},
        "tiny_050_rank8": {"backbone": "tiny", "width": 0.5, "rank": 8},
        "tiny_100": {"backbone": "tiny", "width": 1.0},
        "tiny_100_rank8": {"backbone": "tiny", "width": 1.0, "rank": 8},
        "mine": {"backbone": "large", "width": 1.0},
    }
    with pytest.raises(ParamsError, match="the grid: wdith is no axis of a student"):
        read(project, "students: {grid: {backbone: tiny, wdith: 1.0}}\n")


def test_names_are_taken_from_the_environment_and_paths_that_exist_are_absolute(
    project, monkeypatch
):
    (project / "audio").mkdir()
    monkeypatch.setenv("AUDIO", "audio")
    monkeypatch.setenv("HOME", str(project))
    text = (
        "# $NOT_READ\naudio: {folder: {a: {folder: $AUDIO, csv: ~/audio, columns: {f: $AUDIO}}}}\n"
    )
    folder = read(project, text)["audio"]["folder"]["a"]
    assert folder["folder"] == folder["csv"] == f"{project}/audio"
    assert folder["columns"] == {"f": "audio"}
    with pytest.raises(UserError, match=r"\$TEACHER is not set; run `make repro PRESET=mine TEACH"):
        read(project, "teacher: {source: $TEACHER}\n")


def test_what_is_written_is_read_as_it_was(project):
    params = read(project, "students: {grid: {backbone: tiny, width: [0.5, 1.0]}}\n")
    overlay.write(params, presets.find("mine"), project / "params.yaml")
    assert parse(project / "params.yaml") == params
    assert set(load_params().students) == {"tiny_050", "tiny_100"}
    assert yaml.safe_load((project / "params.yaml").read_text())["seed"] == 17


def test_a_grid_that_is_none_and_a_mark_in_a_value(project):
    with pytest.raises(ParamsError, match="students.grid = 5: must be lists of values by axis"):
        read(project, "students: {grid: 5}\n")
    (project / "a #1").mkdir()
    folder = read(project, 'audio: {files: {a: {use: corpus, folder: "a #1"}}}\n')["audio"]
    assert folder["files"]["a"]["folder"] == f"{project}/a #1"
