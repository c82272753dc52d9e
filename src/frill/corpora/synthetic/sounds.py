"""Ten sounds people make without words, after the human classes of ESC-50.

They are made of shaped noise, pulses and eSpeak NG. Each maker takes (rng, who, size)
and returns float32 [size], 16 kHz. A person, `who` (vocal tract, pitch and pace), gives what the
sounds of one person share; `rng` gives what differs from one to the next.
"""

import numpy as np
from scipy.signal import sawtooth

from frill.audio.waveform import SAMPLE_RATE_HZ
from frill.corpora.synthetic.effects import Rng, equalise, fit, resonate, rms
from frill.corpora.synthetic.voices import Person, list_sentences, pick, say

LAUGHS = (
    "ha ha ha ha ha",
    "he he he he",
    "ho ho ho ho",
    "a ha ha ha",
    "hi hi hi hi hi",
    "ha ha. ha ha ha",
)


def seconds(size: int) -> np.ndarray:
    """Return the time of each sample, s."""
    return np.arange(size) / SAMPLE_RATE_HZ


def hiss(rng: Rng, size: int, peaks_hz, widths_hz) -> np.ndarray:
    """Return noise through resonances, rms 1."""
    samples = resonate(rng.standard_normal(size, np.float32), peaks_hz, widths_hz)
    return samples / rms(samples)


def buzz(pitch_hz: np.ndarray, peaks_hz, widths_hz) -> np.ndarray:
    """Return a buzz whose pitch is `pitch_hz` [samples], through resonances, rms 1."""
    phase = 2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE_HZ
    samples = resonate(sawtooth(phase).astype(np.float32), peaks_hz, widths_hz)
    return samples / rms(samples)


def burst(size: int, starts_s, rise_s: float, decay_s) -> np.ndarray:
    """Return an outline of bursts: each rises in `rise_s`, then decays with `decay_s`."""
    since_s = seconds(size)[:, None] - np.atleast_1d(starts_s)
    shape = np.clip(since_s / rise_s + 1, 0, 1) * np.exp(-np.maximum(since_s, 0) / decay_s)
    return shape.max(axis=1)


def draw_starts_s(rng: Rng, size: int, period_s: float, jitter: float) -> np.ndarray:
    """Draw the start times of something that repeats about every `period_s`."""
    count = max(1, int(size / SAMPLE_RATE_HZ / period_s))
    first_s = rng.uniform(0.02, period_s)
    return first_s + period_s * (np.arange(count) + rng.normal(0, jitter, count))


def breathing(rng: Rng, who: Person, size: int) -> np.ndarray:
    period_s = rng.uniform(0.7, 1.5) / who.pace
    cycle = np.sin(2 * np.pi * (seconds(size) / (2 * period_s) + rng.random()))
    inward = hiss(rng, size, np.array([700, 1800, 3200]) * who.tract, [600, 900, 1500])
    outward = hiss(rng, size, np.array([450, 1300, 2500]) * who.tract, [500, 800, 1200])
    inhaled = np.maximum(cycle, 0) ** 1.5 * inward
    return inhaled + np.maximum(-cycle, 0) ** 1.5 * outward * rng.uniform(0.5, 1)


def brushing(rng: Rng, who: Person, size: int) -> np.ndarray:
    phase = np.pi * seconds(size) * rng.uniform(3, 7) * who.pace
    strokes = np.abs(np.sin(phase)) ** rng.uniform(0.5, 1.5)
    bristles_hz = np.array([rng.uniform(1800, 3500), 5500]) * who.tract
    return (0.15 + strokes) * hiss(rng, size, bristles_hz, [1500, 3000])


def clapping(rng: Rng, who: Person, size: int) -> np.ndarray:
    starts_s = draw_starts_s(rng, size, rng.uniform(0.18, 0.5) / who.pace, 0.06)
    palm_hz = rng.uniform(900, 2200) * who.tract
    claps = burst(size, starts_s, 0.002, rng.uniform(0.01, 0.035))
    return claps * hiss(rng, size, [palm_hz, 3500], [900, 3000])


def coughing(rng: Rng, who: Person, size: int) -> np.ndarray:
    starts_s = draw_starts_s(rng, size, rng.uniform(0.3, 0.7) / who.pace, 0.08)
    starts_s = starts_s[: rng.integers(1, 4)]
    throat_hz = np.array([rng.uniform(450, 750), 1500, 2800]) * who.tract
    bark = hiss(rng, size, throat_hz, [500, 700, 1500])
    pitch_hz = rng.uniform(1.5, 3) * who.pitch * (1 + 0.1 * np.sin(2 * np.pi * 3 * seconds(size)))
    tail = buzz(pitch_hz, throat_hz, [200, 300, 400]) * rng.uniform(0.2, 0.9)
    barks = burst(size, starts_s, 0.008, rng.uniform(0.05, 0.12)) * bark
    return barks + burst(size, starts_s + 0.05, 0.04, rng.uniform(0.04, 0.1)) * tail


