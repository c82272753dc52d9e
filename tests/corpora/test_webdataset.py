"""WebDataset in miniature: tars made by the test, with the members of a sample side by side."""

import gzip
import io
import json
import tarfile

import numpy as np
import pytest
import soundfile
from examples import archive, encode, odd_member, tone

from frill.audio.clips import Clip, Rejected
from frill.corpora import webdataset
from frill.corpora.reading import read_all
from frill.errors import UserError
from frill.params.audio import WebdatasetSet
from frill.params.load import ParamsError, validate

FIELDS = {"label": "cls", "speaker": "json.speaker.id", "licence": "json.licence"}


def audio(kind: str = "WAV", rate_hz: int = 16000, hz: float = 440.0) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, tone(hz, rate_hz, 0.5), rate_hz, format=kind)
    return file.getvalue()


def meta(**values) -> bytes:
    return json.dumps(values).encode()


def spec(root, **changes) -> WebdatasetSet:
    values = {"use": "corpus", "folder": str(root), "shards": "*.tar*", "fields": FIELDS}
    return WebdatasetSet.model_validate(values | changes)


def read_clips(mine: WebdatasetSet, start: int = 0, threads: int = 1) -> list[Clip | Rejected]:
    return list(read_all(webdataset.prepare_reads("mine", mine), start, threads))


@pytest.fixture
def tars(tmp_path):
    first = [
        ("a/0001.wav", audio()),
        ("a/0001.json", meta(speaker={"id": "anna"}, licence="CC0-1.0", part="dev")),
        ("a/0001.cls", b"3\n"),
        ("a/0002.FLAC", audio("FLAC", 48000)),
        ("a/0002.cls", b"1"),
        ("a/0002.json", meta(speaker={"id": 7})),
    ]
    second = [
        ("b/0001.seg.mp3", audio("MP3", 44100)),
        ("b/0001.txt", b"what was said"),
        ("README", b"no sample"),
        ("0003.m4a", encode(tone(440, 44100, 0.5)[None], 44100, "ipod", "aac")),
        ("0004.ogg", audio("OGG", 22050)),
        ("0004.txt", b"x"),
    ]
    (tmp_path / "train-000000.tar").write_bytes(archive(first))
    (tmp_path / "train-000001.tar.gz").write_bytes(gzip.compress(archive(second)))
    return tmp_path


def test_samples_are_grouped_by_key(tars):
    mine = spec(tars, audio=["wav", "flac", "seg.mp3", "m4a", "ogg"], licence="CC-BY-4.0")
    clips = read_clips(mine)
    expected = [
        ("mine-000000", "3", "anna", "CC0-1.0", "train-000000.tar:a/0001"),
        ("mine-000001", "1", "7", "CC-BY-4.0", "train-000000.tar:a/0002"),
        ("mine-000002", "", "", "CC-BY-4.0", "train-000001.tar.gz:b/0001"),
        ("mine-000003", "", "", "CC-BY-4.0", "train-000001.tar.gz:0003"),
        ("mine-000004", "", "", "CC-BY-4.0", "train-000001.tar.gz:0004"),
    ]
    for clip, values in zip(clips, expected, strict=True):
        assert (clip.name, clip.label, clip.speaker, clip.licence, clip.source) == values
        assert len(clip.samples) == 8000
        peak = clip.samples[1000:7000].std() * np.sqrt(2)
        assert peak == pytest.approx(0.5 * 32767, rel=0.03), clip.source
    again = read_clips(mine, start=3, threads=2)
    assert [clip.name for clip in again] == ["mine-000003", "mine-000004"]


def test_splits_by_pattern_and_by_field(tars):
    shards = {"train": "train-000000.tar", "test": "train-{000001..000001}.tar.gz"}
    items = read_clips(spec(tars, use="task", shards=shards))
    splits = [item.split for item in items if isinstance(item, Clip)]
    assert splits == ["train", "train", "test", "test"]
    fields = {"label": "txt", "split": "json.part"}
    items = read_clips(spec(tars, use="task", fields=fields, splits={"validation": "dev"}))
    by_field = [(item.split, item.label) for item in items if isinstance(item, Clip)]
    assert by_field == [("validation", ""), ("", ""), ("", ""), ("", "x")]


