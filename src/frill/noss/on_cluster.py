"""Clip embeddings of a .tflite student, computed on a Ray cluster."""

from pathlib import Path

import numpy as np

from frill.clips import ClipStore
from frill.embedder import Embedder, Pooling, pool
from frill.engine import cluster_map
from frill.frontend import WINDOW_FRAMES, WINDOW_HOP_FRAMES
from frill.noss.embed import cached
from frill.noss.log_mels import LogMels
from frill.scratch import content_hash

SHARD_CLIPS = 64


def embed_tflite(path: Path, store: ClipStore, pooling: Pooling, threads: int) -> np.ndarray:
    """As frill.noss.embed.embed_tflite. Log-mel frames, which all students share, are computed here."""

    def compute() -> np.ndarray:
        clips = LogMels(store, threads)
        starts = range(0, len(store), SHARD_CLIPS)
        shards = ([clips.frames(clip) for clip in range(start, min(start + SHARD_CLIPS, len(store)))] for start in starts)
        return np.concatenate(list(cluster_map(embed_shard, shards, Embedder(path), pooling)))

    return cached(content_hash(path), store, pooling, compute)


def embed_shard(shard: list[np.ndarray], embedder: Embedder, pooling: Pooling) -> np.ndarray:
    """On a node: the frames float32 [frames, 64] of clips -> [clips, D]."""
    return np.stack([pool(embedder.embed_windows(_windows(frames)), pooling) for frames in shard])


def _windows(frames: np.ndarray) -> list[np.ndarray]:
    return [frames[start : start + WINDOW_FRAMES] for start in range(0, len(frames) - WINDOW_FRAMES + 1, WINDOW_HOP_FRAMES)]
