"""Whether two records of measurements differ beyond their intervals."""

import numpy as np

from frill.device.identity import RUNTIME, describe_difference
from frill.device.intervals import estimate_ratio_interval
from frill.device.record import Record


def compare(one: Record, other: Record, names: tuple[str, str]) -> list[str]:
    """Return lines: what is not alike, both latencies, and what can be said of them.

    On one device and one control the ratios to the control are compared, which what slows a device
    down for a while does not move. Else it is milliseconds, each of its own hour.
    """
    first, second = names
    lines = [f"differs   {line}" for line in list_differences(one, other)]
    for name, record in zip(names, (one, other), strict=True):
        lines.append(_describe(name, record))
    for name, record in zip(names, (one, other), strict=True):
        if not record.valid:
            reason = record.invalid_because
            return [*lines, f"verdict   nothing can be said: {name} is not valid ({reason})"]
    by_ratio = is_one_device(one, other) and one.control.sha256 == other.control.sha256
    values = [record.numbers.pair_ms for record in (one, other)]
    if by_ratio:
        values = [_list_ratios(record) for record in (one, other)]
    interval = estimate_ratio_interval(*values)
    if interval is None:  # of another program's record
        return [*lines, "verdict   nothing can be said: fewer than six pairs have no interval"]
    ratio = float(np.median(values[0]) / np.median(values[1]))
    low, high = interval
    verdict = "no difference beyond the intervals"
    if low > 1:
        verdict = f"{first} is slower, beyond the intervals"
    if high < 1:
        verdict = f"{first} is faster, beyond the intervals"
    what = "ratios to the control" if by_ratio else "milliseconds"
    return [
        *lines,
        f"{first} over {second}: {ratio:.3f} ({low:.3f} to {high:.3f}), by {what}",
        f"verdict   {verdict}",
    ]


def is_one_device(one: Record, other: Record) -> bool:
    """Tell whether two records are of one device, with one runtime, as many threads, like cores.

    A phone's little cores are another device: they slow model and control alike, which no ratio
    tells.
    """
    cores = [record.protocol.settings.get("cores") for record in (one, other)]
    return (
        one.device.keys() - {RUNTIME} == other.device.keys() - {RUNTIME}
        and not describe_difference(one.device, other.device)
        and one.runtime == other.runtime
        and cores[0] == cores[1]
    )


def list_differences(one: Record, other: Record) -> list[str]:
    """Return what of two records is not alike, one thing a line: "threads 1, 2"."""
    pairs = {
        "model": (one.model.sha256[:12], other.model.sha256[:12]),
        "control": (one.control.sha256[:12], other.control.sha256[:12]),
        "runtime": (one.runtime.name, other.runtime.name),
        "accelerator": (one.runtime.accelerator, other.runtime.accelerator),
        "threads": (one.runtime.threads, other.runtime.threads),
        "statistic": (one.protocol.statistic, other.protocol.statistic),
    }
    for part, first, second in (
        ("device", one.device, other.device),
        ("binary", one.runtime.binaries, other.runtime.binaries),
        ("setting", one.protocol.settings, other.protocol.settings),
    ):
        for key in sorted(first.keys() | second.keys() - {RUNTIME}):
            pairs[f"{part} {key}"] = (first.get(key), second.get(key))
    return [f"{key}: {a}, {b}" for key, (a, b) in pairs.items() if a != b]


def _list_ratios(record: Record) -> list[float]:
    numbers = record.numbers
    return np.divide(numbers.pair_ms, numbers.control_pair_ms).tolist()


def _describe(name: str, record: Record) -> str:
    numbers = record.numbers
    interval = ""
    if numbers.interval_ms:
        low, high = numbers.interval_ms
        interval = f" ({low:.3f} to {high:.3f})"
    return f"{name}: {numbers.latency_ms:.3f} ms{interval}, {numbers.ratio:.3f} of its control"
