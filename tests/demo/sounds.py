"""Sounds whose labels a listener could tell, and tasks of them."""

from pathlib import Path

import numpy as np
from examples import tone, write_clips

from frill.audio.clips import Clip
from frill.audio.waveform import to_int16


def sound(label: str, seed: int, rate_hz: int = 16000, seconds: float = 1.5) -> np.ndarray:
    """Return a tone, beeps of it, or hiss, float64 [samples].

    They differ in texture, which the mean over a convolution tells apart; pitch it does not.
    """
    rng = np.random.default_rng(seed)
    wave = tone(rng.uniform(900, 1100), rate_hz, seconds, rng.uniform(0.2, 0.5))
    if label == "hiss":
        wave = rng.normal(0, rng.uniform(0.05, 0.15), len(wave))
    if label == "beeps":
        wave *= np.arange(len(wave)) % (rate_hz // 5) < rate_hz // 10
    return wave + rng.normal(0, 0.001, len(wave))


def write_task(folder: Path, labels: list[str], clips: int = 60) -> None:
    parts = ["train", "train", "validation", "test"]
    listed = []
    for i in range(clips):
        label = labels[i % len(labels)]
        split = parts[i // len(labels) % 4]
        listed.append(Clip(f"c{i}", to_int16(sound(label, i)), label=label, split=split))
    write_clips(folder, listed)
