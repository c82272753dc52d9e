"""Waveforms: 16 kHz mono int16, to and from float. Files are read by files.py."""

import numpy as np
import soxr

SAMPLE_RATE_HZ = 16000
# Times full scale: 18 dB above it. Decoders and mixers go past 1 by some dB; int16's range in
# floating point reaches thousands.
MAX_PEAK = 8.0


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


def find_overload(samples: np.ndarray) -> str:
    """Return what is wrong with float samples far beyond full scale, or ""."""
    peak = max(float(samples.max()), -float(samples.min())) if samples.size else 0.0
    if peak <= MAX_PEAK:
        return ""
    times = f"{peak:.0f}" if peak < 1e6 else f"{peak:.3g}"
    return (
        f"samples reach {times} times full scale; expected float in [-1, 1], peaks up to "
        f"{MAX_PEAK:g} (int16's range divided by 32768)"
    )


def is_silent(samples: np.ndarray, level_dbfs: float) -> bool:
    """Tell whether no sample of int16 [samples] reaches the level (0 dB is full scale)."""
    peak = max(int(samples.max()), -int(samples.min()))
    return peak < 32767 * 10 ** (level_dbfs / 20)
