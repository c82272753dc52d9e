"""One contract for all devices: model file -> latency."""

from pathlib import Path

from frill.device import host
from frill.params import AdbDevice, Device


def measure(model: Path, control: Path, name: str, device: Device, expected: dict | None = None) -> dict:
    """What results/latency/{name}/*.json holds: latency_ms, iqr_ms, p95_ms, control_ms, ratio, ratio_iqr, runs and how they were got.

    `expected` is the device's identity as recorded. Raises UserError.
    """
    if isinstance(device, AdbDevice):
        from frill.device import adb

        return adb.measure(model, control, name, device, expected)
    return host.measure(model, control, device)
