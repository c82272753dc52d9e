"""Clip embeddings for scoring: float32 [clips, D], or [clips, 2 D] where two poolings are joined.

A .tflite student is fixed at one window a call, so one interpreter of it runs for every worker.
Embeddings are kept in scratch/embeddings under a hash of the model, the corpus, the pooling and the
code: a changed probe embeds nothing again.
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
from frill.noss.log_mels import LogMels, hash_corpus
from frill.progress import progress
from frill.scratch import content_hash, text_hash, write_once
from frill.workers import count_workers

FOLDER = Path("scratch/embeddings")


def embed_tflite(path: Path, store: ClipStore, pooling: Pooling) -> np.ndarray:
    """Return the model file's clip embeddings."""

    def compute():
        clips = LogMels(store)
        embedder = Embedder(path)

        def embed(clip: int) -> np.ndarray:
            return pool(embedder.embed_windows(clips.windows(clip)), pooling)

        with ThreadPoolExecutor(count_workers()) as workers:
            return _stack(workers.map(embed, range(len(store))), store)

    return _cached(content_hash(path), hash_code(__name__), store, pooling, compute)


def embed_log_mels(store: ClipStore) -> np.ndarray:
    """Return the control without a network, [clips, 128].

    It is the mean and the deviation of each log-mel band over the clip.
    """
    clips = LogMels(store)
    result = np.empty((len(clips), 128), np.float32)
    for clip, row in enumerate(result):
        row[:] = describe_frames(clips.frames(clip), int(clips.samples[clip]))
    return result


def describe_frames(frames: np.ndarray, samples: int) -> np.ndarray:
    """Return the mean and the deviation of each band, float32 [128], of a clip of `samples`.

    `frames` float32 [frames, 64] may have padding at their end, which does not count.
    """
    unpadded = (samples - FRAME_SAMPLES) // HOP_SAMPLES + 1
    frames = frames[: max(1, unpadded)]
    return np.concatenate([frames.mean(axis=0), frames.std(axis=0)])


def embed_calls(
    embed: Callable[[Iterable[np.ndarray]], Iterable[np.ndarray]],
    model_hash: str,
    module: str,
    store: ClipStore,
    pooling: Pooling,
) -> np.ndarray:
    """Return the clip embeddings of anything that takes an iterable of clips int16 [samples].

    For each clip it yields [windows, D], as Teacher.embed does. `module` has the code that calls
    the model: how it is called shapes what it hears.
    """

    def compute():
        clips = (store.samples(index) for index in range(len(store)))
        return _stack((pool(values, pooling) for values in embed(clips)), store)

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
    key = text_hash(model_hash, code_hash, hash_corpus(store), pooling)
    path = FOLDER / f"{key[:32]}.npy"

    def write(new: Path) -> None:
        with open(new, "wb") as file:
            np.save(file, compute())

    write_once(path, write)
    return np.load(path, mmap_mode="r")


def _stack(values: Iterable[np.ndarray], store: ClipStore) -> np.ndarray:
    """Stack one row a clip, each written where it stays. Raises UserError for unequal lengths."""
    result = None
    for index, row in enumerate(progress(values, store.folder.name, len(store), "clip")):
        if result is None:
            result = np.empty((len(store), len(row)), np.float32)
        if len(row) != result.shape[1]:
            clip = store.rows[index]["clip"]
            raise UserError(
                f"{store.folder.name}: the embedding of clip {clip} has {len(row)} values, "
                f"those before it {result.shape[1]}; all must have as many"
            )
        result[index] = row
    return result