def test_what_cannot_be_used_is_counted(tmp_path):
    files = [
        ("a.json", meta(x=1)),
        ("b.wav", b"not audio"),
        ("c.wav", audio()),
        ("c.wav", audio()),
        ("d.wav", audio("FLAC")),
        ("e.wav", audio()),
        ("e.json", b"{"),
        ("f.wav", audio()),
        ("f.cls", b"\xff\xfe"),
        (".hidden", b""),
        ("g.wav", b""),
    ]
    link = odd_member("h.wav", tarfile.SYMTYPE, "/etc/passwd")
    (tmp_path / "a.tar").write_bytes(archive(files, [link]))
    items = read_clips(spec(tmp_path))
    rejected = {}
    for item in items:
        if isinstance(item, Rejected):
            rejected[item.source] = (item.kind, item.reason.split(" (")[0])
    assert rejected == {
        "a.tar:a": ("missing", "holds no audio"),
        "a.tar:b": ("unreadable", "unreadable"),
        "a.tar:c": ("unreadable", "has two members .wav; the keys of samples must differ"),
        "a.tar:e": ("unreadable", "its metadata cannot be read"),
        "a.tar:f": ("unreadable", "its metadata cannot be read"),
        "a.tar:g": ("empty", "empty"),
        "a.tar:h": ("outside", "its .wav is a link, a device or too large; it is not followed"),
    }
    (clip,) = [item for item in items if isinstance(item, Clip)]
    assert clip.note == "named .wav but holds flac; read by its content"
    assert clip.name == "mine-000003"


def test_an_archive_that_ends_early_stands_for_its_share(tars):
    whole = (tars / "train-000000.tar").read_bytes()
    (tars / "train-000000.tar").write_bytes(whole[: whole.index(b"a/0002.json") + 520])
    # The sample that the archive ends in is not trusted.
    first, cut, without_audio, *others = read_clips(spec(tars))
    assert first.source == "train-000000.tar:a/0001"
    assert without_audio.kind == "missing"
    assert [clip.source for clip in others] == [
        "train-000001.tar.gz:0003",
        "train-000001.tar.gz:0004",
    ]
    assert (cut.source, cut.kind, cut.share) == ("train-000000.tar", "archive", 0.5)
    assert "1 samples of the set were read until then" in cut.reason


@pytest.mark.parametrize(
    "shards, message",
    [
        (
            "train-{000000..000003}.tar",
            "audio.webdataset.mine.shards = .*: no file train-000001.tar and 2 more in .*; "
            "fetch it, or correct the pattern",
        ),
        (
            {"test": "dev-*.tar"},
            r"audio.webdataset.mine.shards.test = 'dev-\*.tar': no file dev-\*.tar in",
        ),
        (
            {"train": "train-*", "test": "train-000000.tar"},
            "audio.webdataset.mine.shards: the patterns name an archive twice",
        ),
    ],
)
def test_shards_that_are_not_there(tars, shards, message):
    with pytest.raises(UserError, match=message):
        read_clips(spec(tars, shards=shards))
    message = "audio.webdataset.mine.folder = '/nowhere': no such folder"
    with pytest.raises(UserError, match=message):
        read_clips(spec(tars, folder="/nowhere"))


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            {"use": "task"},
            "a task needs either fields.split or fields.fold, or a pattern of `shards` for each",
        ),
        (
            {"use": "task", "fields": {}, "shards": {"train": "a", "test": "b"}},
            "a task needs fields.label",
        ),
        (
            {"shards": {"train": "a"}, "fields": {"split": "json.part"}},
            "the splits are named twice",
        ),
        (
            {"shards": "../*.tar"},
            "shards.str: must be within the folder|shards.*must be within the folder",
        ),
        ({"shards": "a{0..3.tar"}, "has a brace without its partner"),
        ({"sharts": "a"}, "sharts: unknown key"),
    ],
)
def test_specs_that_are_refused(default, tars, changes, message):
    values = {"use": "corpus", "folder": "tars", "shards": "*.tar", "fields": FIELDS}
    default["audio"]["webdataset"] = {"mine": values | changes}
    with pytest.raises(ParamsError, match=message):
        validate(default)


def test_texts_among_a_corpus_of_recordings_are_passed_over(tmp_path):
    """As LibriSpeech's archives have them (openslr.org/12)."""
    folder = "LibriSpeech/dev-clean/84/121123"
    members = [
        ("LibriSpeech/README.TXT", b"about"),
        (f"{folder}/84-121123.trans.txt", b"84-121123-0000 GO DO YOU HEAR"),
        (f"{folder}/84-121123-0000.flac", audio("FLAC", 16000)),
        (f"{folder}/84-121123-0001.flac", audio("FLAC", 16000)),
    ]
    (tmp_path / "dev-clean.tar.gz").write_bytes(gzip.compress(archive(members)))
    clips = read_clips(spec(tmp_path, shards="dev-clean.tar.gz", audio=["flac"]))
    assert [clip.source.rpartition("/")[2] for clip in clips] == [
        "84-121123-0000",
        "84-121123-0001",
    ]
