"""Clip embeddings for scoring: float32 [clips, D], pooled over a clip's windows by the mean, the maximum, or both side by side (2 D).

A .tflite student is fixed at one window a call, so one interpreter of it runs on every core. Embeddings are kept in scratch/embeddings under a hash of
the model, the corpus, the pooling and the code: a changed probe embeds nothing again.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from frill.audio.clips import ClipStore
from frill.audio.frontend import FRAME_SAMPLES, HOP_SAMPLES
from frill.embed.embedder import Embedder, Pooling, pool
from frill.errors import UserError
from frill.fingerprint import hash_code
from frill.noss.log_mels import LogMels, corpus_hash
from frill.progress import progress
from frill.scratch import atomic_write, content_hash, text_hash

FOLDER = Path("scratch/embeddings")


def embed_tflite(path: Path, store: ClipStore, pooling: Pooling, threads: int) -> np.ndarray:
    """The model file's clip embeddings, on `threads` cores."""

    def compute():
        clips, embedder = LogMels(store, threads), Embedder(path)

        def embed(clip: int) -> np.ndarray:
            return pool(embedder.embed_windows(clips.windows(clip)), pooling)

        with ThreadPoolExecutor(threads) as workers:
            return _stack(workers.map(embed, range(len(store))), store)

    return _cached(content_hash(path), hash_code(__name__), store, pooling, compute)


def log_mel_statistics(store: ClipStore, threads: int) -> np.ndarray:
    """The control without a network: mean and deviation of each log-mel band over the clip, [clips, 128]."""
    clips = LogMels(store, threads)
    result = np.empty((len(clips), 128), np.float32)
    for clip, row in enumerate(result):
        own = max(
            1, (int(clips.samples[clip]) - FRAME_SAMPLES) // HOP_SAMPLES + 1
        )  # without the frames of padding
        frames = clips.frames(clip)[:own]
        row[:] = np.concatenate([frames.mean(axis=0), frames.std(axis=0)])
    return result


def embed_calls(
    embed: Callable[[Iterable[np.ndarray]], Iterable[np.ndarray]],
    model_hash: str,
    module: str,
    store: ClipStore,
    pooling: Pooling,
) -> np.ndarray:
    """Return the clip embeddings of anything that takes an iterable of clips int16 [samples].

    For each clip it yields [windows, D], as Teacher.embed does. `module` has the code that calls the
    model: how it is called shapes what it hears.
    """

    def compute():
        return _stack(
            (
                pool(values, pooling)
                for values in embed(store.samples(index) for index in range(len(store)))
            ),
            store,
        )

    return _cached(model_hash, hash_code(__name__, module), store, pooling, compute)


def _cached(
    model_hash: str,
    code_hash: str,
    store: ClipStore,
    pooling: Pooling,
    compute: Callable[[], np.ndarray],
) -> np.ndarray:
    """Return what `compute` returns, or once returned for the same model, code and corpus.

    The array is memory mapped.
    """
    key = text_hash(model_hash, code_hash, corpus_hash(store), pooling)
    path = FOLDER / f"{key[:32]}.npy"
    if not path.exists():
        with atomic_write(path) as new, open(new, "wb") as file:
            np.save(file, compute())
    return np.load(path, mmap_mode="r")


def _stack(values: Iterable[np.ndarray], store: ClipStore) -> np.ndarray:
    """One row a clip, each written where it stays."""
    result = None
    for index, row in enumerate(progress(values, store.folder.name, len(store), "clip")):
        if result is None:
            result = np.empty((len(store), len(row)), np.float32)
        if len(row) != result.shape[1]:
            clip = store.rows[index]["clip"]
            raise UserError(
                f"{store.folder.name}: the embedding of clip {clip} has {len(row)} values, those before it {result.shape[1]}; all must have as many"
            )
        result[index] = row
    return result
