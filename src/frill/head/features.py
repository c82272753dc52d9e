"""What a head is fitted to: every clip's embeddings, and log-mel statistics as the control."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from frill.audio import frontend
from frill.audio.clips import ClipStore
from frill.embed.embedder import Embedder, pool
from frill.errors import UserError
from frill.noss.embed import describe_frames
from frill.progress import progress
from frill.workers import count_workers

WINDOWS = 8  # of a clip, evenly spread: what the calibration of single windows is fitted to


@dataclass(frozen=True)
class Features:
    """The clips of a store.

    `clips` float32 [clips, D] is the mean over a clip's windows. `windows` float32 [windows, D] are
    some of them, and `owners` int [windows] the clip of each. `log_mels` float32 [clips, 128].
    """

    clips: np.ndarray
    windows: np.ndarray
    owners: np.ndarray
    log_mels: np.ndarray


def compute_features(model: Path, store: ClipStore) -> Features:
    """Embed a store's clips by a .tflite file. Raises UserError where a row is not finite."""
    embedder = Embedder(model)

    def compute(index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        samples = store.samples(index)
        rows = embedder.embed(samples)
        chosen = np.linspace(0, len(rows) - 1, min(WINDOWS, len(rows))).round().astype(int)
        frames = frontend.log_mel(frontend.pad(samples))
        return pool(rows, "mean"), rows[chosen], describe_frames(frames, len(samples))

    with ThreadPoolExecutor(count_workers()) as threads:
        done = threads.map(compute, range(len(store)))
        found = list(progress(done, "embed", len(store), "clip"))
    clips, windows, log_mels = zip(*found, strict=True)
    features = Features(
        np.array(clips),
        np.concatenate(windows),
        np.repeat(np.arange(len(store)), [len(rows) for rows in windows]),
        np.array(log_mels),
    )
    bad = np.flatnonzero(~np.isfinite(features.clips.sum(axis=1)))
    if len(bad):
        raise UserError(
            f"{model}: the embeddings of {len(bad)} clips are not finite, first that of "
            f"{store.rows[int(bad[0])]['source']}; take another model"
        )
    return features
