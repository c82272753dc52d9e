"""One contract for all devices: model file -> latency."""

from pathlib import Path

from frill.device import host, identity
from frill.device.claim import claim
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
    present = identity.read_identity(name, device)
    if recorded is not None:
        identity.refuse_other_device(name, recorded, present)
        identity.refuse_other_runtime(name, recorded, present)
    return host.measure(model, control, device) | {"identity": present}
