"""TRILL's log-mel frontend in numpy, and the one function that windows audio.

Constants and order of operations are those of google-research
non_semantic_speech_benchmark/export_model/tf_frontend.py: 16 kHz, Hann window of 25 ms every 10 ms,
FFT 512, magnitude, 64 HTK mel bands in 125-7500 Hz, ln(max(mel, 1e-12) + 0.001). The FFT runs in
float64, as there.

    samples  [16000]        a clip, zero-padded at its end to 1 s where it is shorter
    log-mel  [98, 64]       one frame every 10 ms
    windows  [1, 96, 64]    0.96 s each, one every 17 frames (170 ms)

16000 samples give 1 window, 32000 give 7, 48000 give 12, 160000 give 54.
"""

from functools import cache

import numpy as np

from frill.audio.waveform import SAMPLE_RATE_HZ, to_float

FRAME_SAMPLES = 400
HOP_SAMPLES = 160
FFT_SAMPLES = 512
MEL_BANDS = 64
MEL_LOW_HZ, MEL_HIGH_HZ = 125.0, 7500.0
MEL_FLOOR, LOG_OFFSET = 1e-12, 1e-3
WINDOW_FRAMES = 96
WINDOW_HOP_FRAMES = 17
WINDOW_SAMPLES = (WINDOW_FRAMES - 1) * HOP_SAMPLES + FRAME_SAMPLES  # 15,600: 0.975 s
WINDOW_HOP_SAMPLES = WINDOW_HOP_FRAMES * HOP_SAMPLES  # 2,720: 170 ms
WINDOW_SHAPE = (WINDOW_FRAMES, MEL_BANDS, 1)  # frames, mel bands, channel: what networks take
# Log-mel lies in [-6.9, 5]; networks bring it to about zero mean and unit deviation, so that their
# zero padding is not louder than a quiet window.
INPUT_SCALE, INPUT_OFFSET = 1 / 3, 4 / 3
# 41 s of audio are computed at once, in some 60 MB: all of a usual clip, a part of an hour's.
BLOCK_FRAMES = 4096
# Shorter clips are padded to this: 15,360 samples would give 94 frames, two short of a window.
MIN_SAMPLES = 16000


@cache
def mel_matrix() -> np.ndarray:
    """Return HTK-style triangular mel weights, float64 [257, 64].

    They are those of tf.signal.linear_to_mel_weight_matrix; the row of DC is zero.
    """
    bins_hz = np.linspace(0.0, SAMPLE_RATE_HZ / 2, FFT_SAMPLES // 2 + 1)
    edges = np.linspace(_hz_to_mel(MEL_LOW_HZ), _hz_to_mel(MEL_HIGH_HZ), MEL_BANDS + 2)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    bins_mel = _hz_to_mel(bins_hz)[:, None]
    rising = (bins_mel - lower) / (centre - lower)
    falling = (upper - bins_mel) / (upper - centre)
    weights = np.maximum(0.0, np.minimum(rising, falling))
    weights[0] = 0.0
    return weights


def _hz_to_mel(hz):
    return 1127.0 * np.log1p(np.asarray(hz) / 700.0)


@cache
def hann() -> np.ndarray:
    """Return the periodic Hann window, float64 [400]."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME_SAMPLES) / FRAME_SAMPLES)


def log_mel(samples: np.ndarray) -> np.ndarray:
    """Return float32 [frames, 64] of int16 or float [samples], at least 400.

    frames = (samples - 400) // 160 + 1. Beside them, memory holds BLOCK_FRAMES.
    """
    frames = (len(samples) - FRAME_SAMPLES) // HOP_SAMPLES + 1
    result = np.empty((frames, MEL_BANDS), np.float32)
    for start in range(0, frames, BLOCK_FRAMES):
        block = result[start : start + BLOCK_FRAMES]
        end = (start + len(block) - 1) * HOP_SAMPLES + FRAME_SAMPLES
        block[:] = _log_mel_block(samples[start * HOP_SAMPLES : end])
    return result


def _log_mel_block(samples: np.ndarray) -> np.ndarray:
    views = np.lib.stride_tricks.sliding_window_view(to_float(samples), FRAME_SAMPLES)
    frames = views[::HOP_SAMPLES]
    magnitude = np.abs(np.fft.rfft(frames * hann(), FFT_SAMPLES))
    return np.log(np.maximum(magnitude @ mel_matrix(), MEL_FLOOR) + LOG_OFFSET)


def pad(samples: np.ndarray) -> np.ndarray:
    """Return the clip [samples], with zeros at its end to 1 s if it is shorter."""
    missing = MIN_SAMPLES - len(samples)
    return np.pad(samples, (0, missing)) if missing > 0 else samples


def cut_windows(frames: np.ndarray) -> np.ndarray:
    """Return the windows [windows, 96, 64] of log-mel frames [frames, 64], one every 170 ms.

    They are read-only views that share the frames' memory.
    """
    views = np.lib.stride_tricks.sliding_window_view(frames, WINDOW_FRAMES, axis=0)
    return views[::WINDOW_HOP_FRAMES].transpose(0, 2, 1)


def windows(samples: np.ndarray) -> np.ndarray:
    """Return float32 [windows, 96, 64] of int16 or float [samples], one window every 170 ms.

    A short clip is padded to one window.
    """
    return cut_windows(log_mel(pad(samples)))


def count_frames(samples: int | np.ndarray) -> int | np.ndarray:
    """Return how many frames a clip of so many samples has; an array gives an array."""
    return (np.maximum(samples, MIN_SAMPLES) - FRAME_SAMPLES) // HOP_SAMPLES + 1


def count_windows(samples: int) -> int:
    """Return how many windows a clip of so many samples has."""
    return int((count_frames(samples) - WINDOW_FRAMES) // WINDOW_HOP_FRAMES + 1)
