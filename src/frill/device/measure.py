"""One contract for all devices: model file -> latency."""

from pathlib import Path

from frill.device import host, identity
from frill.errors import UserError
from frill.params.devices import AdbDevice, Device


def measure(
    model: Path, control: Path, name: str, device: Device, recorded: dict | None = None
) -> dict:
    """What results/latency/{name}/*.json holds: latency_ms, iqr_ms, p95_ms, control_ms, ratio, ratio_iqr, runs and how they were got.

    `recorded` is the device's identity as results/identity has it: another device of the same name is refused. Raises UserError.
    """
    if isinstance(device, AdbDevice):
        from frill.device.phone import protocol

        return protocol.measure(model, control, name, device, recorded)
    if recorded is not None and (differing := identity.differing(recorded, identity.host())):
        raise UserError(
            f"{name} is not the machine recorded in results/identity/{name}.json ({differing}): delete the file and run `dvc repro`, "
            "which measures every model on this one"
        )
    return host.measure(model, control, device)
