"""The audio that a teacher is called with: of a clip no more than the wanted rows need, in batches of like lengths."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from frill.audio.frontend import MIN_SAMPLES, WINDOW_HOP_SAMPLES, WINDOW_SAMPLES, window_count
from frill.audio.waveform import SAMPLE_RATE_HZ

BATCH_SAMPLES = (
    320_000  # 20 s of audio a call: as fast as more, and its activations stay in the cache
)
CHUNK_SAMPLES = (
    8 * BATCH_SAMPLES
)  # parts are sorted by length within so much audio; 12,288 values a window of it take 46 MB, twice
CONTEXT_SAMPLES = 2 * SAMPLE_RATE_HZ  # what TRILLsson hears at once (arXiv 2203.00236)


class Part(NamedTuple):
    """Samples int16 [samples] to call the teacher with, and the indices of the rows that are wanted of what it gives."""

    samples: np.ndarray
    rows: np.ndarray


def spans(positions: np.ndarray) -> list[np.ndarray]:
    """Ascending positions on the 170 ms grid, cut where the audio between two of them is longer than what a call of its own would hear anew."""
    return np.split(
        positions, np.flatnonzero(np.diff(positions) > MIN_SAMPLES // WINDOW_HOP_SAMPLES) + 1
    )


def crop(samples: np.ndarray, span: np.ndarray) -> np.ndarray:
    """int16 [samples] -> the audio of the windows from the first to the last position of `span`; its rows begin with that of span[0]."""
    return samples[span[0] * WINDOW_HOP_SAMPLES : span[-1] * WINDOW_HOP_SAMPLES + MIN_SAMPLES]


def cut(samples: np.ndarray, positions: np.ndarray | None) -> list[Part]:
    """A clip int16 [samples] for a teacher with a row for every 170 ms. None: all of it, whole."""
    if positions is None:
        return [Part(samples, np.arange(window_count(len(samples))))]
    return [Part(crop(samples, span), span - span[0]) for span in spans(positions)]


def contexts(samples: np.ndarray, positions: np.ndarray | None) -> list[Part]:
    """A clip int16 [samples] for a teacher with one row a call: for each position CONTEXT_SAMPLES with its window in the middle."""
    positions = np.arange(window_count(len(samples))) if positions is None else positions
    before = (CONTEXT_SAMPLES - WINDOW_SAMPLES) // 2
    padded = np.pad(
        samples,
        (
            before,
            max(0, positions[-1] * WINDOW_HOP_SAMPLES + CONTEXT_SAMPLES - before - len(samples)),
        ),
    )
    return [
        Part(padded[start : start + CONTEXT_SAMPLES], np.zeros(1, int))
        for start in positions * WINDOW_HOP_SAMPLES
    ]


def chunks(clips: Iterable[list[Part]]) -> Iterator[list[list[Part]]]:
    """Clips in order, cut where their parts sum up to CHUNK_SAMPLES."""
    chunk, total = [], 0
    for parts in clips:
        chunk.append(parts)
        total += sum(max(len(part.samples), MIN_SAMPLES) for part in parts)
        if total >= CHUNK_SAMPLES:
            yield chunk
            chunk, total = [], 0
    if chunk:
        yield chunk


def batches(parts: list[Part]) -> Iterator[list[int]]:
    """Indices of parts that are called together, shortest first: what a batch holds after padding is at most BATCH_SAMPLES, or one part."""
    batch: list[int] = []
    for index in sorted(range(len(parts)), key=lambda index: len(parts[index].samples)):
        if batch and max(len(parts[index].samples), MIN_SAMPLES) * (len(batch) + 1) > BATCH_SAMPLES:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
