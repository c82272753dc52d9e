"""What was rejected or leaked is told; over the limit it is an error that names the limit."""

import numpy as np
import pytest
from examples import write_clips

from frill.audio.clips import Clip, Rejected
from frill.corpora.limits import enforce_limit, enforce_limits
from frill.errors import UserError
from frill.params.load import validate


def test_rejected_files_up_to_the_limit_are_told_and_over_it_stop():
    two = [Rejected("a.wav", "no such file"), Rejected("b.wav", "empty (0 bytes)")]
    assert enforce_limit("mine", two, 100, 0.02) == [
        "mine: a.wav: no such file; skipped",
        "mine: b.wav: empty (0 bytes); skipped",
    ]
    assert enforce_limit("mine", [], 0, 0.0) == []
    message = (
        r"mine: 2 of 99 files cannot be used, over audio.rejected_limit = 0.02; "
        "repair or remove them, or raise the limit"
    )
    with pytest.raises(UserError, match=message):
        enforce_limit("mine", two, 99, 0.02)
    many = [Rejected(f"{index}.wav", "bad") for index in range(25)]
    with pytest.raises(UserError) as error:
        enforce_limit("mine", many, 25, 0.02)
    lines = str(error.value).splitlines()
    assert len(lines) == 12 and lines[10] == "mine: ... and 15 more"
    assert enforce_limit("mine", many[:3], 1000, 0.5, count=7)[3:] == ["mine: ... and 4 more"]


@pytest.fixture
def audio(default):
    """Return params.audio with a folder and clips of AudioSet.

    A tenth may be rejected, a tenth leaked, and half of AudioSet missing.
    """
    folder = {"use": "corpus", "folder": "f", "csv": "f.csv", "columns": {"file": "path"}}
    default["audio"] |= {"rejected_limit": 0.1, "leakage_limit": 0.1, "folder": {"mine": folder}}
    default["audio"]["audioset"] = {
        "youtube": {"use": "corpus", "folder": "f", "csv": "f.csv", "ontology": "o.json"}
    }
    return validate(default).audio


def clips(count: int, split: str = "") -> list[Clip]:
    return [
        Clip(f"{split}{i}", np.full(3, i + 1, np.int16), split=split, source=f"{split}{i}.wav")
        for i in range(count)
    ]


def test_each_limit_has_its_name(tmp_path, audio):
    def lines(source: str, name: str, items: list) -> list[str]:
        return enforce_limits(source, name, write_clips(tmp_path / "store", items), audio)

    bad = Rejected("b.wav", "silent", "silent")
    gone = Rejected("g.wav", "no such file", "missing")
    lost = Rejected("a.tar", "ends early", "archive", 0.5)
    assert lines("folder", "mine", [*clips(9), bad]) == ["mine: b.wav: silent; skipped"]
    with pytest.raises(UserError, match="mine: 2 of 11 files .* over audio.rejected_limit = 0.1"):
        lines("folder", "mine", [*clips(9), bad, gone])
    assert len(lines("audioset", "youtube", [*clips(6), gone, gone, gone, gone])) == 4
    message = "youtube: 7 of 13 files .* over audio.audioset.youtube.missing_limit = 0.5"
    with pytest.raises(UserError, match=message):
        lines("audioset", "youtube", [*clips(6), *[gone] * 7])
    message = "youtube: 2 of 10 files .* over audio.rejected_limit = 0.1"
    with pytest.raises(UserError, match=message):
        lines("audioset", "youtube", [*clips(6), gone, gone, bad, bad])
    message = "mine: archives that end early .* 50% of the set, over audio.rejected_limit = 0.1"
    with pytest.raises(UserError, match=message):
        lines("folder", "mine", [*clips(99), lost])


