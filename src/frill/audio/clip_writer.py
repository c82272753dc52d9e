"""Writes a clip store, shard by shard: memory does not grow with the set, and interrupted work goes on at the shard.

The store grows in a work folder, in scratch/, as DVC deletes a stage's outputs before it runs; it is moved into place when it is whole:

    WORK/store/           shards, each there when it is whole; the manifest
    WORK/listed.jsonl     what was rejected or noted, a line each
    WORK/state.json       Done, replaced after every shard

Same clips in the same order give the same bytes, interrupted or not.
"""

import csv
import hashlib
import io
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from frill.audio.clips import MANIFEST, Clip, Rejected, Rows, shard_name
from frill.audio.leakage import find_leaks
from frill.audio.waveform import SAMPLE_RATE_HZ
from frill.scratch import atomic_write

SHARD_SAMPLES = 16 * 1024 * 1024  # 32 MiB, 17 minutes
SHOWN = 10  # of each list, on the terminal; summary.json has them all


@dataclass(frozen=True)
class Done:
    """What whole shards hold: the `items` of the source that need not be read again (rejected ones too), their `samples`, bytes of the lists."""

    items: int = 0
    samples: int = 0
    shards: int = 0
    manifest_bytes: int = 0
    listed_bytes: int = 0


@dataclass(frozen=True)
class Written:
    """A finished store: summary.json without its three lists, and the first SHOWN of each of those, of `rejected` for each kind."""

    summary: dict
    rejected: list[Rejected]
    notes: list[dict]
    leakage: list[dict]


Items = Iterable[Clip | Rejected]


def write_clips(
    folder: Path, items: Items | Callable[[Done], Items], work: Path | None = None
) -> Written:
    """Writes the clip store.

    With a `work` folder, whose name has to change with everything that shapes the set, `items` is a function: it gives the set's items from
    `done.items` on, and work that was interrupted goes on there. `work` is gone at the end, and so is what stood beside it: the folder that it is
    in is the set's own.
    """
    if work is None:
        work, source = folder.with_name(f"{folder.name}.{os.getpid()}.new"), items
        shutil.rmtree(work, ignore_errors=True)
    else:
        for other in work.parent.glob(
            "*"
        ):  # what an interrupted run left with other settings can be as large as the set
            if other != work:
                shutil.rmtree(other)
        source = None
    (work / "store").mkdir(parents=True, exist_ok=True)
    done = _resume(work)
    with (
        open(work / "store/manifest.csv", "r+b") as manifest,
        open(work / "listed.jsonl", "r+b") as listed,
    ):
        _truncate(manifest, done.manifest_bytes)
        _truncate(listed, done.listed_bytes)
        _write(work, items(done) if source is None else source, done, manifest, listed)
    written = _summarise(work)
    _put_in_place(work / "store", folder)
    shutil.rmtree(work)
    return written


def _resume(work: Path) -> Done:
    """The state of the last whole shard, if everything it names is there; removes what came after it."""
    try:
        done = Done(**json.loads((work / "state.json").read_text()))
        sizes = [
            (work / "store/manifest.csv").stat().st_size - done.manifest_bytes,
            (work / "listed.jsonl").stat().st_size - done.listed_bytes,
        ]
        whole = min(sizes) >= 0 and all(
            (work / "store" / shard_name(shard)).exists() for shard in range(done.shards)
        )
    except (FileNotFoundError, ValueError, TypeError):
        whole = False
    done = done if whole else Done()
    keep = {"manifest.csv"} | {shard_name(shard) for shard in range(done.shards)}
    for path in (work / "store").iterdir():
        if path.name not in keep:
            path.unlink()
    for path in (work / "store/manifest.csv", work / "listed.jsonl"):
        path.touch()
    return done


def _truncate(file: io.BufferedRandom, size: int) -> None:
    file.truncate(size)
    file.seek(size)


