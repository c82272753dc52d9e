"""What loaders share: order on several threads, what is screened out, patterns of names."""

import threading

import numpy as np
import pytest

from frill.audio.clips import Clip, Rejected
from frill.audio.files import AudioError
from frill.corpora.reading import inside, read_all, read_clip, screened
from frill.corpora.shards import expand, shards


@pytest.mark.parametrize("threads", [1, 3])
def test_items_come_in_order_and_those_before_the_start_are_not_decoded(threads):
    decoded, late = [], threading.Event()

    def read(index: int):
        if index == 4 and threads > 1:
            assert late.wait(30)  # ends after those behind it
        if index == 7:
            late.set()
        decoded.append(index)
        return Rejected(str(index), "")

    items = read_all((lambda index=index: read(index) for index in range(100)), 4, threads)
    assert [item.source for item in items] == [str(index) for index in range(4, 100)]
    assert sorted(decoded) == list(range(4, 100)) and (threads == 1 or decoded[0] != 4)


def test_a_source_is_not_read_far_ahead():
    made = []

    def reads():
        for index in range(1000):
            made.append(index)
            yield lambda index=index: Rejected(str(index), "")

    items = read_all(reads(), 0, 2)
    for _ in range(10):
        next(items)
    assert len(made) <= 20
    items.close()


def test_an_error_of_audio_is_a_rejected_clip_and_others_are_not():
    def fails(error):
        raise error

    item = read_clip(
        "c", "a.wav", lambda: fails(AudioError("empty (no samples)", "empty")), label="x"
    )
    assert item == Rejected("a.wav", "empty (no samples)", "empty")
    with pytest.raises(ZeroDivisionError):
        read_clip("c", "a.wav", lambda: 1 / 0)


def test_silent_clips_and_other_labels_are_rejected():
    def clip(label: str, peak: int) -> Clip:
        return Clip("c", np.array([0, peak], np.int16), label=label, source=f"{label}.wav")

    items = [clip("a", 100), clip("b", 100), clip("", 100), clip("a", 2), Rejected("x", "y")]

    def kinds(labels, needs_label):
        return [getattr(item, "kind", "clip") for item in screened(items, labels, needs_label, -72)]

    assert kinds(None, False) == ["clip", "clip", "clip", "silent", "unreadable"]
    assert kinds(None, True) == ["clip", "clip", "unknown_label", "silent", "unreadable"]
    assert kinds(["a"], False) == ["clip", "unknown_label", "unknown_label", "silent", "unreadable"]
    reasons = [
        item.reason for item in screened(items, ["a"], True, -72) if isinstance(item, Rejected)
    ]
    assert reasons[:3] == [
        "its label 'b' is not among `labels`",
        "has no label",
        "silent (no sample reaches audio.silent_dbfs = -72)",
    ]


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
    assert expand(pattern) == names


def test_shards_are_found_in_order_within_the_folder(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("b-1.tar", "b-0.tar", "c.tar", "[x].tar"):
        (tmp_path / "in" / name).touch()
    (tmp_path / "secret.tar").touch()
    (tmp_path / "in/b-2.tar").symlink_to(tmp_path / "secret.tar")
    (tmp_path / "in/b-3.tar").mkdir()
    found = {
        pattern: shards(str(tmp_path / "in"), pattern)
        for pattern in ("b-*.tar", "b-{0..2}.tar", "[x].tar", "{c,d}.tar", "*.gz")
    }
    names = {
        pattern: ([path.name for path in paths], missing)
        for pattern, (paths, missing) in found.items()
    }
    assert names == {
        "b-*.tar": (["b-0.tar", "b-1.tar"], []),
        "b-{0..2}.tar": (["b-0.tar", "b-1.tar"], ["b-2.tar"]),
        "[x].tar": ([], ["[x].tar"]),  # a character of a set, as the shell reads it
        "{c,d}.tar": (["c.tar"], ["d.tar"]),
        "*.gz": ([], ["*.gz"]),
    }


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
        inside(str(tmp_path), file)
    assert error.value.kind == kind
    assert inside(str(tmp_path), "a/../b.wav") == tmp_path / "a/../b.wav"
