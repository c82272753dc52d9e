"""One contract for all devices: model file -> latency."""

from pathlib import Path

from frill.device import host, identity
from frill.device.claim import claim
from frill.errors import UserError
from frill.params.devices import AdbDevice, Device


def measure(
    model: Path, control: Path, name: str, device: Device, recorded: dict | None = None
) -> dict:
    """Return what results/latency/{name}/*.json holds.

    That is latency_ms, iqr_ms, p95_ms, control_ms, ratio, ratio_iqr, runs and how they were
    measured. `recorded` is the device's identity as results/identity has it: another device of the
    same name is refused. One measurement runs on a device at a time. Raises UserError.
    """
    with claim(name, device):
        return _measure(model, control, name, device, recorded)


def _measure(model: Path, control: Path, name: str, device: Device, recorded: dict | None) -> dict:
    if isinstance(device, AdbDevice):
        from frill.device.phone import protocol

        return protocol.measure(model, control, name, device, recorded)
    present = identity.read_host()
    difference = "" if recorded is None else identity.describe_difference(recorded, present)
    if difference:
        raise UserError(
            f"{name} is not the machine recorded in results/identity/{name}.json ({difference}): "
            "delete the file and run `dvc repro`, which measures every model on this one"
        )
    return host.measure(model, control, device)
