"""The clip store returns what was written, in shards, with the same bytes every time."""

import csv
import hashlib
import json

import numpy as np
import pytest

from frill import clips
from frill.clips import Clip, ClipStore, Rejected, enforce_limit, write_clips
from frill.errors import UserError


def some_clips(count: int = 7):
    rng = np.random.default_rng(3)
    for index in range(count):
        samples = rng.integers(-32768, 32768, 300 + 100 * index).astype(np.int16)
        yield Clip(f"c{index}", samples, label="ab"[index % 2], speaker=f"s{index % 3}", split="train", fold="", source=f'x,"{index}".wav')


# Clips of 300, 400 ... 900 samples: of shards of at most 1000 only the first holds two.
@pytest.mark.parametrize("shard_samples, shards", [(10**6, 1), (1000, 6), (1, 7)])
def test_round_trip(tmp_path, monkeypatch, shard_samples, shards):
    monkeypatch.setattr(clips, "SHARD_SAMPLES", shard_samples)
    write_clips(tmp_path, some_clips())
    store = ClipStore(tmp_path)
    assert len(list(tmp_path.glob("shard-*.npy"))) == shards
    assert len(store) == 7
    for index, clip in enumerate(some_clips()):
        np.testing.assert_array_equal(store.samples(index), clip.samples)
        row = store.rows[index]
        assert (row["clip"], row["label"], row["speaker"], row["split"], row["source"]) == (clip.name, clip.label, clip.speaker, "train", clip.source)
        assert row["sha256"] == hashlib.sha256(clip.samples.tobytes()).hexdigest()
    assert store.samples(0).dtype == np.int16
    assert store.column("label").tolist() == list("abababa")


def test_the_same_clips_give_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(clips, "SHARD_SAMPLES", 1000)
    for name in ("one", "two"):
        write_clips(tmp_path / name, some_clips())
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "two").iterdir()) and len(files) > 5
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_summary_counts_and_lists_what_was_rejected(tmp_path):
    items = [*some_clips(3), Rejected("bad.wav", "empty (0 bytes)"), *list(some_clips(4))[3:]]
    summary = write_clips(tmp_path, items)
    assert summary == json.loads((tmp_path / "summary.json").read_text())
    assert summary["clips"] == 4 and summary["audio_s"] == pytest.approx((300 + 400 + 500 + 600) / 16000, abs=1e-3)
    assert summary["labels"] == {"a": 2, "b": 2} and summary["splits"] == {"train": 4} and summary["speakers"] == 3
    assert summary["rejected"] == [{"source": "bad.wav", "reason": "empty (0 bytes)"}]
    with open(tmp_path / "manifest.csv", newline="") as file:
        assert [row["clip"] for row in csv.DictReader(file)] == ["c0", "c1", "c2", "c3"]


def test_no_clips_at_all(tmp_path):
    summary = write_clips(tmp_path, [Rejected("a.wav", "no such file")])
    assert summary["clips"] == 0 and len(ClipStore(tmp_path)) == 0


def test_rejected_files_up_to_the_limit_are_told_and_over_it_stop():
    two = [Rejected("a.wav", "no such file"), Rejected("b.wav", "empty (0 bytes)")]
    assert enforce_limit("mine", two, 100, 0.02) == ["mine: a.wav: no such file; skipped", "mine: b.wav: empty (0 bytes); skipped"]
    assert enforce_limit("mine", [], 0, 0.0) == []
    with pytest.raises(
        UserError, match=r"mine: 2 of 99 files cannot be used, over audio.rejected_limit = 0.02; repair or remove them, or raise the limit"
    ):
        enforce_limit("mine", two, 99, 0.02)
    many = [Rejected(f"{index}.wav", "bad") for index in range(25)]
    with pytest.raises(UserError) as error:
        enforce_limit("mine", many, 25, 0.02)
    lines = str(error.value).splitlines()
    assert len(lines) == 12 and lines[10] == "mine: ... and 15 more"
