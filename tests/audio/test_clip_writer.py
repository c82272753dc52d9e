"""Writing a clip store: the same bytes every time, interrupted or not; its lists; its memory."""

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from examples import some_clips, write_clips
from pipeline_project import ROOT

from frill.audio import clip_writer
from frill.audio.clip_writer import Done
from frill.audio.clips import Clip, ClipStore, Rejected
from frill.scratch import lock

# Writes 60 clips and 20 rejected ones in 15 shards. A clip takes a while, and is told on stdout.
SCRIPT = """
import sys, time
from pathlib import Path
import numpy as np
from frill.audio import clip_writer
from frill.audio.clips import Clip, Rejected

clip_writer.SHARD_SAMPLES = 4000
folder, work, wait_s = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])

def items(done):
    for index in range(done.items, 80):
        print(index, flush=True)
        time.sleep(wait_s)
        if index % 4 == 3:
            yield Rejected(f"{index}.wav", "empty (0 bytes)", "empty")
        else:
            samples = np.random.default_rng(index).integers(-99, 99, 1000).astype(np.int16)
            note = "odd" if index % 5 == 0 else ""
            yield Clip(f"c{index}", samples, note=note)

clip_writer.write_clips(folder, items, work)
"""


def files(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def start(tmp_path, name: str, wait_s: float) -> subprocess.Popen:
    work = tmp_path / f"scratch-{name}" / "hash"
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / name), str(work), str(wait_s)]
    python_path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": python_path}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    assert start(folder, "store", 0).wait(60) == 0
    return files(folder / "store")


@pytest.mark.parametrize("kill_at", [[0], [9], [30], [79], [12, 40, 60]])
def test_kill_9_while_writing_then_again_gives_the_same_bytes(tmp_path, whole, kill_at):
    state = tmp_path / "scratch-store/hash/state.json"
    for last in kill_at:
        process = start(tmp_path, "store", 0.02)
        for line in process.stdout:
            if int(line) >= last:
                os.kill(process.pid, signal.SIGKILL)
                break
        assert process.wait(60) == -signal.SIGKILL
        process.stdout.close()
        assert not (tmp_path / "store").exists()
        for shard in state.parent.glob("store/*.npy"):
            assert len(np.load(shard)) == 4000  # whole, or not there
    done = json.loads(state.read_text())["items"] if state.exists() else 0
    assert kill_at[-1] - 12 < done <= kill_at[-1] or kill_at[-1] < 6
    again = start(tmp_path, "store", 0)
    told = [int(line) for line in again.stdout]
    assert again.wait(60) == 0
    assert told == list(range(done, 80))  # what whole shards hold was not made again
    assert files(tmp_path / "store") == whole
    assert not state.parent.exists()


def test_killed_between_the_last_shard_and_the_end(tmp_path, monkeypatch):
    store = tmp_path / "store"
    work = tmp_path / "work/hash"

    def interrupt(*_):
        raise KeyboardInterrupt

    for moment in ("_summarise", "_put_in_place"):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(clip_writer, moment, interrupt)
            clip_writer.write_clips(store, lambda done: list(some_clips())[done.items :], work)
        # Nothing is left to make.
        clip_writer.write_clips(store, lambda done: [][: done.items - 7], work)
        assert len(ClipStore(store)) == 7


def test_a_state_that_names_what_is_not_there_begins_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(clip_writer, "SHARD_SAMPLES", 1000)
    write_clips(tmp_path / "expected", some_clips())
    for spoil in ("shard-00000.npy", "manifest.csv", "../listed.jsonl", "../state.json"):
        with pytest.raises(RuntimeError):
            clip_writer.write_clips(tmp_path / "store", _stops, tmp_path / "work/hash")
        path = tmp_path / "work/hash/store" / spoil
        path.write_text("{") if spoil.endswith("state.json") else path.unlink()
        starts = []

        def give(done: Done, starts=starts):
            starts.append(done)
            return some_clips()

        clip_writer.write_clips(tmp_path / "store", give, tmp_path / "work/hash")
        assert starts == [Done()]
        assert files(tmp_path / "store") == files(tmp_path / "expected")


def _stops(done: Done):
    yield from list(some_clips())[done.items : 6]
    raise RuntimeError("the disk is full")


def test_work_under_other_settings_is_removed(tmp_path):
    with pytest.raises(RuntimeError):
        clip_writer.write_clips(tmp_path / "store", _stops, tmp_path / "work/old")
    clip_writer.write_clips(tmp_path / "store", lambda done: some_clips(), tmp_path / "work/new")
    assert not list((tmp_path / "work").iterdir())


def test_the_same_clips_give_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(clip_writer, "SHARD_SAMPLES", 1000)
    for name in ("one", "two", "two"):  # the second time over a store that is there
        write_clips(tmp_path / name, some_clips())
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert len(files(tmp_path / "one")) == 8
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_the_manifest_names_everything(tmp_path):
    samples = np.arange(8000).astype(np.int16)
    clip = Clip("c", samples, "yes", "anna", "de", "test", "", "a/b.wav", "CC-BY-4.0")
    write_clips(tmp_path / "store", [clip, Clip("d", np.ones(4, np.int16))])
    with open(tmp_path / "store/manifest.csv", newline="") as file:
        first, second = csv.DictReader(file)
    assert first == {
        "clip": "c",
        "label": "yes",
        "speaker": "anna",
        "language": "de",
        "split": "test",
        "fold": "",
        "seconds": "0.500",
        "source": "a/b.wav",
        "licence": "CC-BY-4.0",
        "sha256": hashlib.sha256(samples.tobytes()).hexdigest(),
        "shard": "0",
        "start": "0",
        "samples": "8000",
    }
    assert second["licence"] == "unknown" and second["start"] == "8000"


