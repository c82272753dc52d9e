"""Conditions, from what phones print."""

from frill.device.phone.connection import Finished
from frill.device.phone.state import Conditions, read_conditions


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
POWER = """POWER MANAGER (dumpsys power)

Power Manager State:
  mWakefulness=Awake
  mWakefulnessChanging=false
Display Power: state=ON
"""


def test_conditions_are_those_printed():
    awake = Printing(battery=BATTERY, thermalservice=THERMAL, power=POWER)
    assert read_conditions(awake) == Conditions(31.8, 81, 1, True)
    cold = BATTERY.replace("318", "-15")
    dark = Printing(battery=cold, power=POWER.replace("state=ON", "state=OFF"))
    assert read_conditions(dark) == Conditions(-1.5, 81, None, False)
    assert read_conditions(Printing(power="  mWakefulness=Dozing")).screen_on is False
    assert read_conditions(Printing()) == Conditions(None, None, None, None)
