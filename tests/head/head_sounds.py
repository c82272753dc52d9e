"""Folders of labelled sounds, and labels that formats trip over."""

import wave
from pathlib import Path

import numpy as np
from examples import speechlike

# Commas, quotes, templates of Kotlin, columns of Markdown, escapes; scripts other than Latin.
ODD_LABELS = ['say "hi", $you', "радость", "悲しい|x", "it's\\n"]


def write_wav(path: Path, samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(samples.tobytes())


def make_sound(kind: int, seed: int, samples: int = 16000) -> np.ndarray:
    """Return int16 [samples]: a voice, and a tone whose height says the kind."""
    rng = np.random.default_rng(seed)
    hz = 300 * 1.8**kind * rng.uniform(0.95, 1.05)
    tone = 6000 * np.sin(2 * np.pi * hz * np.arange(samples) / 16000)
    return (speechlike(samples, seed) // 32 + tone).astype(np.int16)


def write_folder(folder: Path, labels: list[str], clips: int, samples: int = 16000) -> Path:
    for kind, label in enumerate(labels):
        for clip in range(clips):
            sound = make_sound(kind, 100 * kind + clip, samples)
            write_wav(folder / label / f"{clip}.wav", sound)
    return folder
