"""Latency on this machine's CPU, through LiteRT with XNNPACK.

Rounds alternate between a control model and the one measured, so that what slows the machine down for a while slows both: the ratio of the two is what
is stable, and what the frontier compares. Every round opens both anew: where their weights come to lie in memory changes their speed by some percent,
and rounds of one opening would agree with each other better than with the next measurement.
"""

import hashlib
from pathlib import Path

import numpy as np

from frill.device import identity
from frill.device.memory import peak_memory_mib
from frill.device.timed_model import Timed
from frill.params.devices import HostDevice


def measure(model: Path, control: Path, device: HostDevice) -> dict:
    """Milliseconds for one window, input copied in and embedding copied out, over `rounds` rounds of `round_ms` each.

    `latency_ms` is the median over rounds of a round's median; `iqr_ms` the quartiles of those; `p95_ms` over all invocations; `ratio` the median of
    a round's median over that of the control's round just before; `round_ms` and `control_round_ms` the medians themselves, round by round.
    """
    rounds = [
        [_fresh_round_ms(path, device) for path in (control, model)] for _ in range(device.rounds)
    ]
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
