"""The log-mel frames of a task's clips, computed once for all models that are scored on it.

Kept in scratch/log_mel under a hash of the corpus and of the code that made them. They can be
deleted at any time and are never an output of a stage: they are 0.8 times as large as the audio,
and DVC would keep them twice. Where several stages ask at once, one computes and the others wait.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from frill.audio import frontend
from frill.audio.clips import ClipStore
from frill.fingerprint import hash_code
from frill.progress import progress
from frill.scratch import content_hash, write_once
from frill.workers import count_workers

FOLDER = Path("scratch/log_mel")


class LogMels:
    """Frames of every clip of a store, float32, memory mapped."""

    def __init__(self, store: ClipStore):
        self.samples = np.array([int(row["samples"]) for row in store.rows])
        self._starts = np.concatenate([[0], np.cumsum(frontend.count_frames(self.samples))])
        path = FOLDER / f"{hash_corpus(store)[:16]}-{hash_code(__name__)[:8]}.npy"
        write_once(path, lambda new: self._write(new, store))
        # Still mapped as an array, whose slices cost a fraction of a np.memmap's.
        self._frames = np.asarray(np.load(path, mmap_mode="r"))

    def __len__(self) -> int:
        return len(self.samples)

    def frames(self, clip: int) -> np.ndarray:
        """Return float32 [frames, 64] of one clip, padded at its end to 1 s if it is shorter."""
        return self._frames[self._starts[clip] : self._starts[clip + 1]]

    def windows(self, clip: int) -> np.ndarray:
        """Return float32 [windows, 96, 64] as the frontend cuts them, still on the disk."""
        return frontend.cut_windows(self.frames(clip))

    def _write(self, path: Path, store: ClipStore) -> None:
        shape = (int(self._starts[-1]), frontend.MEL_BANDS)
        frames = np.lib.format.open_memmap(path, "w+", np.float32, shape)
        # On a full disk an error now, not a SIGBUS at whichever page finds no room.
        if hasattr(os, "posix_fallocate"):
            with open(path, "r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)

        def compute(clip: int) -> None:
            samples = frontend.pad(store.samples(clip))
            frames[self._starts[clip] : self._starts[clip + 1]] = frontend.log_mel(samples)

        # One BLAS thread each: its own would spin on the cores that the other clips need.
        with threadpool_limits(1), ThreadPoolExecutor(count_workers()) as pool:
            done = pool.map(compute, range(len(store)))
            for _ in progress(done, f"{store.folder.name}, log-mel", len(store), "clip"):
                pass
        frames.flush()


def hash_corpus(store: ClipStore) -> str:
    """Hash the manifest, which has every clip's sha256."""
    return content_hash(store.folder / "manifest.csv")
