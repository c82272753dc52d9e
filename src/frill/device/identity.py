"""What makes a device's milliseconds comparable. results/identity/ keeps it with them, wherever they are pulled to: one table never mixes two devices."""

import platform
from pathlib import Path

from frill.params.devices import AdbDevice, Device


def identity(name: str, device: Device) -> dict:
    """The CPU, or the phone with its build. Raises DeviceError where a phone has to be attached and is not."""
    if isinstance(device, AdbDevice):
        from frill.device.phone import connection
        from frill.device.phone import state as phone_state

        return phone_state.identity(connection.connect(name, device.serial))
    return host()


def host() -> dict:
    """This machine: the CPU's model and the machine type."""
    return {
        "kind": "host",
        "cpu": _cpu_model(),
        "machine": platform.machine(),
        "system": platform.system(),
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (
            line.partition(":")[2].strip()
            for line in lines
            if line.startswith(("model name", "Hardware"))
        ),
        platform.processor(),
    )


def differing(recorded: dict, found: dict) -> str:
    """What is not as recorded, such as "cpu 'A', now 'B'"; empty if nothing is."""
    return ", ".join(
        f"{key} {recorded.get(key)!r}, now {found[key]!r}"
        for key in found
        if recorded.get(key) != found[key]
    )
