"""What a phone says of itself: what makes its milliseconds comparable, and whether it is cool.

Temperature is the battery's (dumpsys battery, tenths of a degree). Thermal status has the constants
of Android 10's PowerManager: 0 none, 1 light, 2 moderate, 3 severe and on.
"""

import re
from dataclasses import dataclass

from frill.device.phone.connection import Phone

KEYCODE_SLEEP = "223"  # android.view.KeyEvent; turns the screen off and never on
PROPERTIES = {
    "manufacturer": "ro.product.manufacturer",
    "model": "ro.product.model",
    "fingerprint": "ro.build.fingerprint",
    "android": "ro.build.version.release",
    "sdk": "ro.build.version.sdk",
    "platform": "ro.board.platform",
    "soc": "ro.soc.model",  # Android 12 and later
    "abis": "ro.product.cpu.abilist",
}


def read_identity(phone: Phone) -> dict:
    """Return model, build, system on chip and ABIs, but no serial number."""
    printed = phone.capture(["getprop"])
    values = dict(re.findall(r"^\[([^]]+)\]: \[(.*)\]$", printed, re.MULTILINE))
    return {"kind": "adb"} | {key: values.get(name, "") for key, name in PROPERTIES.items()}


@dataclass(frozen=True)
class Conditions:
    """At one moment; None where the phone does not say."""

    battery_c: float | None
    battery_percent: int | None
    thermal_status: int | None
    screen_on: bool | None


def read_conditions(phone: Phone) -> Conditions:
    """Ask dumpsys, which takes some 0.2 s. Raises DeviceError where it hangs."""
    battery = _dumpsys(phone, "battery")
    thermal = _dumpsys(phone, "thermalservice")
    power = _dumpsys(phone, "power")
    tenths_c = _find_number(r"temperature: (-?\d+)", battery)
    screen = re.search(r"Display Power: state=(\w+)", power)
    screen = screen or re.search(r"mWakefulness=(\w+)", power)
    battery_c = None if tenths_c is None else tenths_c / 10
    battery_percent = _find_number(r"level: (\d+)", battery)
    thermal_status = _find_number(r"Thermal ?Status: (\d+)", thermal)
    screen_on = None if screen is None else screen[1] in ("ON", "Awake")
    return Conditions(battery_c, battery_percent, thermal_status, screen_on)


def _dumpsys(phone: Phone, service: str) -> str:
    done = phone.run(["dumpsys", service])
    if done.exit_code == 137:
        raise phone.error(
            f"hangs (dumpsys {service} does not end): restart it, then run this again"
        )
    return done.stdout if done.exit_code == 0 else ""


def _find_number(pattern: str, text: str) -> int | None:
    match = re.search(rf"^\s*{pattern}", text, re.MULTILINE)
    return None if match is None else int(match[1])
