"""Writing a clip store, shard by shard: memory does not grow with the set.

The store grows in a work folder in scratch/, as DVC deletes a stage's outputs before it runs. The
whole store is then moved into place. Work that was interrupted goes on at the next shard.

    WORK/store/           whole shards, and the manifest
    WORK/listed.jsonl     what was rejected or noted, a line each
    WORK/state.json       Done, replaced after every shard

The same clips in the same order give the same bytes, interrupted or not.
"""

import csv
import hashlib
import io
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from frill.audio.clips import MANIFEST, Clip, Rejected, Rows, shard_name
from frill.audio.leakage import find_leaks
from frill.audio.waveform import SAMPLE_RATE_HZ
from frill.scratch import atomic_write, lock

SHARD_SAMPLES = 16 * 1024 * 1024  # 32 MiB, 17 minutes
SHOWN = 10  # of each list, on the terminal; summary.json has them all


@dataclass(frozen=True)
class Done:
    """What whole shards hold: `items` of the source, rejected ones too, and their `samples`.

    `manifest_bytes` and `listed_bytes` are the lengths of the two lists up to there.
    """

    items: int = 0
    samples: int = 0
    shards: int = 0
    manifest_bytes: int = 0
    listed_bytes: int = 0


@dataclass(frozen=True)
class Written:
    """A finished store: summary.json without its three lists, and the first SHOWN of each list.

    Of `rejected` it is the first SHOWN of each kind.
    """

    summary: dict
    rejected: list[Rejected]
    notes: list[dict]
    leakage: list[dict]


def write_clips(
    folder: Path, list_items: Callable[[Done], Iterable[Clip | Rejected]], work: Path
) -> Written:
    """Write the clip store of a set, whose items from `done.items` on `list_items` gives.

    Interrupted work goes on in the folder `work`, whose name has to change with everything that
    shapes the set. Its parent is the set's own: what stands beside `work` is removed, unless
    another process writes there, and `work` is gone at the end.
    """
    with lock(work):
        _remove_interrupted(work)
        return _write_clips(folder, list_items, work)


def _remove_interrupted(work: Path) -> None:
    """Remove what interrupted runs left with other settings: it can be as large as the set."""
    for other in work.parent.iterdir():
        if other.is_dir() and other != work:
            with lock(other, wait=False) as unused:
                if unused:
                    shutil.rmtree(other)


def _write_clips(
    folder: Path, list_items: Callable[[Done], Iterable[Clip | Rejected]], work: Path
) -> Written:
    (work / "store").mkdir(parents=True, exist_ok=True)
    done = _resume(work)
    with (
        open(work / "store/manifest.csv", "ab") as manifest,
        open(work / "listed.jsonl", "ab") as listed,
    ):
        _write(work, list_items(done), done, manifest, listed)
    written = _summarise(work)
    _put_in_place(work / "store", folder)
    shutil.rmtree(work)
    return written


def _resume(work: Path) -> Done:
    """Return the state of the last whole shard, and remove what came after it."""
    try:
        done = Done(**json.loads((work / "state.json").read_text()))
        if not _is_there(work, done):
            done = Done()
    except (FileNotFoundError, ValueError, TypeError):
        done = Done()
    keep = {"manifest.csv"} | {shard_name(shard) for shard in range(done.shards)}
    for path in (work / "store").iterdir():
        if path.name not in keep:
            path.unlink()
    with open(work / "store/manifest.csv", "ab") as manifest:
        manifest.truncate(done.manifest_bytes)
    with open(work / "listed.jsonl", "ab") as listed:
        listed.truncate(done.listed_bytes)
    return done


def _is_there(work: Path, done: Done) -> bool:
    """Tell whether everything that a state names is there."""
    shards = [work / "store" / shard_name(shard) for shard in range(done.shards)]
    return (
        (work / "store/manifest.csv").stat().st_size >= done.manifest_bytes
        and (work / "listed.jsonl").stat().st_size >= done.listed_bytes
        and all(shard.exists() for shard in shards)
    )


