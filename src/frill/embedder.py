"""Runs a student's .tflite file: waveforms in, embeddings out, through LiteRT alone.

embedder = Embedder("frill_nofrontend.tflite")
embedder.embed(samples, sample_rate_hz=44100)    # [time, 2048], one row per 170 ms
"""

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from frill.audio import SAMPLE_RATE_HZ, to_16k
from frill.frontend import windows


class Embedder:
    """A model of windows: input float32 [1, 96, 64, 1], output float32 [1, D]. Not for two threads at once; make one each."""

    def __init__(self, path: str | Path, threads: int = 1):
        self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        if list(self._input["shape"]) != [1, 96, 64, 1]:
            raise ValueError(f"{path}: input has shape {list(self._input['shape'])}; expected [1, 96, 64, 1], a file without frontend")

    @property
    def values(self) -> int:
        """D, the length of an embedding."""
        return int(self._output["shape"][-1])

    def embed(self, samples: np.ndarray, sample_rate_hz: int = SAMPLE_RATE_HZ) -> np.ndarray:
        """Mono waveform, int16 or float in [-1, 1], [samples] -> float32 [time, D]; audio under 1 s is padded at its end."""
        samples = np.asarray(samples)
        if samples.ndim != 1 or not len(samples):
            raise ValueError(f"samples have shape {list(samples.shape)}; expected [samples], mono and not empty")
        if sample_rate_hz != SAMPLE_RATE_HZ:
            samples = samples / np.float32(32767) if samples.dtype == np.int16 else samples
            samples = to_16k(samples.astype(np.float32), sample_rate_hz)
        return self.embed_windows(windows(samples))

    def embed_windows(self, log_mel: np.ndarray) -> np.ndarray:
        """float32 [N, 96, 64] -> float32 [N, D]."""
        embeddings = np.empty((len(log_mel), self.values), np.float32)
        for window, embedding in zip(log_mel, embeddings, strict=True):
            self.invoke(window, embedding)
        return embeddings

    def invoke(self, window: np.ndarray, out: np.ndarray) -> None:
        """One window float32 [96, 64] -> `out` float32 [D]."""
        self._interpreter.set_tensor(self._input["index"], window[None, ..., None])
        self._interpreter.invoke()
        out[:] = self._interpreter.get_tensor(self._output["index"])[0]
