"""The audio that a teacher is called with, in batches of like lengths.

Of a clip it is no more than the wanted rows need.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from frill.audio.frontend import MIN_SAMPLES, WINDOW_HOP_SAMPLES, WINDOW_SAMPLES, count_windows
from frill.audio.waveform import SAMPLE_RATE_HZ

# 20 s of audio a call: as fast as more, and its activations stay in the cache.
BATCH_SAMPLES = 320_000
MOST_ROWS = count_windows(BATCH_SAMPLES)  # of one call, as it keeps the activations of all
# Parts are sorted by length within so much audio; 12,288 values a window of it take 46 MB, twice.
CHUNK_SAMPLES = 8 * BATCH_SAMPLES
CONTEXT_SAMPLES = 2 * SAMPLE_RATE_HZ  # what TRILLsson hears at once (arXiv 2203.00236)


class Part(NamedTuple):
    """Samples int16 [samples] to call the teacher with, and the wanted rows of its output."""

    samples: np.ndarray
    rows: np.ndarray


def split_spans(positions: np.ndarray) -> list[np.ndarray]:
    """Return ascending positions on the 170 ms grid, cut at long gaps and to MOST_ROWS of the grid.

    A gap is long if the audio in it is more than a call of its own would hear anew.
    """
    gaps = np.diff(positions) > MIN_SAMPLES // WINDOW_HOP_SAMPLES
    spans = []
    for span in np.split(positions, np.flatnonzero(gaps) + 1):
        call = (span - span[0]) // MOST_ROWS
        spans += np.split(span, np.flatnonzero(np.diff(call)) + 1)
    return spans


def crop(samples: np.ndarray, span: np.ndarray) -> np.ndarray:
    """Return the audio, int16 [samples], of the windows from the first to the last of `span`.

    Its rows begin with that of span[0].
    """
    return samples[span[0] * WINDOW_HOP_SAMPLES : span[-1] * WINDOW_HOP_SAMPLES + MIN_SAMPLES]


def cut(samples: np.ndarray, positions: np.ndarray | None) -> list[Part]:
    """Cut a clip int16 [samples] for a teacher with a row for every 170 ms. None: all of it."""
    if positions is None:
        positions = np.arange(count_windows(len(samples)))
        if len(positions) <= MOST_ROWS:
            return [Part(samples, positions)]
    return [Part(crop(samples, span), span - span[0]) for span in split_spans(positions)]


def keep_whole(samples: np.ndarray, positions: np.ndarray | None) -> list[Part]:
    """Return a clip int16 [samples] as one part, for a teacher whose rows depend on all of it."""
    rows = np.arange(count_windows(len(samples))) if positions is None else positions
    return [Part(samples, rows)]


def cut_contexts(samples: np.ndarray, positions: np.ndarray | None) -> list[Part]:
    """Cut a clip int16 [samples] for a teacher with one row a call.

    A part has CONTEXT_SAMPLES, with the window of its position in the middle.
    """
    positions = np.arange(count_windows(len(samples))) if positions is None else positions
    before = (CONTEXT_SAMPLES - WINDOW_SAMPLES) // 2
    end = positions[-1] * WINDOW_HOP_SAMPLES + CONTEXT_SAMPLES
    padded = np.pad(samples, (before, max(0, end - before - len(samples))))
    starts = positions * WINDOW_HOP_SAMPLES
    return [Part(padded[start : start + CONTEXT_SAMPLES], np.zeros(1, int)) for start in starts]


def group_chunks(clips: Iterable[list[Part]]) -> Iterator[list[list[Part]]]:
    """Yield clips in order, cut where their parts sum up to CHUNK_SAMPLES."""
    chunk, total = [], 0
    for parts in clips:
        chunk.append(parts)
        total += sum(map(_heard_samples, parts))
        if total >= CHUNK_SAMPLES:
            yield chunk
            chunk, total = [], 0
    if chunk:
        yield chunk


def group_batches(parts: list[Part], pads: bool = True) -> Iterator[list[int]]:
    """Yield the indices of parts that are called together, shortest first.

    After padding a batch holds at most BATCH_SAMPLES, or one part. If nothing `pads`, its parts
    have equal lengths.
    """
    batch: list[int] = []
    for index in sorted(range(len(parts)), key=lambda index: len(parts[index].samples)):
        heard = _heard_samples(parts[index])
        is_full = heard * (len(batch) + 1) > BATCH_SAMPLES
        if batch and (is_full or not pads and heard != _heard_samples(parts[batch[0]])):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _heard_samples(part: Part) -> int:
    return max(len(part.samples), MIN_SAMPLES)
