"""Clips of audio and the store that keeps them: 16 kHz mono int16 shards with a manifest.

    FOLDER/shard-00000.npy   int16 [samples], the clips of the shard one after another
    FOLDER/manifest.csv      one line a clip, in order: MANIFEST's columns
    FOLDER/summary.json      counts, seconds, and everything rejected, noted or found in two splits, each with its reason

clip_writer.py writes it. Reading keeps 8 bytes a clip in memory: shards and manifest are mapped from disk.
"""

import csv
import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

MANIFEST = [
    "clip",
    "label",
    "speaker",
    "split",
    "fold",
    "seconds",
    "source",
    "licence",
    "sha256",
    "shard",
    "start",
    "samples",
]
OPEN_SHARDS = 64  # at once: a mapped file is an open one, and the 900,000 clips of AudioSet's speech are 9,000 shards


@dataclass(frozen=True)
class Clip:
    """One piece of audio: `samples` int16 [samples], 16 kHz mono.

    `split` is train, validation, test or "" (none given); `fold` is a fold's name or "". `source` says where it came from; `note` what was odd
    about it there, though it could be used.
    """

    name: str
    samples: np.ndarray
    label: str = ""
    speaker: str = ""
    split: str = ""
    fold: str = ""
    source: str = ""
    licence: str = "unknown"
    note: str = ""


@dataclass(frozen=True)
class Rejected:
    """Something listed that gave no clip, and why; `kind` (audio_files.Kind) in one word.

    An archive that cannot be read to its end stands for `share` of the set, as nobody knows how many clips are lost with it.
    """

    source: str
    reason: str
    kind: str = "unreadable"
    share: float = 0.0


class ClipStore:
    """Reads a clip store. `rows` is the manifest, a sequence of dicts of text; `samples(i)` is int16 [samples], memory mapped."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.rows = Rows(folder / "manifest.csv")
        self._shard = lru_cache(OPEN_SHARDS)(self._load)

    def __len__(self) -> int:
        return len(self.rows)

    def samples(self, index: int) -> np.ndarray:
        row = self.rows[index]
        start = int(row["start"])
        return self._shard(int(row["shard"]))[start : start + int(row["samples"])]

    def _load(self, shard: int) -> np.ndarray:
        return np.load(self.folder / shard_name(shard), mmap_mode="r")

    def __getstate__(self) -> Path:
        return self.folder

    def __setstate__(self, folder: Path) -> None:
        self.__init__(folder)


class Rows(Sequence):
    """A manifest's lines as dicts, parsed when asked for. A line is a row: the writer puts no line break into a field."""

    def __init__(self, path: Path):
        self._path = path
        with open(path, "rb") as file:
            self._text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        ends = _line_ends(self._text)
        self._bounds = np.concatenate([[0], ends])
        self.columns = next(csv.reader([self._line(-1)]))

    def __len__(self) -> int:
        return len(self._bounds) - 2

    def __getitem__(self, index: int) -> dict:
        if not -len(self) <= index < len(self):
            raise IndexError(f"clip {index} of {len(self)}")
        return self._row(next(csv.reader([self._line(index % len(self))])))

    def __iter__(self) -> Iterator[dict]:
        return map(self._row, csv.reader(self._line(index) for index in range(len(self))))

    def _line(self, index: int) -> str:
        """Row `index`, the header being -1."""
        return self._text[self._bounds[index + 1] : self._bounds[index + 2]].decode()

    def _row(self, values: list[str]) -> dict:
        return dict(zip(self.columns, values, strict=True))

    def __getstate__(self) -> Path:
        return self._path

    def __setstate__(self, path: Path) -> None:
        self.__init__(path)


def _line_ends(text: mmap.mmap) -> np.ndarray:
    """int64 positions behind every line break."""
    parts, block = [], 1 << 20
    for start in range(0, len(text), block):
        parts.append(
            start
            + 1
            + np.flatnonzero(np.frombuffer(text[start : start + block], np.uint8) == ord("\n"))
        )
    return np.concatenate(parts)


def shard_name(shard: int) -> str:
    return f"shard-{shard:05d}.npy"
