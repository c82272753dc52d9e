"""What makes a device's milliseconds comparable.

results/identity/ keeps it with them, wherever they are pulled to: one table never mixes two
devices.
"""

import platform
from pathlib import Path

from frill.params.devices import AdbDevice, Device


def read_identity(name: str, device: Device) -> dict:
    """Return the CPU, or the phone with its build.

    Raises DeviceError where a phone has to be attached and is not.
    """
    if isinstance(device, AdbDevice):
        from frill.device.phone import connection, state

        return state.read_identity(connection.connect(name, device.serial))
    return read_host()


def read_host() -> dict:
    """Return this machine's CPU model, machine type and system."""
    return {
        "kind": "host",
        "cpu": _read_cpu_model(),
        "machine": platform.machine(),
        "system": platform.system(),
    }


def _read_cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith(("model name", "Hardware")):
            return line.partition(":")[2].strip()
    return platform.processor()


def describe_difference(recorded: dict, present: dict) -> str:
    """Return what is not as recorded, such as "cpu 'A', now 'B'"; empty if nothing is."""
    return ", ".join(
        f"{key} {recorded.get(key)!r}, now {value!r}"
        for key, value in present.items()
        if recorded.get(key) != value
    )
