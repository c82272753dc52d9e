"""Waveforms: 16 kHz mono int16, to and from float. Files are read by files.py."""

import numpy as np
import soxr

SAMPLE_RATE_HZ = 16000


def to_16k(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    """float32 [samples] at `rate_hz` -> float32 [samples] at 16 kHz, by soxr's high-quality resampler."""
    return (
        samples
        if rate_hz == SAMPLE_RATE_HZ
        else soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ, "HQ")
    )


def to_int16(samples: np.ndarray) -> np.ndarray:
    """Float [-1, 1] -> int16 by 32767, clipped: the scale TRILL's frontend divides by (google-research tf_frontend.py)."""
    return np.clip(np.rint(samples * 32767.0), -32768, 32767).astype(np.int16)


def to_float(samples: np.ndarray) -> np.ndarray:
    """int16 -> float32 in [-1, 1]; float32 passes through."""
    return (
        samples / np.float32(32767.0)
        if samples.dtype == np.int16
        else samples.astype(np.float32, copy=False)
    )
