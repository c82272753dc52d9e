"""Clips of audio and the store that keeps them: 16 kHz mono int16 shards with a manifest.

    FOLDER/shard-00000.npy   int16 [samples], the clips of the shard one after another
    FOLDER/manifest.csv      one line a clip, in order: MANIFEST's columns
    FOLDER/summary.json      counts, seconds, and every rejected file with its reason

Same clips in the same order give the same bytes. Memory does not grow with the corpus: a shard is written when it is full, and read by memory map.
"""

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from frill.audio import SAMPLE_RATE_HZ
from frill.errors import UserError

SHARD_SAMPLES = 16 * 1024 * 1024  # 32 MiB, 17 minutes
MANIFEST = ["clip", "label", "speaker", "split", "fold", "seconds", "source", "sha256", "shard", "start", "samples"]


@dataclass(frozen=True)
class Clip:
    """One piece of audio: `samples` int16 [samples], 16 kHz mono.

    `split` is train, validation, test or "" (none given); `fold` is a fold's name or "". `source` says where it came from.
    """

    name: str
    samples: np.ndarray
    label: str = ""
    speaker: str = ""
    split: str = ""
    fold: str = ""
    source: str = ""


@dataclass(frozen=True)
class Rejected:
    """A file that gave no clip, and why."""

    source: str
    reason: str


def write_clips(folder: Path, items: Iterable[Clip | Rejected]) -> dict:
    """Writes the clip store and returns its summary."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, rejected, shard, start = [], [], 0, 0
    pending: list[np.ndarray] = []
    for item in items:
        if isinstance(item, Rejected):
            rejected.append({"source": item.source, "reason": item.reason})
            continue
        if pending and start + len(item.samples) > SHARD_SAMPLES:
            np.save(folder / _shard_name(shard), np.concatenate(pending))
            shard, start, pending = shard + 1, 0, []
        row = {"clip": item.name, "label": item.label, "speaker": item.speaker, "split": item.split, "fold": item.fold}
        row |= {"seconds": f"{len(item.samples) / SAMPLE_RATE_HZ:.3f}", "source": item.source}
        row |= {"sha256": hashlib.sha256(item.samples.tobytes()).hexdigest()}
        rows.append(row | {"shard": shard, "start": start, "samples": len(item.samples)})
        pending.append(item.samples)
        start += len(item.samples)
    if pending:
        np.save(folder / _shard_name(shard), np.concatenate(pending))
    with open(folder / "manifest.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, MANIFEST, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    summary = {
        "schema": 1,
        "clips": len(rows),
        "audio_s": round(sum(row["samples"] for row in rows) / SAMPLE_RATE_HZ, 3),
        "labels": dict(sorted(Counter(row["label"] for row in rows).items())),
        "splits": dict(sorted(Counter(row["split"] for row in rows).items())),
        "folds": dict(sorted(Counter(row["fold"] for row in rows).items())),
        "speakers": len({row["speaker"] for row in rows} - {""}),
        "rejected": rejected,
    }
    (folder / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    return summary


def enforce_limit(name: str, rejected: list[Rejected], listed: int, limit: float) -> list[str]:
    """A line for each rejected file. Raises UserError where they are more than the share `limit` of those listed."""
    lines = [f"{name}: {item.source}: {item.reason}; skipped" for item in rejected]
    if len(rejected) > limit * listed:
        shown = lines[:10] + ([f"{name}: ... and {len(lines) - 10} more"] if len(lines) > 10 else [])
        raise UserError(
            "\n".join(shown)
            + f"\n{name}: {len(rejected)} of {listed} files cannot be used, over audio.rejected_limit = {limit:g}; repair or remove them, or raise the limit"
        )
    return lines


class ClipStore:
    """Reads a clip store. `rows` is the manifest (dicts of text); `samples(i)` is int16 [samples], memory mapped."""

    def __init__(self, folder: Path):
        self.folder = folder
        with open(folder / "manifest.csv", newline="") as file:
            self.rows = list(csv.DictReader(file))

    def __len__(self) -> int:
        return len(self.rows)

    def samples(self, index: int) -> np.ndarray:
        row = self.rows[index]
        start = int(row["start"])
        return self._shard(int(row["shard"]))[start : start + int(row["samples"])]

    def column(self, name: str) -> np.ndarray:
        """One column of the manifest, str [clips]."""
        return np.array([row[name] for row in self.rows])

    @cache  # noqa: B019 - a store lives as long as its stage
    def _shard(self, shard: int) -> np.ndarray:
        return np.load(self.folder / _shard_name(shard), mmap_mode="r")


def _shard_name(shard: int) -> str:
    return f"shard-{shard:05d}.npy"