def test_leakage_is_told_and_over_the_limit_stops(tmp_path, audio):
    written = write_clips(tmp_path / "one", [*clips(20, "train"), *clips(2, "test")])
    assert enforce_limits("folder", "mine", written, audio) == [
        "mine: test0.wav (test) holds the same audio as train0.wav (train)",
        "mine: test1.wav (test) holds the same audio as train1.wav (train)",
        "mine: 2 clips stand in two splits or folds (leakage in summary.json)",
    ]
    written = write_clips(tmp_path / "two", [*clips(20, "train"), *clips(3, "test")])
    message = (
        "mine: 3 of 23 clips stand in two splits or folds, "
        "over audio.leakage_limit = 0.1; take them out"
    )
    with pytest.raises(UserError, match=message):
        enforce_limits("folder", "mine", written, audio)


def test_what_was_odd_is_told(tmp_path, audio):
    items = [
        Clip(f"{i}", np.full(3, i, np.int16), source=f"{i}.wav", note="named .wav but holds flac")
        for i in range(12)
    ]
    lines = enforce_limits("folder", "mine", write_clips(tmp_path / "store", items), audio)
    assert lines[0] == "mine: 0.wav: named .wav but holds flac"
    assert lines[10:] == ["mine: ... and 2 more like it"]


def labelled(parts: list[tuple[str, str]], by: str) -> list[Clip]:
    return [
        Clip(f"{label}{part}", np.full(9, index, np.int16), label=label, **{by: part})
        for index, (label, part) in enumerate(parts)
    ]


@pytest.mark.parametrize(
    "clips, message",
    [
        ([], r"has 0 class \(no clips\); a task needs two or more"),
        ([("a", "train"), ("a", "test")], r"has 1 class \(a\); a task needs two or more"),
        ([("a", "train"), ("b", "dev")], r"has no clips in split test \(there are: dev, train\)"),
        ([("a", "test"), ("b", "")], r"has no clips in split train \(there are: test\)"),
        ([("a", "train"), ("b", "test")], ""),
    ],
)
def test_a_task_that_cannot_be_scored_is_found_before_training(tmp_path, default, clips, message):
    spec = {
        "use": "task",
        "folder": "f",
        "shards": {"train": "a", "test": "b"},
        "fields": {"label": "cls"},
    }
    default["audio"]["webdataset"] = {"mine": spec}
    audio = validate(default).audio
    written = write_clips(tmp_path / "store", labelled(clips, by="split"))
    if not message:
        assert enforce_limits("webdataset", "mine", written, audio) == []
        return
    whole = f"mine: {message}; correct audio.webdataset.mine in params.yaml, or the data"
    with pytest.raises(UserError, match=whole):
        enforce_limits("webdataset", "mine", written, audio)


def test_folds_of_a_task(tmp_path, default):
    spec = {
        "use": "task",
        "folder": "f",
        "shards": "*.tar",
        "fields": {"label": "cls", "fold": "json.fold"},
    }
    default["audio"]["webdataset"] = {"mine": spec}
    audio = validate(default).audio
    three = labelled([("a", "1"), ("b", "2"), ("a", "3")], by="fold")
    assert enforce_limits("webdataset", "mine", write_clips(tmp_path / "three", three), audio) == []
    with pytest.raises(UserError, match="mine: has 2 folds; a task needs three or more"):
        enforce_limits("webdataset", "mine", write_clips(tmp_path / "two", three[:2]), audio)
    blank = [*three, *labelled([("b", "")], by="fold")]
    with pytest.raises(UserError, match="mine: lacks a fold for 1 of 4 clips; correct"):
        enforce_limits("webdataset", "mine", write_clips(tmp_path / "blank", blank), audio)


def test_clips_in_no_split_are_told(tmp_path, default):
    spec = {"use": "task", "folder": "f", "shards": "*.tar"}
    spec["fields"] = {"label": "cls", "split": "json.split"}
    default["audio"]["webdataset"] = {"mine": spec}
    parts = [("a", "train"), ("b", "test"), ("a", "dev"), ("b", "dev")]
    written = write_clips(tmp_path / "store", labelled(parts, by="split"))
    (line,) = enforce_limits("webdataset", "mine", written, validate(default).audio)
    assert line.startswith("mine: 2 of 4 clips stand in no split and are used nowhere ('dev': 2)")
