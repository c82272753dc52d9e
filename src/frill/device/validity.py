"""Whether a measurement says what it seems to: which is asked of every device alike."""

# Of fewer ratios no interval of their median has 95 %: device/intervals.py.
MIN_PAIRS = 6


def judge(pairs: int, fault: str = "") -> dict:
    """Return {"valid": bool, "invalid_because": text}, the text empty for a valid one.

    `fault` is what spoilt the measurement, such as "throttled: core 2 ..."; `pairs` counts pairs of
    the model and the control that were not spoilt.
    """
    reason = fault
    if not reason and pairs < MIN_PAIRS:
        reason = f"too few pairs: {pairs}, an interval takes {MIN_PAIRS}"
    return {"valid": not reason, "invalid_because": reason}
