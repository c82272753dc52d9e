"""Waveforms: any libsndfile format in, 16 kHz mono int16 out."""

from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
import soxr

SAMPLE_RATE_HZ = 16000


class AudioError(Exception):
    """A file that holds no usable audio; the message says why, without the file's name."""


def read_audio(path: Path, start_s: float = 0.0, duration_s: float | None = None) -> np.ndarray:
    """The file (or the part of it that begins at `start_s`) as int16 [samples], 16 kHz mono. Raises AudioError."""
    with _open(path) as file:
        file.seek(min(round(start_s * file.samplerate), file.frames))
        frames = -1 if duration_s is None else round(duration_s * file.samplerate)
        samples = file.read(frames, dtype="float32", always_2d=True)
        rate_hz = file.samplerate
    if not np.isfinite(samples).all():
        raise AudioError("has samples that are not finite (NaN or infinity)")
    resampled = to_16k(samples.mean(axis=1), rate_hz)
    if not len(resampled):
        raise AudioError("empty (no samples)")
    return to_int16(resampled)


def probe(path: Path) -> None:
    """Reads the file's header only. Raises AudioError where it is unreadable or empty."""
    with _open(path) as file:
        if not file.frames:
            raise AudioError("empty (no samples)")


@contextmanager
def _open(path: Path):
    try:
        if not path.is_file():
            raise AudioError("no such file")
        if not path.stat().st_size:
            raise AudioError("empty (0 bytes)")
        with soundfile.SoundFile(path) as file:
            yield file
    except (soundfile.LibsndfileError, OSError, ValueError, TypeError) as error:
        raise AudioError(f"unreadable ({str(error).rpartition(': ')[2].strip()})") from None


def to_16k(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    """float32 [samples] at `rate_hz` -> float32 [samples] at 16 kHz, by soxr's high-quality resampler."""
    return samples if rate_hz == SAMPLE_RATE_HZ else soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ, "HQ")


def to_int16(samples: np.ndarray) -> np.ndarray:
    """float [-1, 1] -> int16 by 32767, clipped: the scale TRILL's frontend divides by (google-research tf_frontend.py)."""
    return np.clip(np.rint(samples * 32767.0), -32768, 32767).astype(np.int16)


def to_float(samples: np.ndarray) -> np.ndarray:
    """int16 -> float32 in [-1, 1]; float32 passes through."""
    return samples / np.float32(32767.0) if samples.dtype == np.int16 else samples.astype(np.float32, copy=False)
