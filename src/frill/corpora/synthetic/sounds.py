"""Ten sounds people make without words, after the human classes of ESC-50, from shaped noise, pulses and eSpeak NG.

Each maker takes (synthesizer, rng, who, size) and returns float32 [size], 16 kHz. `who` (the vocal tract, the pitch and
the pace of a person) gives what the sounds of one person share; `rng` gives what differs from one to the next.
"""

import numpy as np
from scipy.signal import sawtooth

from frill.audio.waveform import SAMPLE_RATE_HZ
from frill.corpora.synthetic.effects import equalise, fit, resonate, rms
from frill.corpora.synthetic.espeak import Synthesizer
from frill.corpora.synthetic.voices import Person, pick, say, sentences

Rng = np.random.Generator
LAUGHS = (
    "ha ha ha ha ha",
    "he he he he",
    "ho ho ho ho",
    "a ha ha ha",
    "hi hi hi hi hi",
    "ha ha. ha ha ha",
)


def seconds(size: int) -> np.ndarray:
    """The time of each sample, s."""
    return np.arange(size) / SAMPLE_RATE_HZ


def hiss(rng: Rng, size: int, peaks_hz, widths_hz) -> np.ndarray:
    """Noise through resonances, rms 1."""
    samples = resonate(rng.standard_normal(size, np.float32), peaks_hz, widths_hz)
    return samples / rms(samples)


def voiced(pitch_hz: np.ndarray, peaks_hz, widths_hz) -> np.ndarray:
    """A buzz whose pitch is `pitch_hz` [samples], through resonances, rms 1."""
    phase = 2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE_HZ
    samples = resonate(sawtooth(phase).astype(np.float32), peaks_hz, widths_hz)
    return samples / rms(samples)


def bursts(size: int, starts_s, rise_s: float, decay_s) -> np.ndarray:
    """An outline of bursts: each rises in `rise_s` and decays by half-lives of about `decay_s`."""
    since_s = seconds(size)[:, None] - np.atleast_1d(starts_s)
    shape = np.clip(since_s / rise_s + 1, 0, 1) * np.exp(-np.maximum(since_s, 0) / decay_s)
    return shape.max(axis=1)


def rhythm(rng: Rng, size: int, period_s: float, jitter: float) -> np.ndarray:
    """Start times, s, of something that repeats about every `period_s`."""
    count = max(1, int(size / SAMPLE_RATE_HZ / period_s))
    return rng.uniform(0.02, period_s) + period_s * (
        np.arange(count) + rng.normal(0, jitter, count)
    )


def breathing(_synthesizer: Synthesizer, rng: Rng, who: Person, size: int) -> np.ndarray:
    period_s = rng.uniform(0.7, 1.5) / who.pace
    cycle = np.sin(2 * np.pi * (seconds(size) / (2 * period_s) + rng.random()))
    inward = hiss(rng, size, np.array([700, 1800, 3200]) * who.tract, [600, 900, 1500])
    outward = hiss(rng, size, np.array([450, 1300, 2500]) * who.tract, [500, 800, 1200])
    return np.maximum(cycle, 0) ** 1.5 * inward + np.maximum(
        -cycle, 0
    ) ** 1.5 * outward * rng.uniform(0.5, 1)


def brushing(_synthesizer: Synthesizer, rng: Rng, who: Person, size: int) -> np.ndarray:
    strokes = np.abs(np.sin(np.pi * seconds(size) * rng.uniform(3, 7) * who.pace)) ** rng.uniform(
        0.5, 1.5
    )
    return (0.15 + strokes) * hiss(
        rng, size, np.array([rng.uniform(1800, 3500), 5500]) * who.tract, [1500, 3000]
    )


def clapping(_synthesizer: Synthesizer, rng: Rng, who: Person, size: int) -> np.ndarray:
    starts_s = rhythm(rng, size, rng.uniform(0.18, 0.5) / who.pace, 0.06)
    palm_hz = rng.uniform(900, 2200) * who.tract
    return bursts(size, starts_s, 0.002, rng.uniform(0.01, 0.035)) * hiss(
        rng, size, [palm_hz, 3500], [900, 3000]
    )


def coughing(_synthesizer: Synthesizer, rng: Rng, who: Person, size: int) -> np.ndarray:
    starts_s = rhythm(rng, size, rng.uniform(0.3, 0.7) / who.pace, 0.08)[: rng.integers(1, 4)]
    throat_hz = np.array([rng.uniform(450, 750), 1500, 2800]) * who.tract
    bark = hiss(rng, size, throat_hz, [500, 700, 1500])
    pitch_hz = rng.uniform(1.5, 3) * who.pitch * (1 + 0.1 * np.sin(2 * np.pi * 3 * seconds(size)))
    tail = voiced(pitch_hz, throat_hz, [200, 300, 400]) * rng.uniform(0.2, 0.9)
    return bursts(size, starts_s, 0.008, rng.uniform(0.05, 0.12)) * bark + (
        bursts(size, starts_s + 0.05, 0.04, rng.uniform(0.04, 0.1)) * tail
    )


