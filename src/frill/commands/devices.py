"""Lists the phones attached over adb, their state, and what the devices of params.yaml miss."""

from argparse import ArgumentParser
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from frill.device.errors import DeviceError
from frill.device.phone import connection
from frill.device.phone import state as phone_state
from frill.device.phone.connection import Phone
from frill.errors import UserError
from frill.params.devices import AdbDevice
from frill.params.load import load_params
from frill.params.schema import Params

NOBODY = (
    "No phone is attached. On the phone: Settings, About phone, tap the build number seven times, then Developer options, USB debugging; "
    "connect it by a cable that carries data and accept its question."
)
COMMANDS = (
    "timeout",
    "taskset",
    "sha256sum",
    "df",
    "ls",
    "grep",
    "sleep",
    "dumpsys",
    "getprop",
)  # that a measurement runs; Android 8 has them all


def add_arguments(parser: ArgumentParser) -> None:
    """Adds none: the command takes no options."""


def run() -> int:
    params = load_params() if Path("params.yaml").exists() else None
    for line in report(params):
        print(line, flush=True)
    return 0


def report(params: Params | None) -> Iterator[str]:
    """All of it, line by line. Raises DeviceError without adb."""
    devices = {} if params is None else params.devices
    problems = {
        name: list(_problems(name, device)) if isinstance(device, AdbDevice) else []
        for name, device in devices.items()
    }
    found = (
        connection.attached()
    )  # after those of params.yaml, which are dialled where they have an address
    yield f"Attached ({connection.server()})" if found else NOBODY
    for serial, state in found:
        try:
            said = (
                describe(connection.connect(serial, serial))
                if state == "device"
                else connection.of_state(state)
            )
        except DeviceError as error:
            said = str(error)
        yield f"  {serial:<22}{said}"
    if params is None:
        return
    yield "\nDevices of params.yaml"
    for name in devices:
        label = name + (" (selection)" if name == params.selection.device else "")
        yield f"  {label:<22}{'; '.join(problems[name]) or 'ready'}"
    named = {device.serial for device in devices.values() if isinstance(device, AdbDevice)}
    new = [serial for serial, state in found if state == "device" and serial not in named]
    if new and None not in named:
        yield "\nTo measure on it, add to params.yaml, under devices (docs/pixel.md says where to get the tool):"
        yield from (f"  {line_for_params(serial)}" for serial in new)


def describe(phone: Phone) -> str:
    """Model, cores, temperature and what it lacks, in one line."""
    identity, now = phone_state.identity(phone), phone_state.conditions(phone)
    parts = [
        f"{identity['manufacturer']} {identity['model']}".strip() or "unknown model",
        f"Android {identity['android'] or '?'}",
        identity["abis"].partition(",")[0] or "unknown ABI",
        clusters(phone_state.cores(phone)),
        "battery " + (f"{now.battery_c:.1f} C" if now.battery_c is not None else "not told"),
        f"thermal status {now.thermal_status if now.thermal_status is not None else 'not told'}",
    ]
    missing = [name for name in COMMANDS if phone.script('command -v "$1"', name).exit_code]
    return ", ".join(parts) + (f"; lacks {', '.join(missing)}" if missing else "")


def clusters(cores: list[phone_state.Core]) -> str:
    """Such as "cores 0-1 at 1594 MHz (mask 3), 2-3 at 2150 MHz (mask c)"."""
    texts = []
    for khz, group in groupby(cores, key=lambda core: core.max_khz):
        cpus = [core.cpu for core in group]
        span = f"{cpus[0]}-{cpus[-1]}" if len(cpus) > 1 else str(cpus[0])
        texts.append(
            f"{span} at {khz // 1000 if khz else '?'} MHz (mask {phone_state.mask_of(cpus)})"
        )
    return "cores " + ", ".join(texts) if texts else "cores not told"


def _problems(name: str, device: AdbDevice) -> Iterator[str]:
    from frill.device.phone.tool_file import check_abi, local_tool

    try:
        phone = connection.connect(name, device.serial)
        phone_state.cpus_of(device.cores, phone_state.cores(phone))
    except UserError as error:
        phone = None
        yield str(error)
    except ValueError as error:
        yield f"devices.{name}.cores = {device.cores!r} {error}"
    try:
        tool = local_tool(device.tool, device.tool_sha256, f"devices.{name}")
        if phone:
            check_abi(tool, phone_state.identity(phone)["abis"].split(","), f"devices.{name}")
    except UserError as error:
        yield str(error)


def line_for_params(serial: str) -> str:
    """A line to begin with under `devices` of params.yaml."""
    return f'phone: {{kind: adb, serial: "{serial}", tool: benchmark_model, tool_sha256: SHA256_OF_IT, threads: 1, cores: big}}'
