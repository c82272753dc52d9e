"""The gate before each pair of processes: the phone is cool and its screen is off."""

from time import monotonic, sleep

from frill.device.phone.connection import Phone
from frill.device.phone.state import KEYCODE_SLEEP, Conditions, read_conditions
from frill.params.devices import AdbDevice

GATE_S = 5.0  # between two looks at a phone that is too warm


def wait_until_cool(phone: Phone, name: str, device: AdbDevice) -> Conditions:
    """Turn the phone's screen off, wait until it is cool, and return its conditions then.

    Raises DeviceError when that takes longer than `cool_down_s`.
    """
    # What counts is the time waited, not the time that a slow connection takes to tell.
    wait_until = None
    while True:
        now = read_conditions(phone)
        if now.screen_on:
            phone.run(["input", "keyevent", KEYCODE_SLEEP])
            now = read_conditions(phone)
        reasons = "; ".join(_reasons_to_wait(now, device))
        if not reasons:
            return now
        if wait_until is not None and monotonic() > wait_until:
            raise phone.error(
                f"is still too warm after {device.cool_down_s:g} s ({reasons}): "
                "lay it in a cool place, out of its case, "
                f"or raise devices.{name}.max_battery_c or max_thermal_status"
            )
        if wait_until is None:
            wait_until = monotonic() + device.cool_down_s
            print(
                f"{name}: {reasons}: waiting up to {device.cool_down_s:g} s for it to cool",
                flush=True,
            )
        sleep(min(GATE_S, device.cool_down_s / 4))


def is_throttled(now: Conditions, device: AdbDevice) -> bool:
    """Tell whether the thermal status is over the device's limit."""
    return _is_over(now.thermal_status, device.max_thermal_status)


def _reasons_to_wait(now: Conditions, device: AdbDevice) -> list[str]:
    reasons = []
    if _is_over(now.battery_c, device.max_battery_c):
        reasons.append(f"battery {now.battery_c:.1f} C, limit {device.max_battery_c:g}")
    if is_throttled(now, device):
        reasons.append(f"thermal status {now.thermal_status}, limit {device.max_thermal_status}")
    return reasons


def _is_over(value: float | None, limit: float | None) -> bool:
    return value is not None and limit is not None and value > limit
