"""Audio of any rate that comes in pieces, cut into what the windows of an embedding need."""

from collections.abc import Callable

import numpy as np
import soxr

from frill.audio.frontend import WINDOW_HOP_SAMPLES, WINDOW_SAMPLES
from frill.audio.waveform import SAMPLE_RATE_HZ, find_overload, to_float

RATES_HZ = (1_000, 1_000_000)  # as of files (audio/files.py): 44.1 is meant as kHz
BLOCK_WINDOWS = 32  # embedded at once: what bounds memory


class Stream:
    """One recording that comes in pieces, for one thread at a time.

    `push` and `finish` together give the rows that the whole would give at once. Row i is of the
    0.975 s that begin at i * 0.17 s. At other rates than 16 kHz the resampler holds back some
    milliseconds more.
    """

    def __init__(
        self, embed: Callable[[np.ndarray], np.ndarray], values: int, sample_rate_hz: float
    ):
        """`embed` takes float32 [samples] at 16 kHz and gives float32 [windows, `values`].

        It pads to one window where the samples are fewer.
        """
        if not RATES_HZ[0] <= sample_rate_hz <= RATES_HZ[1]:
            raise ValueError(
                f"sample_rate_hz = {sample_rate_hz}; "
                f"expected a rate in Hz, {RATES_HZ[0]} to {RATES_HZ[1]}"
            )
        self._embed = embed
        self._values = values
        self._resampler = None
        if sample_rate_hz != SAMPLE_RATE_HZ:
            self._resampler = soxr.ResampleStream(
                sample_rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32", quality="HQ"
            )
        block_samples = round(BLOCK_WINDOWS * WINDOW_HOP_SAMPLES * sample_rate_hz / SAMPLE_RATE_HZ)
        self._block_samples = max(1, block_samples)
        self._waiting = np.zeros(0, np.float32)  # 16 kHz, from the next row's window on
        self._pushed = 0
        self._rows = 0
        self._finished = False

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Return float32 [new rows, D] of mono int16 or float in [-1, 1], [samples], also none.

        Raises ValueError for other samples, and after `finish`.
        """
        blocks = self._check_blocks(np.asarray(samples))
        self._pushed += sum(map(len, blocks))
        return self._stack([self._advance(self._to_16k(to_float(block))) for block in blocks])

    def finish(self) -> np.ndarray:
        """End the stream and return its float32 [last rows, D].

        They are of what the resampler held back, and of a recording under 1 s, padded.
        """
        self._check_blocks(np.zeros(0, np.float32))
        self._finished = True
        rows = [self._advance(self._to_16k(np.zeros(0, np.float32), last=True))]
        if self._pushed and not self._rows:
            rows.append(self._embed(self._waiting))
        return self._stack(rows)

    def _check_blocks(self, samples: np.ndarray) -> list[np.ndarray]:
        """Return samples in blocks, all checked before any is embedded.

        So a refused push changes nothing.
        """
        if self._finished:
            raise ValueError("the stream is finished; `stream` gives a new one")
        if samples.ndim != 1:
            raise ValueError(f"samples have shape {list(samples.shape)}; expected [samples], mono")
        if samples.dtype != np.int16 and samples.dtype.kind != "f":
            raise ValueError(
                f"samples have dtype {samples.dtype}; expected int16, or float in [-1, 1]"
            )
        starts = range(0, len(samples), self._block_samples)
        blocks = [samples[start : start + self._block_samples] for start in starts]
        bad = sum(len(block) - np.count_nonzero(np.isfinite(block)) for block in blocks)
        if bad:
            raise ValueError(
                f"samples: {bad} of {len(samples)} are NaN or infinite; expected float in [-1, 1]"
            )
        if samples.dtype.kind == "f" and (problem := find_overload(samples)):
            raise ValueError(problem)
        return blocks

    def _to_16k(self, samples: np.ndarray, last: bool = False) -> np.ndarray:
        if self._resampler is None:
            return samples
        return self._resampler.resample_chunk(samples, last=last)

    def _advance(self, samples: np.ndarray) -> np.ndarray:
        """Return the rows of the windows that these samples complete."""
        #   |------ window 0 ------|
        #      |------ window 1 ------|
        #         |-- waiting: from here on --------
        self._waiting = np.concatenate([self._waiting, samples])
        count = max(0, (len(self._waiting) - WINDOW_SAMPLES) // WINDOW_HOP_SAMPLES + 1)
        if not count:
            return np.zeros((0, self._values), np.float32)
        rows = self._embed(self._waiting[: WINDOW_SAMPLES + (count - 1) * WINDOW_HOP_SAMPLES])
        self._waiting = self._waiting[count * WINDOW_HOP_SAMPLES :]
        self._rows += count
        return rows

    def _stack(self, rows: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([np.zeros((0, self._values), np.float32), *rows])
