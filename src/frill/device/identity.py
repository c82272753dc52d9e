"""What makes a device's milliseconds comparable.

results/identity/ keeps it with them, wherever they are pulled to: one table never mixes two
devices, nor two runtimes of a host.
"""

import platform
from importlib.metadata import version

import ai_edge_litert  # noqa: F401  its version is part of what a stage is made by (fingerprint.py)

from frill.device import cpu
from frill.device.errors import DeviceError
from frill.params.devices import AdbDevice, Device

# Of a host's identity: it may change, and every model is then timed again.
RUNTIME = "runtime"


def read_identity(name: str, device: Device) -> dict:
    """Return the CPU with the runtime on it, or the phone with its build.

    Raises DeviceError where a phone has to be attached and is not.
    """
    if isinstance(device, AdbDevice):
        from frill.device.phone import connection, state

        return state.read_identity(connection.connect(name, device.serial))
    return read_host() | {RUNTIME: describe_runtime(bool(device.xnnpack))}


def read_host() -> dict:
    """Return what this machine is: its CPU (frill.device.cpu), machine type and system."""
    return {
        "kind": "host",
        **cpu.read_cpu(),
        "machine": platform.machine(),
        "system": platform.system(),
    }


def describe_identity(identity: dict) -> str:
    """Return what is known of a device in a line: "kind host, cpu ..."."""
    parts = []
    for key, value in identity.items():
        text = " ".join(value) if isinstance(value, list) else value
        if text:
            parts.append(f"{key} {text}")
    return ", ".join(parts)


def describe_runtime(xnnpack: bool) -> str:
    """Return the runtime that times models on this machine, such as "LiteRT 2.3.0, XNNPACK"."""
    kernels = "XNNPACK" if xnnpack else "without XNNPACK"
    return f"LiteRT {version('ai-edge-litert')}, {kernels}"


def refuse_other_device(name: str, recorded: dict, present: dict) -> None:
    """Raise DeviceError where the device of that name is not the recorded one."""
    difference = describe_difference(recorded, present)
    if difference:
        is_host = present["kind"] == "host"
        what = "machine" if is_host else "phone"
        back = "" if is_host else "connect that one, or "
        raise DeviceError(
            f"{name} is not the {what} recorded in results/identity/{name}.json ({difference}): "
            f"{back}delete the file and run `dvc repro`, which measures every model on this one"
        )


def refuse_other_runtime(name: str, recorded: dict, present: dict) -> None:
    """Raise DeviceError where the runtime on a host is not the recorded one."""
    before = recorded.get(RUNTIME, "none")
    now = present.get(RUNTIME, "none")
    if now != before:
        raise DeviceError(
            f"{name} has the runtime {now}, results/identity/{name}.json says {before}: "
            f"run `dvc repro --force --single-item identify@{name}`, then `dvc repro`, "
            "which measures every model with it"
        )


def describe_difference(recorded: dict, present: dict) -> str:
    """Return what of a device is not as recorded, such as "cpu 'A', now 'B'"; empty if nothing is.

    What was not recorded, as by an older frill, is no difference. A runtime is not the device's.
    """
    differences = []
    for key, value in present.items():
        if key == RUNTIME or key not in recorded or recorded[key] == value:
            continue
        if isinstance(value, list):
            differences.append(_describe_lists(key, recorded[key], value))
        else:
            differences.append(f"{key} {recorded[key]!r}, now {value!r}")
    return ", ".join(differences)


def _describe_lists(key: str, recorded: list[str], present: list[str]) -> str:
    changes = [f"without {each}" for each in recorded if each not in present]
    changes += [f"with {each}" for each in present if each not in recorded]
    return f"{key} now {' '.join(changes)}"
