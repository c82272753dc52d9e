"""Cores and conditions, from what phones print."""

import pytest

from frill.device.phone import state as phone_state
from frill.device.phone.connection import Finished
from frill.device.phone.state import Core

# kHz: a Pixel 1 (two Kryo clusters; CPU2-3 big, mask 0c), and one cluster of four, one of three, one prime core
PIXEL_1 = [Core(cpu, khz, khz) for cpu, khz in enumerate([1593600, 1593600, 2150400, 2150400])]
PRIME = [Core(cpu, khz, khz) for cpu, khz in enumerate([1800000] * 4 + [2400000] * 3 + [2840000])]
SILENT = [Core(0, None, None), Core(1, None, None)]


@pytest.mark.parametrize(
    ("choice", "cores", "expected"),
    [
        ("big", PIXEL_1, [2, 3]),
        ("little", PIXEL_1, [0, 1]),
        ("0c", PIXEL_1, [2, 3]),
        ("8", PIXEL_1, [3]),
        ("any", PIXEL_1, [0, 1, 2, 3]),
        ("big", PRIME, [7]),
        ("little", PRIME, [0, 1, 2, 3]),
        ("70", PRIME, [4, 5, 6]),
        ("any", SILENT, [0, 1]),
        ("2", SILENT, [1]),
    ],
)
def test_cores_by_name_and_by_mask(choice, cores, expected):
    assert phone_state.cpus_of(choice, cores) == expected


@pytest.mark.parametrize(
    ("choice", "cores", "reason"),
    [("big", SILENT, "give a mask"), ("10", PIXEL_1, "names core 4, and there are cores 0 to 3")],
)
def test_cores_that_are_not_there(choice, cores, reason):
    with pytest.raises(ValueError, match=reason):
        phone_state.cpus_of(choice, cores)


def test_masks_are_as_taskset_takes_them():
    assert [phone_state.mask_of(cpus) for cpus in ([2, 3], [0], [7], [4, 5, 6])] == [
        "c",
        "1",
        "80",
        "70",
    ]


class Printing:
    """A phone that prints these."""

    def __init__(self, **services):
        self.services = services

    def run(self, argv):
        printed = self.services.get(argv[1])
        return Finished(printed or "", "", 20 if printed is None else 0)


# As printed by Android 10 (BatteryService, ThermalManagerService, PowerManagerService)
BATTERY = """Current Battery Service state:
  AC powered: false
  USB powered: true
  Max charging current: 500000
  status: 2
  health: 2
  present: true
  level: 81
  scale: 100
  voltage: 4291
  temperature: 318
  technology: Li-ion"""
THERMAL = """IsStatusOverride: false
ThermalEventListeners:
\tcallbacks: 1
ThermalStatusListeners:
\tcallbacks: 2
Thermal Status: 1
Cached temperatures:
\tTemperature{mValue=31.8, mType=2, mName=battery, mStatus=0}"""
POWER = "POWER MANAGER (dumpsys power)\n\nPower Manager State:\n  mWakefulness=Awake\n  mWakefulnessChanging=false\nDisplay Power: state=ON\n"


def test_conditions_are_those_printed():
    found = phone_state.conditions(Printing(battery=BATTERY, thermalservice=THERMAL, power=POWER))
    assert found == phone_state.Conditions(31.8, 81, 1, True)
    dark = phone_state.conditions(
        Printing(
            battery=BATTERY.replace("318", "-15"), power=POWER.replace("state=ON", "state=OFF")
        )
    )
    assert dark == phone_state.Conditions(-1.5, 81, None, False)
    assert phone_state.conditions(Printing(power="  mWakefulness=Dozing")).screen_on is False
    assert phone_state.conditions(Printing()) == phone_state.Conditions(None, None, None, None)
