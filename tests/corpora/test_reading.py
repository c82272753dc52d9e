"""What loaders share: order on several threads, what is screened out, patterns of names."""

import os
import threading
from functools import partial

import numpy as np
import pytest

from frill.audio.clips import Clip, Rejected
from frill.audio.files import AudioError
from frill.corpora import reading
from frill.corpora.reading import join_inside, read_all, read_clip, screen
from frill.corpora.shards import expand_braces, find_shards
from frill.errors import UserError


@pytest.mark.parametrize("threads", [1, 3])
def test_items_come_in_order_and_those_before_the_start_are_not_decoded(threads):
    decoded = []
    late = threading.Event()

    def read(index: int):
        if index == 4 and threads > 1:
            assert late.wait(30)  # ends after those behind it
        if index == 7:
            late.set()
        decoded.append(index)
        return Rejected(str(index), "")

    items = read_all((partial(read, index) for index in range(100)), 4, threads)
    assert [item.source for item in items] == [str(index) for index in range(4, 100)]
    assert sorted(decoded) == list(range(4, 100)) and (threads == 1 or decoded[0] != 4)


def test_a_source_is_not_read_far_ahead():
    made = []

    def reads():
        for index in range(1000):
            made.append(index)
            yield partial(Rejected, str(index), "")

    items = read_all(reads(), threads=2)
    for _ in range(10):
        next(items)
    assert len(made) <= 20
    items.close()


def test_an_error_of_audio_is_a_rejected_clip_and_others_are_not():
    def fail():
        raise AudioError("empty (no samples)", "empty")

    item = read_clip("c", "a.wav", fail, label="x")
    assert item == Rejected("a.wav", "empty (no samples)", "empty")
    with pytest.raises(ZeroDivisionError):
        read_clip("c", "a.wav", lambda: 1 / 0)


def test_silent_clips_and_other_labels_are_rejected():
    def clip(label: str, peak: int) -> Clip:
        return Clip("c", np.array([0, peak], np.int16), label=label, source=f"{label}.wav")

    items = [clip("a", 100), clip("b", 100), clip("", 100), clip("a", 2), Rejected("x", "y")]

    def kinds(labels, needs_label):
        return [getattr(item, "kind", "clip") for item in screen(items, labels, needs_label, -72)]

    assert kinds(None, False) == ["clip", "clip", "clip", "silent", "unreadable"]
    assert kinds(None, True) == ["clip", "clip", "unknown_label", "silent", "unreadable"]
    assert kinds(["a"], False) == ["clip", "unknown_label", "unknown_label", "silent", "unreadable"]
    _, other, without, silent, _ = screen(items, ["a"], True, -72)
    assert other.reason == "its label 'b' is not among `labels`"
    assert without.reason == "has no label"
    assert silent.reason == "silent (no sample reaches audio.silent_dbfs = -72)"


@pytest.mark.parametrize(
    "pattern, names",
    [
        ("a.tar", ["a.tar"]),
        ("a-{08..11}.tar", ["a-08.tar", "a-09.tar", "a-10.tar", "a-11.tar"]),
        ("{train,dev}-{0..1}.tar", ["train-0.tar", "train-1.tar", "dev-0.tar", "dev-1.tar"]),
        ("{a}*.tar", ["a*.tar"]),
        ("a}{b", ["a}{b"]),
    ],
)
def test_braces(pattern, names):
    assert expand_braces(pattern) == names


def test_shards_are_found_in_order_within_the_folder(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("b-1.tar", "b-0.tar", "c.tar", "[x].tar"):
        (tmp_path / "in" / name).touch()
    (tmp_path / "secret.tar").touch()
    (tmp_path / "in/b-2.tar").symlink_to(tmp_path / "secret.tar")
    (tmp_path / "in/b-3.tar").mkdir()
    expected = {
        "b-*.tar": (["b-0.tar", "b-1.tar"], []),
        "b-{0..2}.tar": (["b-0.tar", "b-1.tar"], ["b-2.tar"]),
        "[x].tar": ([], ["[x].tar"]),  # a character of a set, as the shell reads it
        "{c,d}.tar": (["c.tar"], ["d.tar"]),
        "*.gz": ([], ["*.gz"]),
    }
    for pattern, (names, absent) in expected.items():
        paths, missing = find_shards(str(tmp_path / "in"), pattern)
        assert ([path.name for path in paths], missing) == (names, absent)


@pytest.mark.parametrize(
    "file, kind",
    [
        ("../x", "outside"),
        ("/etc/passwd", "outside"),
        ("a\0b", "outside"),
        ("", "missing"),
        ("a/../../x", "outside"),
    ],
)
def test_a_path_that_leads_out(tmp_path, file, kind):
    with pytest.raises(AudioError) as error:
        join_inside(str(tmp_path), file)
    assert error.value.kind == kind
    assert join_inside(str(tmp_path), "a/../b.wav") == tmp_path / "a/../b.wav"


def test_clips_in_no_split_are_counted():
    said = reading.find_unused({"train": 15, "test": 15, "dev": 20, "": 10})
    assert said.startswith("30 of 60 clips stand in no split and are used nowhere ('dev': 20, '':")
    assert said.endswith("write splits: {validation: [dev]} or the like")
    assert reading.find_unused({"train": 1, "validation": 1, "test": 1}) == ""
    assert reading.find_unused({"": 9}) == ""  # a set without splits
    left_out = reading.map_split("validation", {"train": ["tr"]})
    assert "write splits: {validation: [validation]}" in reading.find_unused(
        {"train": 3, left_out: 1}
    )


def test_a_name_that_is_no_utf8_is_named(tmp_path):
    (tmp_path / "sub").mkdir()
    reading.refuse_odd_names("audio.files.calls", str(tmp_path))
    with open(os.fsencode(tmp_path / "sub") + b"/caf\xe9.wav", "wb"):
        pass
    with pytest.raises(UserError, match="sub/caf\ufffd.wav has a name that is no UTF-8") as error:
        reading.refuse_odd_names("audio.files.calls", str(tmp_path))
    assert str(error.value).startswith("params.yaml: audio.files.calls.folder")
