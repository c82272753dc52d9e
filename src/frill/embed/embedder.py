"""A finished .tflite file, run by LiteRT alone: waveforms in, embeddings out.

embedder = Embedder("frill.tflite")
embedder.embed(samples, sample_rate_hz=44100)    # [time, 2048], one row per 170 ms

stream = embedder.stream(sample_rate_hz=44100)   # the same as the audio comes
stream.push(samples)                             # [new rows, 2048]
stream.finish()                                  # what was held back
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from frill.audio.frontend import (
    MIN_SAMPLES,
    WINDOW_HOP_SAMPLES,
    WINDOW_SAMPLES,
    count_windows,
    pad,
    windows,
)
from frill.audio.waveform import SAMPLE_RATE_HZ
from frill.embed.stream import Stream

# Windows, one or any number at once, and samples, any number or 1 s.
TAKEN = [[[1, 96, 64, 1]], [[-1, 96, 64, 1]], [[1, -1]], [[1, MIN_SAMPLES]]]
Pooling = Literal["mean", "max", "mean+max"]


def pool(values: np.ndarray, pooling: Pooling) -> np.ndarray:
    """Return float [D] of one clip's windows float [windows, D], or [2 D] for "mean+max"."""
    if pooling == "mean+max":
        return np.concatenate([values.mean(axis=0), values.max(axis=0)])
    return values.mean(axis=0) if pooling == "mean" else values.max(axis=0)


class Embedder:
    """A model of windows or of samples, such as the three in release/.

    Windows are float32 [1, 96, 64, 1] -> [1, D], samples float32 [1, T] -> [time, D], or
    [1, 16000] -> [1, D], which is run once for each row. `values` is D, the length of an embedding.

    Several threads may use one at once: each call takes an interpreter of its own, and as many are
    kept as calls ever ran together. The file is read once: replacing it later changes nothing here.
    A pickle holds its content. Raises FileNotFoundError, and ValueError for what is no such model.
    """

    def __init__(self, path: str | Path, threads: int = 1):
        """`threads` are LiteRT's for one call."""
        if not Path(path).is_file():
            raise FileNotFoundError(
                f"{path}: no such file; `make repro` writes release/frill.tflite, "
                "or give the path of such a file"
            )
        self.__setstate__((str(path), threads, Path(path).read_bytes()))

    def embed(self, samples: np.ndarray, sample_rate_hz: int = SAMPLE_RATE_HZ) -> np.ndarray:
        """Return float32 [time, D] of a mono waveform, int16 or float in [-1, 1], [samples].

        Audio under 1 s is padded at its end. Memory holds the result and some seconds of audio,
        however long the audio is. Raises ValueError for samples of another rank or type, empty or
        not finite. Several channels are refused, as their axis is unknown; `samples.mean(axis=...)`
        mixes them.
        """
        if not np.size(samples):
            raise ValueError("samples are empty; expected one or more")
        stream = self.stream(sample_rate_hz)
        return np.concatenate([stream.push(samples), stream.finish()])

    def stream(self, sample_rate_hz: int = SAMPLE_RATE_HZ) -> Stream:
        """Return a stream for audio that comes in pieces.

        It gives the rows of `embed` for the whole, each as soon as its 0.975 s are there.
        """
        return Stream(self._embed_piece, self.values, sample_rate_hz)

    def embed_windows(self, log_mel: np.ndarray) -> np.ndarray:
        """Return float32 [N, D] of log-mel windows float32 [N, 96, 64], by a file of windows."""
        embeddings = np.empty((len(log_mel), self.values), np.float32)
        with self._interpreter() as interpreter:
            for window, embedding in zip(log_mel, embeddings, strict=True):
                self._run(interpreter, window[None, ..., None])
                embedding[:] = interpreter.get_tensor(self._output)[0]
        return embeddings

    def _embed_piece(self, samples: np.ndarray) -> np.ndarray:
        """Return float32 [windows, D] of float32 [samples], 16 kHz."""
        if self._takes_windows:
            return self.embed_windows(windows(samples))
        samples = pad(samples)
        if self._takes_second:
            return self._embed_seconds(samples)
        with self._interpreter() as interpreter:
            self._run(interpreter, samples[None])
            rows = interpreter.get_tensor(self._output).reshape(-1, self.values)
        expected = count_windows(len(samples))
        if len(rows) != expected:
            raise ValueError(
                f"{self._path}: gives {len(rows)} rows for {len(samples)} samples; "
                f"expected {expected}, one for every 170 ms"
            )
        return rows

    def _embed_seconds(self, samples: np.ndarray) -> np.ndarray:
        """Return what `_embed_piece` does, by a file that takes 1 s of which it uses 0.975 s."""
        views = np.lib.stride_tricks.sliding_window_view(samples, WINDOW_SAMPLES)
        rows = np.empty((count_windows(len(samples)), self.values), np.float32)
        with self._interpreter() as interpreter:
            for view, row in zip(views[::WINDOW_HOP_SAMPLES], rows, strict=True):
                self._run(interpreter, pad(view)[None])
                row[:] = interpreter.get_tensor(self._output)[0]
        return rows

    def _run(self, interpreter: Interpreter, values: np.ndarray) -> None:
        if self._takes_windows == (values.ndim == 2):
            raise ValueError(
                f"{self._path}: takes samples; give it audio by `embed`, "
                "or take frill_nofrontend.tflite"
            )
        if not self._takes_windows:
            # Does nothing where the shape stays.
            interpreter.resize_tensor_input(self._input, values.shape)
            interpreter.allocate_tensors()
        interpreter.set_tensor(self._input, values)
        interpreter.invoke()

    @contextmanager
    def _interpreter(self) -> Iterator[Interpreter]:
        """Give an interpreter that no other call uses; one that fails is not used again."""
        try:
            interpreter = self._idle.pop()
        except IndexError:
            interpreter = self._new_interpreter()
        yield interpreter
        self._idle.append(interpreter)

    def _new_interpreter(self) -> Interpreter:
        interpreter = Interpreter(model_content=self._content, num_threads=self._threads)
        interpreter.allocate_tensors()
        return interpreter

    def __getstate__(self) -> tuple[str, int, bytes]:
        return self._path, self._threads, self._content

    def __setstate__(self, state: tuple[str, int, bytes]) -> None:
        self._path, self._threads, self._content = state
        try:
            interpreter = self._new_interpreter()
        except (ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise ValueError(
                f"{self._path}: {reason}; give a file such as release/frill.tflite"
            ) from None
        inputs = interpreter.get_input_details()
        output, *_ = interpreter.get_output_details()
        shapes = [each["shape_signature"].tolist() for each in inputs]
        if shapes not in TAKEN or inputs[0]["dtype"] != np.float32:
            types = [each["dtype"].__name__ for each in inputs]
            taken = ", ".join(f"{name} {shape}" for name, shape in zip(types, shapes, strict=True))
            raise ValueError(
                f"{self._path}: takes {taken}; "
                "expected windows float32 [1, 96, 64, 1] or samples float32 [1, any] or [1, 16000]"
            )
        self._takes_windows = len(shapes[0]) == 4
        self._takes_second = shapes[0] == [1, MIN_SAMPLES]
        self._input = inputs[0]["index"]
        self._output = output["index"]
        self.values = int(output["shape"][-1])
        self._idle = deque([interpreter])  # append and pop of a deque are atomic
