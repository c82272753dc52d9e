"""What happens to a sound on its way into a recording.

Signals are float32 [samples], 16 kHz; every function is pure.
"""

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.signal import butter, fftconvolve, sosfiltfilt

from frill.audio.waveform import SAMPLE_RATE_HZ, to_int16

Rng = np.random.Generator
FRAME = 320  # 20 ms
PEAK = 0.95
ENVELOPE_HZ = 20.0
CHANNEL_HZ = np.geomspace(80, 8000, 8)
SLOPE_DB = 2.0  # the greatest slope of a channel, an octave
RIPPLE_DB = 1.5  # the spread of its ripple


def equalise(samples: np.ndarray, frequencies_hz, gains_db) -> np.ndarray:
    """Apply a zero-phase filter: `gains_db` at `frequencies_hz` (ascending).

    Between them gains are straight lines on a log axis.
    """
    size = next_fast_len(len(samples), real=True)
    bins = np.log(rfftfreq(size, 1 / SAMPLE_RATE_HZ) + 1)
    gains = np.interp(bins, np.log(np.asarray(frequencies_hz) + 1), gains_db)
    return _filter(samples, size, 10 ** (gains / 20))


def _filter(samples: np.ndarray, size: int, response: np.ndarray) -> np.ndarray:
    spectrum = rfft(samples, size) * response.astype(np.float32)
    return irfft(spectrum, size)[: len(samples)]


def tilt(samples: np.ndarray, db_per_octave: float) -> np.ndarray:
    """Give `samples` a straight spectral slope, 0 dB at 1 kHz."""
    ends_hz = np.array([60.0, 8000.0])
    return equalise(samples, ends_hz, db_per_octave * np.log2(ends_hz / 1000))


def resonate(samples: np.ndarray, peaks_hz, widths_hz) -> np.ndarray:
    """Pass `samples` through parallel resonances: a vocal tract, a box, a room mode."""
    size = next_fast_len(len(samples), real=True)
    frequencies_hz = rfftfreq(size, 1 / SAMPLE_RATE_HZ)[:, None]
    offsets = (frequencies_hz - np.asarray(peaks_hz)) / (np.asarray(widths_hz) / 2)
    return _filter(samples, size, (1 / (1 + offsets**2)).sum(axis=1))


def make_noise(rng: Rng, size: int, db_per_octave: float) -> np.ndarray:
    """Draw Gaussian noise of one spectral slope (0 is white, -3 pink, -6 brown), rms 1."""
    samples = tilt(rng.standard_normal(size, np.float32), db_per_octave)
    return samples / rms(samples)


def rms(samples: np.ndarray) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.mean(np.square(samples))) + 1e-9)


def active_rms(samples: np.ndarray) -> float:
    """Return the rms of the 20 ms frames within 30 dB of the loudest, without the pauses."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    powers = np.square(frames).mean(axis=1)
    return float(np.sqrt(powers[powers >= powers.max() * 1e-3].mean()) + 1e-9)


def find_envelope(samples: np.ndarray) -> np.ndarray:
    """Return the slow outline of a signal, not negative."""
    sections = butter(2, ENVELOPE_HZ, fs=SAMPLE_RATE_HZ, output="sos")
    return np.maximum(sosfiltfilt(sections, np.abs(samples)), 0).astype(np.float32)


def shake(samples: np.ndarray, depth: float, rate_hz: float) -> np.ndarray:
    """Make a voice tremble: loudness and pitch move together, by `depth` 0..1."""
    if not depth:
        return samples
    time_s = np.arange(len(samples)) / SAMPLE_RATE_HZ
    swing = np.sin(2 * np.pi * rate_hz * time_s)
    # For the pitch, a clock that is up to depth * 4 % fast or slow.
    shift_s = depth * 0.04 / (2 * np.pi * rate_hz) * np.cos(2 * np.pi * rate_hz * time_s)
    shifted = np.interp(time_s + shift_s, time_s, samples)
    return (shifted * (1 + depth * swing)).astype(np.float32)


def breathe(samples: np.ndarray, rng: Rng, amount: float) -> np.ndarray:
    """Make a voice breathy: add noise above 1.5 kHz that follows its outline.

    The noise is `amount` times as strong as the voice.
    """
    if not amount:
        return samples
    white = rng.standard_normal(len(samples), np.float32)
    breath = equalise(white, [500, 1500, 6000], [-40, 0, 0])
    return samples + amount * breath * find_envelope(samples)


def wear_mask(samples: np.ndarray, rng: Rng) -> np.ndarray:
    """Pass speech through a surgical mask: flat to a knee, 3 to 6 dB lost above.

    Below the knee is a slight resonance. The shape is a model, of the measured size: under 2 dB
    lost below 2 kHz and up to 5 dB above (Schumaker and Barnard 2021), 3 to 12 dB at high
    frequencies for medical masks (studies cited by Corey, Jones and Singer 2020).
    """
    knee_hz = rng.uniform(1800, 2600)
    loss_db = rng.uniform(3, 6)
    bump_db = rng.uniform(0.5, 2)
    points_hz = [knee_hz * 0.35, knee_hz * 0.6, knee_hz, knee_hz * 1.5, 8000]
    return equalise(samples, points_hz, [0, bump_db, 0, -loss_db, -loss_db - rng.uniform(0, 1.5)])


def fit(samples: np.ndarray, size: int, rng: Rng) -> np.ndarray:
    """Return `size` samples: a random part of a longer signal, or a shorter one within silence."""
    slack = size - len(samples)
    offset = rng.integers(abs(slack) + 1)
    if slack < 0:
        return samples[offset : offset + size]
    return np.pad(samples, (offset, slack - offset))


def record(
    samples: np.ndarray,
    rng: Rng,
    snr_db: tuple[float, float],
    level_db: float = 0.0,
) -> np.ndarray:
    """Record the signal with a random room, microphone and gain.

    Returns int16 [samples], never clipped, never silent. Draws half the time a reverberation of 0.1
    to 0.4 s; a channel (slope and ripple); noise of any colour from white to brown; and a level of
    -32 to -18 dB full scale, to which `level_db` is added. The SNR over the active signal is in the
    range `snr_db`.
    """
    if rng.random() < 0.5:
        decay_s = rng.uniform(0.1, 0.4)
        time_s = np.arange(round(decay_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        decay = np.exp(-6.9 * time_s / decay_s).astype(np.float32)
        room = rng.standard_normal(len(time_s), np.float32) * decay
        room *= rng.uniform(0.2, 0.7) / np.sqrt(np.square(room).sum())
        room[0] = 1
        samples = fftconvolve(samples, room)[: len(samples)]
    slope = rng.uniform(-SLOPE_DB, SLOPE_DB) * np.log2(CHANNEL_HZ / 1000)
    ripple = rng.normal(0, RIPPLE_DB, len(CHANNEL_HZ))
    samples = equalise(samples, CHANNEL_HZ, slope + ripple)
    samples = samples / active_rms(samples)
    noise = make_noise(rng, len(samples), rng.uniform(-6, 0))
    samples = samples + noise * 10 ** (-rng.uniform(*snr_db) / 20)
    gain = 10 ** ((rng.uniform(-32, -18) + level_db) / 20)
    return to_int16(samples * min(gain, PEAK / np.abs(samples).max()))
