"""Waveforms: 16 kHz mono int16, to and from float. Files are read by files.py."""

import numpy as np
import soxr

SAMPLE_RATE_HZ = 16000


def to_16k(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    """Resample float32 [samples] to 16 kHz, by soxr's high-quality resampler."""
    if rate_hz == SAMPLE_RATE_HZ:
        return samples
    return soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ, "HQ")


def to_int16(samples: np.ndarray) -> np.ndarray:
    """Return float samples of [-1, 1] as int16, clipped.

    The scale, 32767, is what TRILL's frontend divides by (google-research tf_frontend.py).
    """
    return np.clip(np.rint(samples * 32767.0), -32768, 32767).astype(np.int16)


def to_float(samples: np.ndarray) -> np.ndarray:
    """Return int16 samples as float32 in [-1, 1]; float32 passes through."""
    if samples.dtype == np.int16:
        return samples / np.float32(32767.0)
    return samples.astype(np.float32, copy=False)