def crying(_synthesizer: Synthesizer, rng: Rng, who: Person, size: int) -> np.ndarray:
    time_s, wail_s = seconds(size), rng.uniform(0.5, 1.1) / who.pace
    arc = np.abs(np.sin(np.pi * (time_s / wail_s + rng.random())))
    vibrato = 1 + rng.uniform(0.01, 0.04) * np.sin(2 * np.pi * rng.uniform(5, 8) * time_s)
    pitch_hz = (180 + 3 * who.pitch) * (0.85 + rng.uniform(0.15, 0.45) * arc) * vibrato
    throat_hz = np.array([rng.uniform(700, 1000), 1500, 2900]) * who.tract
    sob = voiced(pitch_hz, throat_hz, [200, 300, 500]) + rng.uniform(0.05, 0.4) * hiss(
        rng, size, throat_hz, [400, 600, 900]
    )
    return arc ** rng.uniform(0.5, 1.5) * sob


def footsteps(_synthesizer: Synthesizer, rng: Rng, who: Person, size: int) -> np.ndarray:
    starts_s = rhythm(rng, size, rng.uniform(0.3, 0.6) / who.pace, 0.04)
    thump = bursts(size, starts_s, 0.004, rng.uniform(0.02, 0.06)) * hiss(
        rng, size, [rng.uniform(90, 300)], [200]
    )
    sole = hiss(rng, size, [rng.uniform(600, 2500), 4000], [900, 2500]) * rng.uniform(0.1, 0.7)
    return (
        thump
        + bursts(size, starts_s + rng.uniform(0.03, 0.08), 0.003, rng.uniform(0.01, 0.03)) * sole
    )


def laughing(synthesizer: Synthesizer, rng: Rng, who: Person, size: int) -> np.ndarray:
    pace, shift = rng.uniform(1.1, 1.9), rng.uniform(0, 30)
    return fit(
        say(
            synthesizer,
            who,
            pick(rng, LAUGHS),
            pace=pace,
            pitch_shift=shift,
            pitch_range=rng.uniform(30, 99),
        ),
        size,
        rng,
    )


def sneezing(_synthesizer: Synthesizer, rng: Rng, who: Person, size: int) -> np.ndarray:
    start_s = rng.uniform(0.3, max(0.35, size / SAMPLE_RATE_HZ - 0.5))
    inward = np.clip((seconds(size) - start_s + 0.35) / 0.35, 0, 1) ** 2 * (
        seconds(size) < start_s - 0.04
    )
    spray = bursts(size, start_s, 0.02, rng.uniform(0.06, 0.16))
    nose_hz = np.array([rng.uniform(1500, 2500), rng.uniform(3000, 4500), 6000]) * who.tract
    voice = voiced(
        np.full(size, rng.uniform(2, 4) * who.pitch), np.array([400, 1900]) * who.tract, [200, 400]
    )
    return (
        rng.uniform(0.1, 0.4)
        * inward
        * hiss(rng, size, np.array([800, 2000]) * who.tract, [600, 900])
        + spray * hiss(rng, size, nose_hz, [1000, 1500, 2000])
        + bursts(size, start_s + 0.03, 0.03, 0.06) * voice * rng.uniform(0, 0.7)
    )


def snoring(_synthesizer: Synthesizer, rng: Rng, who: Person, size: int) -> np.ndarray:
    time_s, period_s = seconds(size), rng.uniform(0.8, 1.6) / who.pace
    swell = np.maximum(np.sin(2 * np.pi * (time_s / (2 * period_s) + rng.random())), 0) ** 0.7
    flutter = np.interp(time_s, time_s[::800], rng.normal(1, 0.12, len(time_s[::800])))
    palate_hz = np.array([rng.uniform(180, 450), rng.uniform(700, 1300), 2300]) * who.tract
    rattle = voiced(rng.uniform(28, 70) * flutter, palate_hz, [150, 300, 500])
    rest = np.maximum(0.35 - swell, 0) * rng.uniform(0, 0.6)
    return swell * (rattle + 0.3 * hiss(rng, size, palate_hz, [300, 500, 900])) + rest * hiss(
        rng, size, [1500], [2000]
    )


def whispering(
    synthesizer: Synthesizer, rng: Rng, who: Person, size: int, split: str = "train"
) -> np.ndarray:
    samples = say(
        synthesizer,
        who,
        pick(rng, sentences("en", split)),
        variant=pick(rng, ("whisper", "whisperf")),
    )
    # The library's whisper keeps a little voice, below 300 Hz.
    return fit(equalise(samples, [150, 400], [-20, 0]), size, rng)


MAKERS = {
    maker.__name__: maker
    for maker in (
        breathing, brushing, clapping, coughing, crying, footsteps, laughing, sneezing, snoring, whispering,
    )
}  # fmt: skip