def test_the_summary_counts_and_lists_what_was_rejected_and_noted(tmp_path):
    note = "named .wav but holds flac; read by its content"
    odd = Clip("odd", np.ones(200, np.int16), label="a", source="odd.wav", note=note)
    missing = [Rejected(f"{index}.wav", "no such file", "missing") for index in range(12)]
    items = [
        *some_clips(3),
        Rejected("bad.wav", "empty (0 bytes)", "empty"),
        odd,
        Rejected("b.tar", "ends early", "archive", 0.25),
        *missing,
    ]
    written = write_clips(tmp_path, items)
    summary = json.loads((tmp_path / "summary.json").read_text())
    leakage = summary.pop("leakage")
    notes = summary.pop("notes")
    rejected = summary.pop("rejected")
    assert summary == written.summary
    assert summary["clips"] == 4
    assert summary["audio_s"] == pytest.approx((300 + 400 + 500 + 200) / 16000, abs=1e-3)
    assert summary["labels"] == {"a": 3, "b": 1}
    assert summary["splits"] == {"": 1, "train": 3}
    assert summary["speakers"] == 3
    assert summary["licences"] == {"unknown": 4}
    assert summary["rejected_counts"] == {"archive": 1, "empty": 1, "missing": 12}
    assert summary["archives_lost_share"] == 0.25
    assert rejected[0] == {"source": "bad.wav", "kind": "empty", "reason": "empty (0 bytes)"}
    assert len(rejected) == 14
    assert notes == written.notes == [{"source": "odd.wav", "reason": note}]
    assert summary["noted_count"] == 1
    assert leakage == [] == written.leakage
    kinds = [item.kind for item in written.rejected]
    assert kinds == ["empty", "archive"] + 10 * ["missing"]  # for the terminal


def test_no_clips_at_all(tmp_path):
    written = write_clips(tmp_path, [Rejected("a.wav", "no such file", "missing")])
    assert written.summary["clips"] == 0
    assert len(ClipStore(tmp_path)) == 0
    assert list(ClipStore(tmp_path).rows) == []


def test_the_same_audio_in_two_parts_is_leakage(tmp_path):
    def clip(name: str, value: int, split: str = "", fold: str = "") -> Clip:
        return Clip(name, np.full(5, value, np.int16), split=split, fold=fold, source=f"{name}.wav")

    items = [
        clip("a", 1, "train"),
        clip("b", 1, "train"),
        clip("c", 1, "test"),
        clip("d", 2, "test"),
        clip("e", 2, "train"),
        clip("f", 3, "test"),
    ]
    items += [clip("g", 1), clip("h", 3)]  # in no part
    written = write_clips(tmp_path / "splits", items)
    keys = ("clip", "part", "same_as_clip", "same_as_part")
    pairs = [tuple(leak[key] for key in keys) for leak in written.leakage]
    assert pairs == [("c", "test", "a", "train"), ("e", "train", "d", "test")]
    assert written.summary["leaked_clips"] == 2
    assert json.loads((tmp_path / "splits/summary.json").read_text())["leakage"] == written.leakage
    folds = {"a": "1", "b": "2", "c": "3", "d": "3"}
    items = [clip(name, 1, fold=fold) for name, fold in folds.items()]
    written = write_clips(tmp_path / "folds", items)
    pairs = [(leak["clip"], leak["same_as_clip"]) for leak in written.leakage]
    assert pairs == [("b", "a"), ("c", "a"), ("c", "b"), ("d", "a"), ("d", "b")]
    assert written.summary["leaked_clips"] == 3
    assert not write_clips(tmp_path / "corpus", [clip("a", 1), clip("b", 1)]).leakage


def test_memory_does_not_grow_with_the_set(tmp_path, monkeypatch):
    """Beside shards of 32 kB, 8 bytes of each of 20,000 clips are kept, to look for leakage."""
    monkeypatch.setattr(clip_writer, "SHARD_SAMPLES", 16_000)

    def make_items(count: int):
        for i in range(count):
            samples = np.full(160, i, np.int16)
            split = ["train", "test"][i % 2]
            yield Clip(f"c{i}", samples, label="x", split=split, source="s" * 100, note="n")
            yield Rejected(f"c{i}", "bad" * 10)

    def measure_peak_bytes(count: int) -> int:
        tracemalloc.start()
        write_clips(tmp_path / str(count), make_items(count))
        try:
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few = measure_peak_bytes(2_000)
    many = measure_peak_bytes(20_000)
    assert many < 8_000_000
    assert many - few < 200 * 18_000  # the manifest's rows alone would be 1,500 bytes each


def test_what_another_process_writes_beside_is_left_and_what_an_interrupted_one_left_is_not(
    tmp_path,
):
    work = tmp_path / "speech/mine"
    for name in ("another's", "interrupted"):
        (work.parent / name).mkdir(parents=True)
    with lock(work.parent / "another's"):
        clip_writer.write_clips(tmp_path / "store", lambda _done: some_clips(), work)
    assert [path.name for path in work.parent.iterdir()] == ["another's"]
