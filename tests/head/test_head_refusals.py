"""What makes no head is told in one sentence, and nothing is written."""

import json
import re
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from head_sounds import write_folder

from frill import Head
from frill.cli import run
from frill.embed.head import ABOUT, About
from frill.errors import UserError
from frill.release.tflite_metadata import attach_files


def break_folder(folder: Path, kind: str) -> list[str]:
    """Write clips with something wrong, and return what else is typed."""
    write_folder(folder, ["a", "b"], 4)
    if kind == "one class":
        shutil.rmtree(folder / "b")
    elif kind == "one clip":
        for clip in (1, 2, 3):
            (folder / f"b/{clip}.wav").unlink()
    elif kind == "no folder":
        return ["--levels", "label", "speaker"]
    elif kind == "no label":
        with open(folder / "list.csv", "w") as file:
            file.write("file,label\n")
            for path in sorted(folder.glob("*/*.wav")):
                label = path.parent.name if path.stem != "0" else ""
                file.write(f"{path.relative_to(folder)},{label}\n")
        return ["--csv", str(folder / "list.csv")]
    elif kind == "other words":
        with open(folder / "list.csv", "w") as file:
            file.write("file,label,split\n")
            for path in sorted(folder.glob("*/*.wav")):
                part = "Test" if path.stem == "3" else "Train"
                file.write(f"{path.relative_to(folder)},{path.parent.name},{part}\n")
        return ["--csv", str(folder / "list.csv")]
    elif kind == "no column":
        (folder / "list.csv").write_text("path,word\na/0.wav,a\n")
        return ["--csv", str(folder / "list.csv")]
    return []


@pytest.mark.parametrize(
    "kind, message",
    [
        ("one class", r"^clips: has 1 class \(a\); a head needs two or more$"),
        ("one clip", r"^clips: the class 'b' has 1 clip; a head needs 3 or more of each"),
        ("no folder", r"lies in 1 folders below .*; --levels names 2: label, speaker"),
        ("no label", r"2 of 8 files cannot be used, over --rejected-limit = 0.02"),
        ("other words", r"no clips in split train \(the column holds: Test, Train\); .*--splits"),
        ("no column", r"list.csv: which column holds the file\? Name it by --columns file="),
    ],
)
def test_clips_that_make_no_head_are_one_sentence(release, tmp_path, kind, message):
    more = break_folder(tmp_path / "clips", kind)
    arguments = ["head", str(tmp_path / "clips"), "--model", str(release)]
    with pytest.raises(UserError) as error:
        run([*arguments, "--out", str(tmp_path / "x.tflite"), *more])
    assert re.search(message, str(error.value))
    assert "params.yaml" not in str(error.value)
    assert not list(tmp_path.glob("x*"))


def test_a_label_that_is_missing_is_named(release, tmp_path):
    more = break_folder(tmp_path / "clips", "no label")
    arguments = ["head", str(tmp_path / "clips"), "--model", str(release), *more]
    with pytest.raises(UserError, match="clips: a/0.wav: has no label; skipped"):
        run([*arguments, "--out", str(tmp_path / "x.tflite")])


def test_a_model_without_frontend_and_other_options_are_one_sentence(
    release, tmp_path, pooling_models
):
    def attempt(*arguments: str) -> str:
        with pytest.raises(UserError) as error:
            run(["head", *arguments])
        return str(error.value)

    clips = str(tmp_path)
    model = attempt(clips, "--model", str(pooling_models[0]), "--out", "x.tflite")
    assert "a head needs a model with frontend" in model and "cheap.tflite" in model
    (tmp_path / "old").mkdir()
    shutil.copy(release / "frill.tflite", tmp_path / "old")
    old = attempt(clips, "--model", str(tmp_path / "old"), "--out", "x.tflite")
    assert "has no frill_1s.tflite, a model with frontend; `make repro` writes it" in old
    at = ["--model", str(release)]
    assert "expected a name that ends in .tflite" in attempt(clips, *at, "--out", "x.bin")
    assert "give either AUDIO" in attempt(*at, "--out", "x.tflite")
    assert "--task mood: data/task/mood is not there" in attempt(
        "--task", "mood", *at, "--out", "x.tflite"
    )
    missing = attempt(str(tmp_path / "none"), *at, "--out", "x.tflite")
    assert missing.startswith("AUDIO = ") and missing.endswith("no such folder; correct the path")
    roles = attempt(clips, *at, "--csv", "l.csv", "--columns", "who=x", "--out", "x.tflite")
    assert "--columns who=x: expected NAME=VALUE, NAME one of file, label" in roles