def _write(
    work: Path, items: Items, done: Done, manifest: io.BufferedRandom, listed: io.BufferedRandom
) -> None:
    pending: list[np.ndarray] = []
    start, samples, shard = 0, done.samples, done.shards
    if not done.manifest_bytes:
        manifest.write(_csv_line(MANIFEST))

    def finish_shard(items_done: int) -> None:
        with atomic_write(work / "store" / shard_name(shard)) as new, open(new, "wb") as file:
            np.save(file, np.concatenate(pending))
        manifest.flush()
        listed.flush()
        state = Done(items_done, samples, shard + 1, manifest.tell(), listed.tell())
        with atomic_write(work / "state.json") as new:
            new.write_text(json.dumps(asdict(state)))

    number = done.items
    for number, item in enumerate(items, done.items + 1):  # noqa: B007 - the last one is needed below
        if isinstance(item, Rejected):
            entry = {"source": item.source, "kind": item.kind, "reason": item.reason} | (
                {"share": item.share} if item.share else {}
            )
            listed.write(_json_line("rejected", entry))
            continue
        if pending and start + len(item.samples) > SHARD_SAMPLES:
            finish_shard(number - 1)
            start, pending, shard = 0, [], shard + 1
        if item.note:
            listed.write(_json_line("notes", {"source": item.source, "reason": item.note}))
        row = [
            item.name,
            item.label,
            item.speaker,
            item.split,
            item.fold,
            f"{len(item.samples) / SAMPLE_RATE_HZ:.3f}",
            item.source,
            item.licence,
        ]
        manifest.write(
            _csv_line(
                row
                + [
                    hashlib.sha256(item.samples.tobytes()).hexdigest(),
                    shard,
                    start,
                    len(item.samples),
                ]
            )
        )
        pending.append(item.samples)
        start += len(item.samples)
        samples += len(item.samples)
    if pending:
        finish_shard(number)


def _csv_line(values: list) -> bytes:
    """A row as one line of UTF-8: a break within a value becomes a space, what is not Unicode (a file's name can be) a question mark."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(
        [str(value).replace("\r", " ").replace("\n", " ") for value in values]
    )
    return text.getvalue().encode("utf-8", "replace")


def _json_line(listing: str, entry: dict) -> bytes:
    return json.dumps([listing, entry]).encode() + b"\n"


def _summarise(work: Path) -> Written:
    """Counts from the manifest and the lists as they stand on disk, and writes summary.json line by line."""
    rows = Rows(work / "store/manifest.csv")
    counters = {name: Counter() for name in ("label", "split", "fold", "licence")}
    speakers, samples = set(), 0
    for row in rows:
        samples += int(row["samples"])
        speakers.add(row["speaker"])
        for name, counter in counters.items():
            counter[row[name]] += 1
    rejected, shown, lost_share = Counter(), [], 0.0
    for entry in _entries(work, "rejected"):
        rejected[entry["kind"]] += 1
        lost_share += entry.get("share", 0.0)
        if rejected[entry["kind"]] <= SHOWN:
            shown.append(Rejected(**entry))
    leaks = list(find_leaks(rows))
    lists = {
        "leakage": lambda: iter(leaks),
        "notes": lambda: _entries(work, "notes"),
        "rejected": lambda: _entries(work, "rejected"),
    }
    summary = {
        "schema": 1,
        "clips": len(rows),
        "audio_s": round(samples / SAMPLE_RATE_HZ, 3),
        "labels": dict(sorted(counters["label"].items())),
        "splits": dict(sorted(counters["split"].items())),
        "folds": dict(sorted(counters["fold"].items())),
        "licences": dict(sorted(counters["licence"].items())),
        "speakers": len(speakers - {""}),
        "rejected_counts": dict(sorted(rejected.items())),
        "archives_lost_share": round(lost_share, 6),
        "noted_count": sum(1 for _ in _entries(work, "notes")),
        "leaked_clips": len({leak["clip"] for leak in leaks}),
    }
    with open(work / "store/summary.json", "w") as file:
        file.write(json.dumps(summary, indent=1)[:-2])
        for name, entries in lists.items():
            file.write(f',\n "{name}": [')
            separator = "\n  "
            for entry in entries():
                file.write(separator + json.dumps(entry))
                separator = ",\n  "
            file.write("]" if separator == "\n  " else "\n ]")
        file.write("\n}\n")
    return Written(summary, shown, list(islice(_entries(work, "notes"), SHOWN)), leaks[:SHOWN])


def _entries(work: Path, listing: str) -> Iterator[dict]:
    with open(work / "listed.jsonl") as file:
        for line in file:
            name, entry = json.loads(line)
            if name == listing:
                yield entry


def _put_in_place(store: Path, folder: Path) -> None:
    """One rename, where scratch/ and data/ are on one file system."""
    if folder.exists():
        for path in [
            *folder.glob("shard-*.npy"),
            *folder.glob("manifest.csv"),
            *folder.glob("summary.json"),
        ]:
            path.unlink()
        folder.rmdir()
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(store, folder)
