"""Latency of models on one device and how sure it is, from results/latency/DEVICE/*.json.

A model's latency is the median of its ratios to the control model (a ratio a round on the host, a pair of processes on a phone) times the control's
pooled median: what slows a machine down for a while slows both, so noise between stages does not reorder models.
"""

from collections.abc import Sequence

import numpy as np
from scipy import stats

Interval = list[float]


def ratios(result: dict) -> np.ndarray:
    """The model's time over the control's, float [rounds] on the host, [processes] on a phone."""
    times = "process_ms" if "process_ms" in result else "round_ms"
    return np.array(result[times]) / np.array(result[f"control_{times}"])


def median_interval(values: Sequence[float]) -> Interval:
    """95 % interval of a median from order statistics: no assumption on the distribution (Conover 1999, chapter 3.2).

    Under six values none reaches 95 %: it is their range, which `range_confidence` judges.
    """
    found = stats.quantile_test(values).confidence_interval(0.95)
    low, high = (min(values), max(values)) if np.isnan(found.low) else found
    return [float(low), float(high)]


def range_confidence(count: int) -> float:
    """How often the range of so many values holds the median: all are on one side of it with probability 2 (1/2)^count."""
    return 1 - 2.0 ** (1 - count)


def ratio_interval(one: dict, other: dict) -> Interval:
    """95 % interval of one model's latency over another's: both were timed against the control, each in its own rounds.

    The distances from the estimates to their limits, on a log scale, add in quadrature (MOVER: Zou and Donner 2008, Statistics in Medicine 27).
    """
    (a, a_low, a_high), (b, b_low, b_high) = (
        np.log([np.median(r), *median_interval(r)]) for r in (ratios(one), ratios(other))
    )
    middle = a - b
    return [
        float(np.exp(middle - np.hypot(a - a_low, b_high - b))),
        float(np.exp(middle + np.hypot(a_high - a, b - b_low))),
    ]


def pooled_control_ms(measured: dict[str, dict]) -> float:
    """The control's median over all measurements of a device."""
    return float(
        np.median(
            [
                result["control_ms"]
                for result in measured.values()
                if result["latency_ms"] is not None
            ]
        )
    )


def pooled_latency_ms(measured: dict[str, dict]) -> dict[str, float]:
    """Model -> latency_ms on one device, from its results/latency/DEVICE/*.json. Models that were not timed are left out."""
    control_ms = pooled_control_ms(measured)
    return {
        name: result["ratio"] * control_ms
        for name, result in measured.items()
        if result["latency_ms"] is not None
    }
