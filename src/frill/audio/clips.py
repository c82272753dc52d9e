"""Clips of audio and the store that keeps them: 16 kHz mono int16 shards with a manifest.

    FOLDER/shard-00000.npy   int16 [samples], the clips of the shard one after another
    FOLDER/manifest.csv      one line a clip, in order: MANIFEST's columns
    FOLDER/summary.json      counts, seconds, and all that was rejected, noted or in two splits

clip_writer.py writes it. Reading keeps 8 bytes a clip in memory: shards and manifest are mapped
from disk.
"""

import csv
import mmap
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

MANIFEST = ["clip", "label", "speaker", "language", "split", "fold", "seconds", "source"]
MANIFEST += ["licence", "sha256", "shard", "start", "samples"]
# A mapped file stays open, and the 900,000 clips of AudioSet's speech are 9,000 shards.
OPEN_SHARDS = 64
# np.load parses a shard's header as Python. CPython 3.11 counts the depth of that for all threads
# together, so two at once can fail with "AST constructor recursion depth mismatch".
_one_opens = threading.Lock()


@dataclass(frozen=True)
class Clip:
    """One piece of audio: `samples` int16 [samples], 16 kHz mono.

    `split` is train, validation, test or "" (none given); `fold` is a fold's name or "". `source`
    says where the clip came from, and `note` what was odd about it there.
    """

    name: str
    samples: np.ndarray
    label: str = ""
    speaker: str = ""
    language: str = ""
    split: str = ""
    fold: str = ""
    source: str = ""
    licence: str = "unknown"
    note: str = ""


@dataclass(frozen=True)
class Rejected:
    """A listed item that gave no clip, and why; `kind` (audio.errors.Kind) says it in one word.

    An archive that cannot be read to its end stands for `share` of the set, as nobody knows how
    many clips are lost with it.
    """

    source: str
    reason: str
    kind: str = "unreadable"
    share: float = 0.0


class ClipStore:
    """A clip store to read. `rows` is the manifest, a sequence of dicts of text."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.rows = Rows(folder / "manifest.csv")
        self._shard = lru_cache(OPEN_SHARDS)(self._load)

    def __len__(self) -> int:
        return len(self.rows)

    def samples(self, index: int) -> np.ndarray:
        """Return a clip's samples, int16 [samples], memory mapped."""
        row = self.rows[index]
        start = int(row["start"])
        return self._shard(int(row["shard"]))[start : start + int(row["samples"])]

    def _load(self, shard: int) -> np.ndarray:
        with _one_opens:
            return np.load(self.folder / shard_name(shard), mmap_mode="r")

    def __reduce__(self) -> tuple:
        return ClipStore, (self.folder,)


class Rows(Sequence):
    """A manifest's lines as dicts, parsed when asked for.

    A line is a row: the writer puts no line break into a field.
    """

    def __init__(self, path: Path):
        self._path = path
        with open(path, "rb") as file:
            self._text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._bounds = np.concatenate([[0], _line_ends(self._text)])
        self.columns = next(csv.reader([self._line(-1)]))

    def __len__(self) -> int:
        return len(self._bounds) - 2

    def __getitem__(self, index: int) -> dict:
        if not -len(self) <= index < len(self):
            raise IndexError(f"clip {index} of {len(self)}")
        return self._row(next(csv.reader([self._line(index % len(self))])))

    def __iter__(self) -> Iterator[dict]:
        lines = (self._line(index) for index in range(len(self)))
        return map(self._row, csv.reader(lines))

    def _line(self, index: int) -> str:
        """Return the text of row `index`; the header is row -1."""
        return self._text[self._bounds[index + 1] : self._bounds[index + 2]].decode()

    def _row(self, values: list[str]) -> dict:
        return dict(zip(self.columns, values, strict=True))

    def __reduce__(self) -> tuple:
        return Rows, (self._path,)


def _line_ends(text: mmap.mmap) -> np.ndarray:
    """Return the int64 positions behind every line break."""
    block = 1 << 20
    parts = []
    for start in range(0, len(text), block):
        codes = np.frombuffer(text[start : start + block], np.uint8)
        parts.append(start + 1 + np.flatnonzero(codes == ord("\n")))
    return np.concatenate(parts)


def shard_name(shard: int) -> str:
    return f"shard-{shard:05d}.npy"
