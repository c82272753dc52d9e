"""A file of `frill head`, run by LiteRT alone: waveforms in, probabilities of its labels out.

head = Head("mood.tflite")
head.classify(samples, sample_rate_hz=44100)        # {"happy": 0.81, "sad": 0.12, ...}
"""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from frill.audio.waveform import SAMPLE_RATE_HZ
from frill.embed.embedder import Embedder
from frill.embed.stream import Stream

ABOUT = "head.json"  # in the zip behind the model, beside its labels
LEAST = 1e-37  # of a probability: float32 has nothing below


@dataclass(frozen=True)
class About:
    """What head.json holds.

    Probabilities are the softmax of scores divided by a temperature: one for single windows, one
    for a clip's mean score. A clip whose greatest probability is below `threshold` is "unknown", a
    single window below `window_threshold`.
    """

    labels: list[str]
    threshold: float
    window_threshold: float
    window_temperature: float
    clip_temperature: float
    synthetic: bool
    accuracy: float  # percent of test clips


class Head:
    """A classifier of the user's own sounds; several threads may use one at once.

    Raises FileNotFoundError, and ValueError for a file that `frill head` did not write.
    """

    def __init__(self, path: str | Path, threads: int = 1):
        """`threads` are LiteRT's for one call."""
        self._embedder = Embedder(path, threads)
        try:
            with zipfile.ZipFile(path) as archive:
                self.about = About(**json.loads(archive.read(ABOUT)))
            if len(self.about.labels) != self._embedder.values:
                raise ValueError("one label for each value")
        except (zipfile.BadZipFile, KeyError, TypeError, ValueError):
            raise ValueError(
                f"{path}: has no labels of a head; give a file that `frill head` wrote"
            ) from None
        self.labels = self.about.labels

    def classify(self, samples: np.ndarray, sample_rate_hz: int = SAMPLE_RATE_HZ) -> dict:
        """Return the probability of each label for a clip, the greatest first.

        `samples` as Embedder.embed takes them. The file's own output `clip` is the same.
        """
        return self.sum_up(self.find_windows(samples, sample_rate_hz))

    def find_windows(self, samples: np.ndarray, sample_rate_hz: int = SAMPLE_RATE_HZ) -> np.ndarray:
        """Return the probabilities of every window, float32 [time, classes], a row per 170 ms."""
        return self._embedder.embed(samples, sample_rate_hz)

    def stream(self, sample_rate_hz: int = SAMPLE_RATE_HZ) -> Stream:
        """Return a stream that gives the rows of `find_windows` as the audio comes."""
        return self._embedder.stream(sample_rate_hz)

    def sum_up(self, windows: np.ndarray) -> dict[str, float]:
        """Return the probability of each label for a clip of `windows` [time, classes].

        Scores are the logarithms, but for a constant of each window that a softmax ignores.
        """
        scores = np.log(np.maximum(windows, LEAST)).mean(axis=0, dtype=np.float64)
        scores *= self.about.window_temperature / self.about.clip_temperature
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        order = np.argsort(-shares, kind="stable")
        return {self.labels[index]: float(shares[index]) for index in order}

    def is_known(self, shares: dict[str, float]) -> bool:
        """Tell whether a clip's greatest probability reaches the threshold."""
        return max(shares.values()) >= self.about.threshold
