"""What pairs of a model and its control say: medians, their ratio, and intervals of 95 %.

The intervals assume no distribution.
"""

from collections.abc import Sequence

import numpy as np

Interval = list[float]


def summarise_pairs(model_ms: np.ndarray, control_ms: np.ndarray) -> dict:
    """Return medians and quartiles over pairs, and of the ratios pair by pair, for a result."""
    ratios = model_ms / control_ms
    return {
        "latency_ms": float(np.median(model_ms)),
        "iqr_ms": np.percentile(model_ms, [25, 75]).tolist(),
        "control_ms": float(np.median(control_ms)),
        "ratio": float(np.median(ratios)),
        "ratio_iqr": np.percentile(ratios, [25, 75]).tolist(),
    }


def estimate_median_interval(values: Sequence[float]) -> Interval | None:
    """Return the interval of a median from order statistics (Conover 1999, chapter 3.2).

    None of fewer than six values: all of n are on one side of the median with probability
    2 (1/2)^n, so that even their whole range holds it too rarely.
    """
    from scipy import stats

    interval = stats.quantile_test(values).confidence_interval(0.95)
    if np.isnan(interval.low):
        return None
    return [float(interval.low), float(interval.high)]


def estimate_ratio_interval(one: Sequence[float], other: Sequence[float]) -> Interval | None:
    """Return the interval of the ratio of two medians, None if either has none.

    The two were measured apart. The distances from the estimates to their limits, on a log scale,
    add in quadrature (MOVER: Zou and Donner 2008, Statistics in Medicine 27).
    """
    limits = [estimate_median_interval(values) for values in (one, other)]
    if None in limits:
        return None
    a, b = (np.log(np.median(values)) for values in (one, other))
    (a_low, a_high), (b_low, b_high) = np.log(limits)
    low = a - b - np.hypot(a - a_low, b_high - b)
    high = a - b + np.hypot(a_high - a, b - b_low)
    return [float(np.exp(low)), float(np.exp(high))]
