"""Latency on this machine's CPU, through LiteRT with XNNPACK.

Rounds alternate between a control model and the one measured, so that what slows the machine down for a while slows both: the ratio of the two is what
is stable, and what the frontier compares. Every round opens both anew: where their weights come to lie in memory changes their speed by some percent,
and rounds of one opening would agree with each other better than with the next measurement.
"""

import hashlib
from pathlib import Path
from time import perf_counter_ns

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from frill.device import identity
from frill.device.memory import peak_memory_mib
from frill.params import HostDevice

MIN_INVOCATIONS = 3  # a round, however slow the model


def measure(model: Path, control: Path, device: HostDevice) -> dict:
    """Milliseconds for one window, input copied in and embedding copied out, over `rounds` rounds of `round_ms` each.

    `latency_ms` is the median over rounds of a round's median; `iqr_ms` the quartiles of those; `p95_ms` over all invocations; `ratio` the median of
    a round's median over that of the control's round just before; `round_ms` and `control_round_ms` the medians themselves, round by round.
    """
    rounds = [[_fresh_round_ms(path, device) for path in (control, model)] for _ in range(device.rounds)]
    control_ms, model_ms = (np.array([np.median(pair[i]) for pair in rounds]) for i in range(2))
    ratios = model_ms / control_ms
    return {
        "schema": 1,
        "identity": identity.host(),
        "runtime": "LiteRT, XNNPACK",
        "threads": device.threads,
        "rounds": device.rounds,
        "runs": int(sum(len(pair[1]) for pair in rounds)),
        "latency_ms": float(np.median(model_ms)),
        "iqr_ms": np.percentile(model_ms, [25, 75]).tolist(),
        "p95_ms": float(np.percentile(np.concatenate([pair[1] for pair in rounds]), 95)),
        "control_ms": float(np.median(control_ms)),
        "ratio": float(np.median(ratios)),
        "ratio_iqr": np.percentile(ratios, [25, 75]).tolist(),
        "round_ms": model_ms.tolist(),
        "control_round_ms": control_ms.tolist(),
        "peak_memory_mib": peak_memory_mib(model, device.threads),
        "model_sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
    }


def _fresh_round_ms(path: Path, device: HostDevice) -> list[float]:
    timed = Timed(path, device.threads)
    timed.round_ms(0.0)  # warm-up, not counted
    return timed.round_ms(device.round_ms)


class Timed:
    """A model of one fixed-shape float32 input: a student's window, a teacher's samples."""

    def __init__(self, path: Path, threads: int):
        self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
        self._interpreter.allocate_tensors()
        details = self._interpreter.get_input_details()[0]
        self._input, self._output = details["index"], self._interpreter.get_output_details()[0]["index"]
        self._values = np.random.default_rng(0).uniform(-1, 1, details["shape"]).astype(np.float32)

    def round_ms(self, length_ms: float) -> list[float]:
        """Milliseconds of each invocation in a round of about `length_ms`."""
        times_ms: list[float] = []
        while sum(times_ms) < length_ms or len(times_ms) < MIN_INVOCATIONS:
            start = perf_counter_ns()
            self._interpreter.set_tensor(self._input, self._values)
            self._interpreter.invoke()
            self._interpreter.get_tensor(self._output)
            times_ms.append((perf_counter_ns() - start) / 1e6)
        return times_ms
