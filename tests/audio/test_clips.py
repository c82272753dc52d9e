"""The clip store returns what was written, and keeps little of it in memory."""

import gc
import pickle
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from examples import some_clips, write_clips

from frill.audio import clip_writer
from frill.audio import clips as clips_module
from frill.audio.clips import Clip, ClipStore


# Clips of 300, 400 ... 900 samples: of shards of at most 1000 only the first holds two.
@pytest.mark.parametrize("shard_samples, shards", [(10**6, 1), (1000, 6), (1, 7)])
def test_round_trip(tmp_path, monkeypatch, shard_samples, shards):
    monkeypatch.setattr(clip_writer, "SHARD_SAMPLES", shard_samples)
    monkeypatch.setattr(clips_module, "OPEN_SHARDS", 2)
    write_clips(tmp_path, some_clips())
    store = ClipStore(tmp_path)
    assert len(list(tmp_path.glob("shard-*.npy"))) == shards
    assert len(store) == len(store.rows) == 7
    written = list(some_clips())
    for index, clip in [*enumerate(written), (-1, written[-1])]:
        np.testing.assert_array_equal(store.samples(index), clip.samples)
        row = store.rows[index]
        assert row["clip"] == clip.name
        assert row["label"] == clip.label
        assert row["speaker"] == clip.speaker
        assert row["split"] == "train"
        assert row["source"] == clip.source
    assert store.samples(0).dtype == np.int16
    assert [row["label"] for row in store.rows] == list("abababa")


def test_threads_open_shards_at_once(tmp_path, monkeypatch):
    """CPython 3.11 fails to parse two headers at once where a collection lets threads change."""
    monkeypatch.setattr(clip_writer, "SHARD_SAMPLES", 1)
    write_clips(tmp_path, some_clips())
    written = [clip.samples for clip in some_clips()]

    def read(_: int) -> None:
        for _ in range(10):
            store = ClipStore(tmp_path)
            for index, samples in enumerate(written):
                np.testing.assert_array_equal(store.samples(index), samples)

    def change_threads(*_) -> None:
        time.sleep(0)

    threshold = gc.get_threshold()
    gc.callbacks.append(change_threads)
    gc.set_threshold(10)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(read, range(8)))
    finally:
        gc.callbacks.remove(change_threads)
        gc.set_threshold(*threshold)


def test_rows_are_a_sequence_of_dicts(tmp_path):
    odd = ["plain", "two\nlines", 'a "quoted" one', "ä,ö\r\nü", "\udcff not Unicode", ""]
    samples = np.ones(4, np.int16)
    write_clips(tmp_path, [Clip(f"c{i}", samples, speaker=text) for i, text in enumerate(odd)])
    rows = ClipStore(tmp_path).rows
    expected = ["plain", "two lines", 'a "quoted" one', "ä,ö  ü", "? not Unicode", ""]
    assert [row["speaker"] for row in rows] == expected
    assert list(rows) == [rows[index] for index in range(6)]
    assert rows[-1]["clip"] == "c5" and rows[0] | {"speaker": "x"} == {**rows[0], "speaker": "x"}
    assert list(pickle.loads(pickle.dumps(rows))) == list(rows)
    store = pickle.loads(pickle.dumps(ClipStore(tmp_path)))
    np.testing.assert_array_equal(store.samples(3), np.ones(4))
    for index in (6, -7):
        with pytest.raises(IndexError, match=f"clip {index} of 6"):
            rows[index]


def test_reading_keeps_a_few_bytes_a_clip(tmp_path):
    """20,000 rows as dicts would be 20 MB and more."""
    clips = (Clip(f"c{i}", np.full(4, i, np.int16), source="s" * 60) for i in range(20_000))
    write_clips(tmp_path, clips)
    tracemalloc.start()
    store = ClipStore(tmp_path)
    total = sum(int(row["samples"]) for row in store.rows)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == 80_000 and store.samples(19_999)[0] == 19_999
    assert kept < 500_000 and peak < 4_000_000  # a block of 1 MiB is searched for line ends
