"""What tests of whole measurements share: settings for the rig's phone, and what a failure says."""

import hashlib
import os
from pathlib import Path

import pytest

from frill.device.phone import protocol
from frill.errors import UserError
from frill.params.devices import AdbDevice


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def settings(serial: str, tool: Path, folder: str, /, **changed) -> AdbDevice:
    """Return short settings; one core keeps the scheduler of a busy machine from moving threads."""
    short = dict(
        processes=3,
        runs=5,
        min_s=0.05,
        warm_up_s=0.05,
        cadence_runs=3,
        discards=2,
        timeout_s=30.0,
        cool_down_s=1.0,
    )
    known = dict(
        kind="adb",
        serial=serial,
        tool=str(tool),
        tool_sha256=sha256(tool),
        cores="1",
        xnnpack="none",
        folder=folder,
    )
    return AdbDevice.model_validate(known | short | changed)


def measure(models, device: AdbDevice, **more) -> dict:
    """Return a measurement of the second model, in turns with the first."""
    return protocol.measure(models[1], models[0], "pixel", device, **more)


def fail(models, device: AdbDevice, **more) -> str:
    """Return what a measurement says that cannot be made."""
    with pytest.raises(UserError) as raised:
        measure(models, device, **more)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def has_left_nothing(rig) -> bool:
    """Tell whether the phone's folder has no file and nothing runs there but the daemon."""
    return not os.listdir(rig.remote_folder) and all("adbd" in argv for _, argv in rig.processes())


def frequencies(caps_khz: dict[int, int]) -> dict:
    """Return what rig.cpus takes, for a little core 0 and a big core 1."""
    highest_khz = {0: 1593600, 1: 2150400}
    return {
        cpu: dict(
            cpuinfo_max_freq=highest_khz[cpu],
            scaling_max_freq=caps_khz[cpu],
            scaling_cur_freq=caps_khz[cpu],
        )
        for cpu in highest_khz
    }