@pytest.mark.parametrize(
    "options, message",
    [
        ("CLIPS --labels a b happy", "--labels happy: no clip has this label; there are: a, b$"),
        ("CLIPS --columns file=path", "--columns is about a CSV: give it by --csv"),
        ("CLIPS --splits test=exam", "--splits is about a CSV: give it by --csv"),
        ("CLIPS --csv CSV --levels speaker label", "--levels is about sub-folders: with --csv"),
        ("CLIPS --csv CSV --splits train=x test=x", "--splits names the word x twice"),
        ("CLIPS --csv CSV --columns file=a file=b", "--columns names 2 for file: a, b; keep one"),
        ("--task mood --labels a b", "--labels is about AUDIO: --task mood has its labels"),
        ("--task mood --csv CSV", "--csv is about AUDIO: --task mood has its labels"),
        ("CLIPS --rejected-limit 2", "--rejected-limit 2: expected a share of the files"),
        ("CLIPS --rejected-limit nan", "--rejected-limit nan: expected a share of the files"),
        ("CLIPS --seed -1", "--seed -1: expected 0 to 2147483647"),
    ],
)
def test_an_option_that_would_do_nothing_or_is_out_of_range(release, tmp_path, options, message):
    places = {"CLIPS": str(write_folder(tmp_path / "clips", ["a", "b"], 3)), "CSV": "list.csv"}
    words = [places.get(word, word) for word in options.split()]
    with pytest.raises(UserError, match=message):
        run(["head", *words, "--model", str(release), "--out", str(tmp_path / "x.tflite")])
    assert not list(tmp_path.glob("x*"))


@pytest.mark.parametrize(
    "out, message",
    [
        ("release/frill.tflite", "release/frill.tflite is there and no head of `frill head`"),
        ("release/frill_nofrontend.tflite", "frill_nofrontend.tflite is there and no head"),
        ("plain/x.tflite", "cannot write to .*plain: file exists"),
        ("folder.tflite", "folder.tflite is a folder; name another file"),
    ],
)
def test_a_place_where_no_head_may_be_written(release, tmp_path, out, message):
    """Nothing there changes, least of all the model that the head stands on."""
    model = tmp_path / "release"
    shutil.copytree(release, model)
    (model / "frill_nofrontend.tflite").write_text("as it was")
    (tmp_path / "plain").write_text("as it was")
    (tmp_path / "folder.tflite").mkdir()
    clips = str(write_folder(tmp_path / "clips", ["a", "b"], 3))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match=message):
        run(["head", clips, "--model", str(model), "--out", str(tmp_path / out)])
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_a_run_that_fails_leaves_the_head_of_the_last_one(release, tmp_path, monkeypatch):
    clips = str(write_folder(tmp_path / "clips", ["a", "b"], 3))
    (tmp_path / "out").mkdir()
    arguments = ["head", clips, "--model", str(release), "--out", str(tmp_path / "out/x.tflite")]
    assert run(arguments) == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert len(before) == 7
    monkeypatch.setattr("frill.head.write.PARITY", 0)
    with pytest.raises(UserError, match="x.tflite: a probability differs .*; nothing is written"):
        run(arguments)
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}


@pytest.mark.parametrize("name", ["frill.tflite", "frill_1s.tflite"])
@pytest.mark.parametrize("length", [30, 5000])
def test_a_model_that_is_cut_off_is_named(release, tmp_path, name, length):
    model = tmp_path / "release"
    shutil.copytree(release, model)
    (model / name).write_bytes((release / name).read_bytes()[:length])
    clips = str(write_folder(tmp_path / "clips", ["a", "b"], 3))
    with pytest.raises(UserError, match=rf"--model .*release/{name}: "):
        run(["head", clips, "--model", str(model), "--out", str(tmp_path / "x.tflite")])


def test_a_file_that_is_no_head_is_named(release, tmp_path):
    message = "has no labels of a head; give a file that `frill head`"
    with pytest.raises(ValueError, match=message):
        Head(release / "frill.tflite")
    about = About(["a", "b"], 0.5, 0.5, 1.0, 1.0, False, 90.0)  # two labels of 24 values
    files = {ABOUT: json.dumps(asdict(about)).encode()}
    path = tmp_path / "x.tflite"
    path.write_bytes(attach_files((release / "frill.tflite").read_bytes(), files))
    with pytest.raises(ValueError, match=message):
        Head(path)
