"""What makes a device's milliseconds comparable."""

from frill.device import host
from frill.params import AdbDevice, Device


def identity(name: str, device: Device) -> dict:
    """The CPU, or the phone with its build. Raises DeviceError where a phone has to be attached and is not."""
    if isinstance(device, AdbDevice):
        from frill.device import connection, phone_state

        return phone_state.identity(connection.connect(name, device.serial))
    return host.identity()
