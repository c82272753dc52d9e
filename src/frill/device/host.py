"""Latency on this machine's CPU, through LiteRT.

Rounds alternate between a control model and the one measured. What slows the machine down for a
while slows both: the ratio of the two is stable, and it is what the frontier compares. Every round
opens both anew: where their weights come to lie in memory changes their speed by some percent.
Rounds of one opening would agree with each other better than with the next measurement.
"""

import hashlib
from pathlib import Path

import numpy as np

from frill.device import identity
from frill.device.memory import measure_peak_memory_mib
from frill.device.timed_model import TimedModel
from frill.params.devices import HostDevice


def measure(model: Path, control: Path, device: HostDevice) -> dict:
    """Return milliseconds for one window, over `rounds` rounds of `round_ms` each.

    Copying the input in and the embedding out is included. `latency_ms` is the median over rounds
    of a round's median, `iqr_ms` the quartiles of those, `p95_ms` over all invocations. `ratio` is
    the median of a round's median over that of the control's round just before. `round_ms` and
    `control_round_ms` are the medians themselves, round by round.
    """
    control_rounds = []
    model_rounds = []
    for _ in range(device.rounds):
        control_rounds.append(_time_round_ms(control, device))
        model_rounds.append(_time_round_ms(model, device))
    control_ms = np.array([np.median(times_ms) for times_ms in control_rounds])
    model_ms = np.array([np.median(times_ms) for times_ms in model_rounds])
    all_ms = np.concatenate(model_rounds)
    ratios = model_ms / control_ms
    return {
        "schema": 1,
        "runtime": identity.describe_runtime(_open(model, device).has_xnnpack),
        "threads": device.threads,
        "rounds": device.rounds,
        "runs": len(all_ms),
        "latency_ms": float(np.median(model_ms)),
        "iqr_ms": np.percentile(model_ms, [25, 75]).tolist(),
        "p95_ms": float(np.percentile(all_ms, 95)),
        "control_ms": float(np.median(control_ms)),
        "ratio": float(np.median(ratios)),
        "ratio_iqr": np.percentile(ratios, [25, 75]).tolist(),
        "round_ms": model_ms.tolist(),
        "control_round_ms": control_ms.tolist(),
        "peak_memory_mib": measure_peak_memory_mib(model, device.threads, device.xnnpack),
        "model_sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
    }


def _open(path: Path, device: HostDevice) -> TimedModel:
    return TimedModel(path, device.threads, bool(device.xnnpack))


def _time_round_ms(path: Path, device: HostDevice) -> list[float]:
    model = _open(path, device)
    model.time_round_ms(0.0)  # warm-up, not counted
    return model.time_round_ms(device.round_ms)