def _write(
    work: Path,
    items: Iterable[Clip | Rejected],
    done: Done,
    manifest: BinaryIO,
    listed: BinaryIO,
) -> None:
    items_done = done.items
    samples = done.samples
    shard = done.shards
    start = 0
    pending: list[np.ndarray] = []
    if not done.manifest_bytes:
        manifest.write(_csv_line(MANIFEST))

    def finish_shard() -> None:
        with atomic_write(work / "store" / shard_name(shard)) as new, open(new, "wb") as file:
            np.save(file, np.concatenate(pending))
        manifest.flush()
        listed.flush()
        state = Done(items_done, samples, shard + 1, manifest.tell(), listed.tell())
        with atomic_write(work / "state.json") as new:
            new.write_text(json.dumps(asdict(state)))

    for item in items:
        if isinstance(item, Rejected):
            entry = {"source": item.source, "kind": item.kind, "reason": item.reason}
            if item.share:
                entry["share"] = item.share
            listed.write(_json_line("rejected", entry))
            items_done += 1
            continue
        if pending and start + len(item.samples) > SHARD_SAMPLES:
            finish_shard()
            pending = []
            start = 0
            shard += 1
        if item.note:
            listed.write(_json_line("notes", {"source": item.source, "reason": item.note}))
        manifest.write(_csv_line(_manifest_row(item, shard, start)))
        pending.append(item.samples)
        start += len(item.samples)
        samples += len(item.samples)
        items_done += 1
    if pending:
        finish_shard()


def _manifest_row(clip: Clip, shard: int, start: int) -> list:
    """Return the values of MANIFEST's columns."""
    seconds = f"{len(clip.samples) / SAMPLE_RATE_HZ:.3f}"
    sha256 = hashlib.sha256(clip.samples.tobytes()).hexdigest()
    row = [clip.name, clip.label, clip.speaker, clip.language, clip.split, clip.fold, seconds]
    return row + [clip.source, clip.licence, sha256, shard, start, len(clip.samples)]


def _csv_line(values: list) -> bytes:
    """Return a row as one line of UTF-8.

    A line break within a value becomes a space. What is not Unicode, as a file's name can be,
    becomes a question mark.
    """
    fields = [str(value).replace("\r", " ").replace("\n", " ") for value in values]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(fields)
    return text.getvalue().encode("utf-8", "replace")


def _json_line(listing: str, entry: dict) -> bytes:
    return json.dumps([listing, entry]).encode() + b"\n"


def _summarise(work: Path) -> Written:
    """Count the manifest and the lists as they stand on disk, and write summary.json."""
    rows = Rows(work / "store/manifest.csv")
    counters = {name: Counter() for name in ("label", "split", "fold", "licence", "speaker")}
    samples = 0
    for row in rows:
        samples += int(row["samples"])
        for name, counter in counters.items():
            counter[row[name]] += 1
    rejected = Counter()
    shown = []
    lost_share = 0.0
    for entry in _entries(work, "rejected"):
        rejected[entry["kind"]] += 1
        lost_share += entry.get("share", 0.0)
        if rejected[entry["kind"]] <= SHOWN:
            shown.append(Rejected(**entry))
    leaks = list(find_leaks(rows))
    counts = {name: dict(sorted(counter.items())) for name, counter in counters.items()}
    summary = {
        "schema": 1,
        "clips": len(rows),
        "audio_s": round(samples / SAMPLE_RATE_HZ, 3),
        "labels": counts["label"],
        "splits": counts["split"],
        "folds": counts["fold"],
        "licences": counts["licence"],
        "speakers": len(counts["speaker"].keys() - {""}),
        "rejected_counts": dict(sorted(rejected.items())),
        "archives_lost_share": round(lost_share, 6),
        "noted_count": sum(1 for _ in _entries(work, "notes")),
        "leaked_clips": len({leak["clip"] for leak in leaks}),
    }
    lists = {
        "leakage": leaks,
        "notes": _entries(work, "notes"),
        "rejected": _entries(work, "rejected"),
    }
    _write_summary(work / "store/summary.json", summary, lists)
    return Written(summary, shown, list(islice(_entries(work, "notes"), SHOWN)), leaks[:SHOWN])


def _write_summary(path: Path, summary: dict, lists: dict[str, Iterable[dict]]) -> None:
    """Write the summary with its lists, an entry at a time: they can be longer than memory."""
    with open(path, "w") as file:
        file.write(json.dumps(summary, indent=1)[:-2])
        for name, entries in lists.items():
            file.write(f',\n "{name}": [')
            separator = "\n  "
            for entry in entries:
                file.write(separator + json.dumps(entry))
                separator = ",\n  "
            file.write("]" if separator == "\n  " else "\n ]")
        file.write("\n}\n")


def _entries(work: Path, listing: str) -> Iterator[dict]:
    with open(work / "listed.jsonl") as file:
        for line in file:
            name, entry = json.loads(line)
            if name == listing:
                yield entry


def _put_in_place(store: Path, folder: Path) -> None:
    """Move the store: one rename, where scratch/ and data/ are on one file system."""
    if folder.exists():
        for pattern in ("shard-*.npy", "manifest.csv", "summary.json"):
            for path in list(folder.glob(pattern)):
                path.unlink()
        folder.rmdir()
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(store, folder)
