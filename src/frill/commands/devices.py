"""List the phones attached over adb, their state, and what the devices of params.yaml miss."""

from collections.abc import Iterator
from importlib.metadata import version
from itertools import count, groupby
from pathlib import Path

from frill.device.errors import DeviceError
from frill.device.phone import adb_server, connection
from frill.device.phone.connection import Phone
from frill.device.phone.cores import Core, choose_cpus, format_mask, read_cores
from frill.device.phone.state import read_conditions, read_identity
from frill.errors import UserError
from frill.params.devices import AdbDevice
from frill.params.load import load_params
from frill.params.schema import Params

NOBODY = (
    "No phone is attached. On the phone: Settings, About phone, tap the build number seven times, "
    "then Developer options, USB debugging; connect it by a cable that carries data and accept its "
    "question."
)
# What a measurement runs; Android 8 has them all.
COMMANDS = "timeout taskset sha256sum df ls grep sleep dumpsys getprop".split()


def run() -> int:
    params = load_params() if Path("params.yaml").exists() else None
    for line in describe_devices(params):
        print(line, flush=True)
    return 0


def describe_devices(params: Params | None) -> Iterator[str]:
    """Yield the lines to print. Raises DeviceError without adb."""
    devices = {} if params is None else params.devices
    phones = {name: each for name, each in devices.items() if isinstance(each, AdbDevice)}
    problems = {name: list(_find_problems(name, phone)) for name, phone in phones.items()}
    # Only now, as to look for problems connects to phones that have an address.
    attached = adb_server.list_attached()
    yield f"Attached ({adb_server.describe()})" if attached else NOBODY
    for serial, state in attached:
        yield f"  {serial:<20}  {_describe_attached(serial, state)}"
    if params is None:
        return
    yield "\nDevices of params.yaml"
    for name in devices:
        label = f"{name} (selection)" if name == params.selection.device else name
        yield f"  {label:<20}  {'; '.join(problems.get(name, [])) or 'ready'}"
    for name, phone in phones.items():
        if any("frill devices" in problem for problem in problems[name]):
            yield from _suggest(name, phone.serial, phone.runtime, phone.accelerator)
    named = {phone.serial for phone in phones.values()}
    new = [serial for serial, state in attached if state == "device" and serial not in named]
    if new and None not in named:
        taken = list(devices)
        for serial in new:
            taken.append(_name_phone(taken))
            yield from _suggest(taken[-1], serial, f"litert {version('ai-edge-litert')}")


def _name_phone(taken: list[str]) -> str:
    """Return a name that is none of `taken`: no key of params.yaml may stand twice."""
    names = ("pixel" if number == 1 else f"pixel_{number}" for number in count(1))
    return next(name for name in names if name not in taken)


def _suggest(
    name: str, serial: str | None, runtime: str, accelerator: str = "cpu"
) -> Iterator[str]:
    """Yield the line of a phone for params.yaml, with the sums of the runtime's files.

    They are fetched for that, and kept.
    """
    from frill.device.phone.tools.tool_set import SUMS, fetch_libraries, fetch_sums

    yield f"\nTo measure with {runtime}, write in params.yaml, under devices:"
    values = {"kind": "adb", "serial": "none" if serial is None else f'"{serial}"'}
    values |= {"runtime": runtime} | dict.fromkeys(SUMS.values(), "SHA256_OF_IT")
    if accelerator != "cpu":
        values["accelerator"] = accelerator
    try:
        values |= fetch_sums(runtime)
        for library in fetch_libraries(runtime, accelerator):
            values["libraries"] = f"[{{file: {library['file']}, sha256: {library['sha256']}}}]"
    except UserError as error:
        yield f"  (without its sums: {error})"
    text = ", ".join(f"{key}: {value}" for key, value in values.items())
    yield f"  {name}: {{{text}, threads: 1, cores: big}}"


def _describe_attached(serial: str, state: str) -> str:
    try:
        if state != "device":
            return str(adb_server.describe_state(state))
        return describe_phone(connection.connect(serial, serial))
    except DeviceError as error:
        return str(error)


def describe_phone(phone: Phone) -> str:
    """Return its model, cores and temperature and what it lacks, in one line."""
    identity = read_identity(phone)
    conditions = read_conditions(phone)
    battery = "not told"
    if conditions.battery_c is not None:
        battery = f"{conditions.battery_c:.1f} C"
    thermal = conditions.thermal_status
    parts = [
        f"{identity['manufacturer']} {identity['model']}".strip() or "unknown model",
        f"Android {identity['android'] or '?'}",
        identity["abis"].partition(",")[0] or "unknown ABI",
        describe_cores(read_cores(phone)),
        f"battery {battery}",
        f"thermal status {'not told' if thermal is None else thermal}",
    ]
    line = ", ".join(parts)
    missing = [name for name in COMMANDS if phone.run_script('command -v "$1"', name).exit_code]
    return f"{line}; lacks {', '.join(missing)}" if missing else line


def describe_cores(cores: list[Core]) -> str:
    """Return a text such as "cores 0-1 at 1594 MHz (mask 3), 2-3 at 2150 MHz (mask c)"."""
    clusters = []
    for khz, group in groupby(cores, key=lambda core: core.max_khz):
        cpus = [core.cpu for core in group]
        span = f"{cpus[0]}-{cpus[-1]}" if len(cpus) > 1 else str(cpus[0])
        mhz = khz // 1000 if khz else "?"
        clusters.append(f"{span} at {mhz} MHz (mask {format_mask(cpus)})")
    return f"cores {', '.join(clusters)}" if clusters else "cores not told"


def _find_problems(name: str, device: AdbDevice) -> Iterator[str]:
    from frill.device.phone.tools.tool_set import locate_tools

    try:
        phone = connection.connect(name, device.serial)
        choose_cpus(device.cores, read_cores(phone))
    except UserError as error:
        phone = None
        yield str(error)
    except ValueError as error:
        yield f"devices.{name}.cores = {device.cores!r} {error}"
    try:
        tools = locate_tools(device, f"devices.{name}")
        if phone:
            tools.check_abi(read_identity(phone)["abis"].split(","), f"devices.{name}")
    except UserError as error:
        yield str(error)
