"""A .tflite file that is timed on this machine, invocation by invocation."""

from pathlib import Path
from time import perf_counter_ns

import numpy as np
from ai_edge_litert.interpreter import Interpreter

MIN_INVOCATIONS = 3  # a round, however slow the model


class TimedModel:
    """A model of one fixed-shape float32 input: a student's window, a teacher's samples."""

    def __init__(self, path: Path, threads: int):
        self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
        self._interpreter.allocate_tensors()
        details = self._interpreter.get_input_details()[0]
        self._input = details["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        self._values = np.random.default_rng(0).uniform(-1, 1, details["shape"]).astype(np.float32)

    def time_round_ms(self, length_ms: float) -> list[float]:
        """Return milliseconds of each invocation in a round of about `length_ms`."""
        times_ms: list[float] = []
        while sum(times_ms) < length_ms or len(times_ms) < MIN_INVOCATIONS:
            start = perf_counter_ns()
            self._interpreter.set_tensor(self._input, self._values)
            self._interpreter.invoke()
            self._interpreter.get_tensor(self._output)
            times_ms.append((perf_counter_ns() - start) / 1e6)
        return times_ms