def crying(rng: Rng, who: Person, size: int) -> np.ndarray:
    time_s = seconds(size)
    wail_s = rng.uniform(0.5, 1.1) / who.pace
    arc = np.abs(np.sin(np.pi * (time_s / wail_s + rng.random())))
    vibrato = 1 + rng.uniform(0.01, 0.04) * np.sin(2 * np.pi * rng.uniform(5, 8) * time_s)
    pitch_hz = (180 + 3 * who.pitch) * (0.85 + rng.uniform(0.15, 0.45) * arc) * vibrato
    throat_hz = np.array([rng.uniform(700, 1000), 1500, 2900]) * who.tract
    wail = buzz(pitch_hz, throat_hz, [200, 300, 500])
    sob = wail + rng.uniform(0.05, 0.4) * hiss(rng, size, throat_hz, [400, 600, 900])
    return arc ** rng.uniform(0.5, 1.5) * sob


def footsteps(rng: Rng, who: Person, size: int) -> np.ndarray:
    starts_s = draw_starts_s(rng, size, rng.uniform(0.3, 0.6) / who.pace, 0.04)
    heels = burst(size, starts_s, 0.004, rng.uniform(0.02, 0.06))
    thump = heels * hiss(rng, size, [rng.uniform(90, 300)], [200])
    sole = hiss(rng, size, [rng.uniform(600, 2500), 4000], [900, 2500]) * rng.uniform(0.1, 0.7)
    soles_s = starts_s + rng.uniform(0.03, 0.08)
    return thump + burst(size, soles_s, 0.003, rng.uniform(0.01, 0.03)) * sole


def laughing(rng: Rng, who: Person, size: int) -> np.ndarray:
    pace = rng.uniform(1.1, 1.9)
    shift = rng.uniform(0, 30)
    text = pick(rng, LAUGHS)
    return fit(say(who, text, "en", pace, shift, rng.uniform(30, 99)), size, rng)


def sneezing(rng: Rng, who: Person, size: int) -> np.ndarray:
    time_s = seconds(size)
    start_s = rng.uniform(0.3, max(0.35, size / SAMPLE_RATE_HZ - 0.5))
    rise = np.clip((time_s - start_s + 0.35) / 0.35, 0, 1) ** 2
    inward = rise * (time_s < start_s - 0.04)
    spray = burst(size, start_s, 0.02, rng.uniform(0.06, 0.16))
    nose_hz = np.array([rng.uniform(1500, 2500), rng.uniform(3000, 4500), 6000]) * who.tract
    pitch_hz = np.full(size, rng.uniform(2, 4) * who.pitch)
    voice = buzz(pitch_hz, np.array([400, 1900]) * who.tract, [200, 400])
    throat_hz = np.array([800, 2000]) * who.tract
    gasp = rng.uniform(0.1, 0.4) * inward * hiss(rng, size, throat_hz, [600, 900])
    sneeze = spray * hiss(rng, size, nose_hz, [1000, 1500, 2000])
    cry = burst(size, start_s + 0.03, 0.03, 0.06) * voice * rng.uniform(0, 0.7)
    return gasp + sneeze + cry


def snoring(rng: Rng, who: Person, size: int) -> np.ndarray:
    time_s = seconds(size)
    period_s = rng.uniform(0.8, 1.6) / who.pace
    swell = np.maximum(np.sin(2 * np.pi * (time_s / (2 * period_s) + rng.random())), 0) ** 0.7
    points_s = time_s[::800]
    flutter = np.interp(time_s, points_s, rng.normal(1, 0.12, len(points_s)))
    palate_hz = np.array([rng.uniform(180, 450), rng.uniform(700, 1300), 2300]) * who.tract
    rattle = buzz(rng.uniform(28, 70) * flutter, palate_hz, [150, 300, 500])
    rest = np.maximum(0.35 - swell, 0) * rng.uniform(0, 0.6)
    snore = swell * (rattle + 0.3 * hiss(rng, size, palate_hz, [300, 500, 900]))
    return snore + rest * hiss(rng, size, [1500], [2000])


def whispering(rng: Rng, who: Person, size: int, split: str = "train") -> np.ndarray:
    text = pick(rng, list_sentences("en", split))
    variant = pick(rng, ("whisper", "whisperf"))
    samples = say(who, text, variant=variant)
    # The library's whisper keeps a little voice, below 300 Hz.
    return fit(equalise(samples, [150, 400], [-20, 0]), size, rng)


# The makers are named as the classes are.
MAKERS = {
    maker.__name__: maker
    for maker in (
        breathing, brushing, clapping, coughing, crying, footsteps, laughing, sneezing, snoring,
        whispering,
    )
}  # fmt: skip
