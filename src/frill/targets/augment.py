"""Altered copies of a clip, for distillation from little audio.

The teacher hears what the student hears, so a changed clip has a right target of its own: no label
has to survive the change (a patient and consistent teacher: Beyer et al., arXiv 2106.05237).
"""

import numpy as np

from frill.audio.waveform import SAMPLE_RATE_HZ, to_16k, to_float, to_int16

# Pitch and vocal tract change with the speed: it sounds like another speaker.
SPEED = (0.85, 1.18)
SHIFT_S = 0.17  # one hop: gives windows that the grid of the clip itself never cuts
GAIN_DB = (-9.0, 6.0)
MIX_DB = (0.0, 25.0)  # level of the clip over the one mixed in
MIXED_SHARE = 0.5


def augment(samples: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return `samples` int16 [n] at another speed, shift and level, int16 [n].

    Half of the time `other` int16 [m] is mixed in.
    """
    sound = to_16k(to_float(samples), SAMPLE_RATE_HZ * rng.uniform(*SPEED))
    shift = int(rng.uniform(-SHIFT_S, SHIFT_S) * SAMPLE_RATE_HZ)
    before = np.zeros(max(0, shift), np.float32)
    after = np.zeros(len(samples), np.float32)
    sound = np.concatenate([before, sound[max(0, -shift) :], after])[: len(samples)]
    if rng.random() < MIXED_SHARE:
        noise = np.resize(np.roll(to_float(other), rng.integers(len(other))), len(sound))
        sound = sound + noise * _rms(sound) / _rms(noise) * 10 ** (-rng.uniform(*MIX_DB) / 20)
    sound = sound * 10 ** (rng.uniform(*GAIN_DB) / 20)
    return to_int16(sound / max(1.0, np.abs(sound).max()))


def _rms(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(sound))) + 1e-6)
