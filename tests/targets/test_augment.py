"""Augmented copies: what may change, and by how much."""

import numpy as np
from examples import speechlike

from frill.audio.waveform import SAMPLE_RATE_HZ, to_int16
from frill.targets import augment


def test_a_tone_changes_pitch_and_level_within_the_ranges(monkeypatch):
    monkeypatch.setattr(augment, "MIXED_SHARE", 0.0)
    tone = to_int16(0.2 * np.sin(2 * np.pi * 1000 * np.arange(32000) / SAMPLE_RATE_HZ))
    tone_rms = np.sqrt(np.mean(tone.astype(float) ** 2))
    pitches_hz = []
    levels_db = []
    for seed in range(40):
        middle = augment.augment(tone, tone, np.random.default_rng(seed))[8000:20000].astype(float)
        spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
        pitches_hz.append(np.argmax(spectrum) * SAMPLE_RATE_HZ / len(middle))
        levels_db.append(20 * np.log10(np.sqrt(np.mean(middle**2)) / tone_rms))
    assert 845 <= min(pitches_hz) < 920 and 1100 < max(pitches_hz) <= 1185
    assert -9.1 <= min(levels_db) < -5 and 2 < max(levels_db) <= 6.1


def test_another_clip_is_mixed_in_half_of_the_time():
    silence = np.zeros(16000, np.int16)
    mixed = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        changed = augment.augment(silence + 1, speechlike(9000), rng)
        mixed.append(np.abs(changed).max() > 1)
    assert 0.35 < np.mean(mixed) < 0.65
    for seed in range(5):  # mixing in silence divides by nothing
        rng = np.random.default_rng(seed)
        assert np.ptp(augment.augment(speechlike(16000), silence, rng)) > 0


def test_length_and_scale_are_kept():
    loud = np.full(5000, 32767, np.int16)
    for seed in range(20):
        changed = augment.augment(loud, loud, np.random.default_rng(seed))
        assert changed.dtype == np.int16 and len(changed) == 5000
