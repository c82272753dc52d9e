"""What a phone says of itself: what makes its milliseconds comparable, its cores, and whether it is cool and dark enough to be measured.

Cores are read from cpufreq, not from a table of phones: big is the cluster with the highest cpuinfo_max_freq, little that with the lowest (a Pixel 1:
CPU 0-1 little, 2-3 big, mask 0c). Temperature is the battery's (dumpsys battery, tenths of a degree), thermal status Android 10's PowerManager constants:
0 none, 1 light, 2 moderate, 3 severe and on.
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


def identity(phone: Phone) -> dict:
    """What makes the milliseconds of two phones comparable: model, build, system on chip and ABIs. No serial number."""
    said = dict(re.findall(r"^\[([^]]+)\]: \[(.*)\]$", phone.text(["getprop"]), re.MULTILINE))
    return {"kind": "adb"} | {key: said.get(name, "") for key, name in PROPERTIES.items()}


@dataclass(frozen=True)
class Core:
    """Frequencies in kHz; `cap_khz` is what the phone allows at the moment, which heat lowers. None where it does not say."""

    cpu: int
    max_khz: int | None
    cap_khz: int | None


def cores(phone: Phone) -> list[Core]:
    """Of every core that the kernel lists, in order."""
    folder = "/sys/devices/system/cpu"
    script = (
        'cd "$1" && for cpu in cpu[0-9]*; do echo "$cpu"; for name in cpuinfo_max_freq scaling_max_freq; do '
        'read -r khz 2>/dev/null <"$cpu/cpufreq/$name" && echo "$cpu $name $khz"; done; done 2>/dev/null; true'
    )
    found: dict[int, dict[str, int]] = {}
    for cpu, name, khz in re.findall(
        r"^cpu(\d+)(?: (\w+) (\d+))?$", phone.script(script, folder).stdout, re.MULTILINE
    ):
        found.setdefault(int(cpu), {}).update({name: int(khz)} if name else {})
    return [
        Core(cpu, values.get("cpuinfo_max_freq"), values.get("scaling_max_freq"))
        for cpu, values in sorted(found.items())
    ]


def cpus_of(choice: str, cores: list[Core]) -> list[int]:
    """Numbers of the cores that `choice` means: big, little, any, or a hexadecimal mask. Raises ValueError with the reason."""
    if choice == "any":
        return [core.cpu for core in cores]
    if choice not in ("big", "little"):
        asked = [cpu for cpu in range(int(choice, 16).bit_length()) if int(choice, 16) >> cpu & 1]
        if missing := sorted({*asked} - {core.cpu for core in cores}):
            raise ValueError(
                f"names core {missing[0]}, and there are cores 0 to {max(core.cpu for core in cores)}"
            )
        return asked
    known = [core for core in cores if core.max_khz is not None]
    if not known:
        raise ValueError(
            "cannot be told: the phone does not say its cores' frequencies (cpuinfo_max_freq); give a mask, such as '0c' for cores 2 and 3"
        )
    limit = (max if choice == "big" else min)(core.max_khz for core in known)
    return [core.cpu for core in known if core.max_khz == limit]


def mask_of(cpus: list[int]) -> str:
    """As taskset takes it: hexadecimal, without 0x, which Android's toybox refuses."""
    return f"{sum(1 << cpu for cpu in cpus):x}"


@dataclass(frozen=True)
class Conditions:
    """At one moment; None where the phone does not say."""

    battery_c: float | None
    battery_percent: int | None
    thermal_status: int | None
    screen_on: bool | None


def conditions(phone: Phone) -> Conditions:
    """Asks dumpsys, some 0.2 s. Raises DeviceError where it hangs."""
    battery, thermal, power = (
        _dumpsys(phone, service) for service in ("battery", "thermalservice", "power")
    )
    tenths, percent, status = (
        _number(pattern, text)
        for pattern, text in (
            (r"temperature: (-?\d+)", battery),
            (r"level: (\d+)", battery),
            (r"Thermal ?Status: (\d+)", thermal),
        )
    )
    screen = re.search(r"Display Power: state=(\w+)", power) or re.search(
        r"mWakefulness=(\w+)", power
    )
    return Conditions(
        None if tenths is None else tenths / 10,
        percent,
        status,
        None if screen is None else screen[1] in ("ON", "Awake"),
    )


def _dumpsys(phone: Phone, service: str) -> str:
    done = phone.run(["dumpsys", service])
    if done.exit_code == 137:
        raise phone.error(
            f"hangs (dumpsys {service} does not end): restart it, then run this again"
        )
    return done.stdout if done.exit_code == 0 else ""


def _number(pattern: str, text: str) -> int | None:
    found = re.search(rf"^\s*{pattern}", text, re.MULTILINE)
    return None if found is None else int(found[1])
