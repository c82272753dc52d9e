"""Clip embeddings for scoring: the mean over a clip's windows, float32 [clips, D].

A .tflite student is fixed at one window a call, so one interpreter runs on every core.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import local

import numpy as np
from threadpoolctl import threadpool_limits

from frill.audio import to_float
from frill.clips import ClipStore
from frill.embedder import Embedder
from frill.frontend import log_mel
from frill.progress import progress


def embed_tflite(path: Path, store: ClipStore, threads: int) -> np.ndarray:
    """The model file's clip embeddings, on `threads` cores."""
    mine = local()

    def embed(samples):
        if not hasattr(mine, "embedder"):
            mine.embedder = Embedder(path)
        return mine.embedder.embed(samples).mean(axis=0)

    return _map(embed, store, threads)


def log_mel_statistics(store: ClipStore, threads: int) -> np.ndarray:
    """The control without a network: mean and deviation of each log-mel band over the clip, [clips, 128]."""

    def embed(samples):
        frames = log_mel(np.pad(to_float(samples), (0, max(0, 400 - len(samples)))))
        return np.concatenate([frames.mean(axis=0), frames.std(axis=0)])

    return _map(embed, store, threads)


def embed_teacher(teacher, store: ClipStore) -> np.ndarray:
    """`teacher` is anything with `embed(clips) -> iterator of [windows, D]`."""
    return _stack(teacher.embed(store.samples(index) for index in range(len(store))), store)


def _map(embed: Callable[[np.ndarray], np.ndarray], store: ClipStore, threads: int) -> np.ndarray:
    # One BLAS thread each: those of the log-mel would otherwise spin on the cores that the interpreters need (twice as slow).
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        rows = pool.map(lambda index: embed(store.samples(index))[None], range(len(store)))
        return _stack(rows, store)


def _stack(values: Iterable[np.ndarray], store: ClipStore) -> np.ndarray:
    return np.stack([v.mean(axis=0) for v in progress(values, store.folder.name, len(store), "clip")])
