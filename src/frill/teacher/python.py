"""A teacher that is a Python function, of any framework: Whisper's encoder, WavLM, an ONNX file.

def embed(samples, sample_rate_hz):     # float32 [T] in [-1, 1], 16000
    return values                       # float [frames, D] of the clip, or [D] of all of it
"""

from collections.abc import Iterable, Iterator
from itertools import repeat
from pathlib import Path

import numpy as np

from frill.audio.frontend import MIN_SAMPLES, WINDOW_HOP_SAMPLES, WINDOW_SAMPLES, count_windows
from frill.audio.waveform import SAMPLE_RATE_HZ, to_float
from frill.teacher import batching
from frill.user_function import load_function

PROBE_SAMPLES = 3 * SAMPLE_RATE_HZ


class PythonTeacher:
    """A function as a teacher, with one row per 170 ms. `values` is D.

    `level` says what the function gives:
    "frames"  [frames, D]. It is called with whole clips; frames are taken as evenly spaced, and a
              row is the mean of those within its window.
    "clip"    [D]. It is called once per window, on the 2 s of audio around the window's middle.
    """

    hears_outside = True

    def __init__(self, file: Path, function: str):
        self._function = load_function(file, function, "teacher")
        rng = np.random.default_rng(17)
        values = self._call(rng.normal(0, 0.05, PROBE_SAMPLES).astype(np.float32), "of noise")
        self.level = "clip" if values.ndim == 1 else "frames"
        self.values = values.shape[-1]

    def embed(
        self, clips: Iterable[np.ndarray], positions: Iterable[np.ndarray | None] | None = None
    ) -> Iterator[np.ndarray]:
        """Yield one float32 [rows, D] for each of the clips int16 [samples], in order.

        `positions` has for each clip the places of the wanted rows on the 170 ms grid, or None for
        all. Raises UserError.
        """
        cut = batching.cut_contexts if self.level == "clip" else batching.keep_whole
        wanted = repeat(None) if positions is None else positions
        for number, (clip, places) in enumerate(zip(clips, wanted, strict=False)):
            yield np.concatenate([self._embed(part, number) for part in cut(clip, places)])

    def _embed(self, part: batching.Part, number: int) -> np.ndarray:
        samples = to_float(part.samples)
        samples = np.pad(samples, (0, max(0, MIN_SAMPLES - len(samples))))
        values = self._call(samples, number)
        if self.level == "clip":
            return values.reshape(1, -1)
        return average_frames(values, len(samples))[part.rows]

    def _call(self, samples: np.ndarray, clip: int | str) -> np.ndarray:
        return self._function(samples, SAMPLE_RATE_HZ, clip)


def average_frames(frames: np.ndarray, samples: int) -> np.ndarray:
    """Return [rows, D]: for each window the mean of the frames [n, D] whose middle lies in it.

    The frames divide the clip's `samples` evenly. A window in which no middle lies takes the frame
    that its own middle lies in.
    """
    frame_samples = samples / len(frames)
    starts = WINDOW_HOP_SAMPLES * np.arange(count_windows(samples))
    first = np.ceil(starts / frame_samples - 0.5).astype(int)
    last = np.ceil((starts + WINDOW_SAMPLES) / frame_samples - 0.5).astype(int)
    nearest = ((starts + WINDOW_SAMPLES / 2) / frame_samples).astype(int)
    first = np.where(last > first, first, nearest).clip(0, len(frames) - 1)
    last = np.maximum(last.clip(max=len(frames)), first + 1)
    sums = np.concatenate([np.zeros((1, frames.shape[1])), np.cumsum(frames, 0, np.float64)])
    means = (sums[last] - sums[first]) / (last - first)[:, None]
    return means.astype(np.float32)
