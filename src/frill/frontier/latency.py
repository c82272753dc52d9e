"""Latency of models on one device and how sure it is, from results/latency/DEVICE/MODEL.json.

A model's latency is the median of its ratios to the control model times the control's pooled
median. A ratio is of a round on the host, of a pair of processes on a phone. What slows a machine
down for a while slows both models, so noise between stages does not reorder models.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Timing:
    """What a model's time on a device says; `ratios` float [n] are to the control's time."""

    identity: dict
    control_ms: float
    ratio: float  # the median
    ratio_iqr: list[float]
    ratios: np.ndarray
    peak_memory_mib: float | None


def read_timing(path: Path) -> Timing | None:
    """Read results/latency/DEVICE/MODEL.json; None for a model that was not timed there."""
    if not path.exists():
        return None
    content = json.loads(path.read_text())
    if content["latency_ms"] is None:
        return None
    times = "process_ms" if "process_ms" in content else "round_ms"
    return Timing(
        identity=content["identity"],
        control_ms=content["control_ms"],
        ratio=content["ratio"],
        ratio_iqr=content["ratio_iqr"],
        ratios=np.array(content[times]) / np.array(content[f"control_{times}"]),
        peak_memory_mib=content.get("peak_memory_mib"),
    )


def read_timings(folder: Path, models: Sequence[str]) -> dict[str, Timing]:
    """Return those of `models` that were timed, from a device's folder."""
    timings = {name: read_timing(folder / f"{name}.json") for name in models}
    return {name: timing for name, timing in timings.items() if timing is not None}


def pool_control_ms(timings: Collection[Timing]) -> float:
    """Return the control's median over all measurements of a device."""
    return float(np.median([timing.control_ms for timing in timings]))


def pool_latency_ms(timings: dict[str, Timing]) -> dict[str, float]:
    """Return latency_ms by model, from the timings on one device."""
    control_ms = pool_control_ms(timings.values())
    return {name: timing.ratio * control_ms for name, timing in timings.items()}
