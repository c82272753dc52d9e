"""Latency on this machine's CPU, through LiteRT.

Rounds alternate between a control model and the one measured. What slows the machine down for a
while slows both: the ratio of the two is stable, and it is what the frontier compares. Every round
opens both anew: where their weights come to lie in memory changes their speed by some percent.
Rounds of one opening would agree with each other better than with the next measurement.
"""

import hashlib
from pathlib import Path
from time import perf_counter_ns
from typing import NamedTuple

import numpy as np

from frill.device import identity
from frill.device.intervals import summarise_pairs
from frill.device.memory import measure_peak_memory
from frill.device.timed_model import TimedModel
from frill.device.validity import judge
from frill.params.devices import HostDevice


def measure(model: Path, control: Path, device: HostDevice) -> dict:
    """Return milliseconds for one window, over `rounds` rounds of `round_ms` each.

    Copying the input in and the embedding out is included. `latency_ms` is the median over rounds
    of a round's median, `iqr_ms` the quartiles of those, `p50_ms` to `p95_ms` over all
    invocations. `ratio` is the median of a round's median over that of the control's round just
    before. `round_ms` and `control_round_ms` are the medians themselves, round by round. Opening a
    model (`init_ms`) and its first invocation (`first_ms`) are medians over rounds. `cadence_ms` is
    the median at an app's pace, one invocation each 170 ms: back-to-back ones flatter.
    """
    control_rounds = []
    model_rounds = []
    for _ in range(device.rounds):
        control_rounds.append(_time_round(control, device))
        model_rounds.append(_time_round(model, device))
    control_ms = np.array([np.median(each.times_ms) for each in control_rounds])
    model_ms = np.array([np.median(each.times_ms) for each in model_rounds])
    all_ms = np.concatenate([each.times_ms for each in model_rounds])
    p50_ms, p90_ms, p95_ms = np.percentile(all_ms, [50, 90, 95]).tolist()
    opened = _open(model, device)
    cadence_ms = opened.time_at_cadence_ms(device.cadence_runs)
    memory = measure_peak_memory(model, device.threads, device.xnnpack)
    return {
        "schema": 1,
        "runtime": identity.describe_runtime(opened.has_xnnpack),
        "accelerator": "cpu",
        "threads": device.threads,
        "rounds": device.rounds,
        "runs": len(all_ms),
        **summarise_pairs(model_ms, control_ms),
        "p50_ms": p50_ms,
        "p90_ms": p90_ms,
        "p95_ms": p95_ms,
        "init_ms": float(np.median([each.init_ms for each in model_rounds])),
        "first_ms": float(np.median([each.first_ms for each in model_rounds])),
        "cadence_ms": float(np.median(cadence_ms)),
        "cadence_runs": len(cadence_ms),
        "round_ms": model_ms.tolist(),
        "control_round_ms": control_ms.tolist(),
        **judge(device.rounds),
        "peak_memory_mib": memory.added_mib,
        "added_memory_mib": memory.added_mib,
        "process_memory_mib": memory.process_mib,
        "model_sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "control_sha256": hashlib.sha256(control.read_bytes()).hexdigest(),
    }


class _Round(NamedTuple):
    """One opening of a model: how long that took, its first invocation, and those that count."""

    init_ms: float
    first_ms: float
    times_ms: list[float]


def _open(path: Path, device: HostDevice) -> TimedModel:
    return TimedModel(path, device.threads, bool(device.xnnpack))


def _time_round(path: Path, device: HostDevice) -> _Round:
    start = perf_counter_ns()
    model = _open(path, device)
    init_ms = (perf_counter_ns() - start) / 1e6
    first_ms = model.time_round_ms(0.0)[0]  # the rest is warm-up
    return _Round(init_ms, first_ms, model.time_round_ms(device.round_ms))
