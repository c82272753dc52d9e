"""The adb server of this computer: the phones that it knows, and how it connects to one.

A timeout of adbutils is for one read, and its file transfers have none: every call goes through
`with_deadline`. It raises errors of five types: callers catch ERRORS.
"""

import queue
import re
import subprocess
import threading
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import adbutils

from frill.device.errors import DeviceError
from frill.device.phone.adb_states import STATES

T = TypeVar("T")
HALF_AN_ANSWER = (EOFError, ValueError, AssertionError)
# A TimeoutError is an OSError.
ERRORS = (adbutils.AdbError, OSError, subprocess.SubprocessError, *HALF_AN_ANSWER)
ANSWER_S = 10.0  # for what takes a phone milliseconds
AUTHENTICATION_S = 5.0  # it comes after the server's "connected to"


class Attached(NamedTuple):
    serial: str
    state: str  # "device" when it can be used


def with_deadline(seconds: float, call: Callable[[], T]) -> T:
    """Return what `call` returns, or raise TimeoutError; its thread ends with the process."""
    answers: queue.SimpleQueue = queue.SimpleQueue()

    def answer() -> None:
        try:
            answers.put((call(), None))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            answers.put((None, error))

    threading.Thread(target=answer, daemon=True).start()
    try:
        value, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:g} s") from None
    if error is not None:
        raise error
    return value


def list_attached() -> list[Attached]:
    """Return every phone that the server knows, in whatever state.

    Starts the server where none runs. Raises DeviceError.
    """
    try:
        executable = with_deadline(ANSWER_S, adbutils.adb_path)
        printed = subprocess.run(
            [executable, "version"], capture_output=True, text=True, timeout=ANSWER_S
        ).stdout
        own_version = re.search(r"Android Debug Bridge version \d+\.\d+\.(\d+)", printed)
    except ERRORS as error:
        raise DeviceError(
            f"adb cannot be run ({one_line(error)}): install Android's platform-tools, "
            "or set ADBUTILS_ADB_PATH to an adb that runs here"
        ) from None
    client = adbutils.AdbClient()
    server = f"the adb server at {client.host}:{client.port}"
    try:
        version = with_deadline(2 * ANSWER_S, client.server_version)
        if own_version and int(own_version[1]) != version:
            raise DeviceError(
                f"{server} is of version {version}, {executable} of {own_version[1]}: "
                "stop it (`adb kill-server`), "
                "or set ADBUTILS_ADB_PATH to the adb that it belongs to"
            )
        return _list(client)
    except ERRORS as error:
        raise DeviceError(
            f"{server} does not answer ({one_line(error)}): run `adb kill-server`, "
            "and see that the port is adb's"
        ) from None


def _list(client: adbutils.AdbClient) -> list[Attached]:
    """Return the phones that the server lists, a line each: serial, tab, state.

    adbutils splits the line at blanks, which names found on the network and some states have.
    """

    def ask() -> str:
        with client.make_connection() as connection:
            connection.send_command("host:devices")
            connection.check_okay()
            return connection.read_string_block()

    lines = with_deadline(ANSWER_S, ask).splitlines()
    return [Attached(*line.split("\t", 1)) for line in lines if "\t" in line]


def describe() -> str:
    """Return in words which adb server is asked."""
    client = adbutils.AdbClient()
    return f"adb server {client.host}:{client.port}"


def describe_state(state: str) -> str:
    """Say what a state other than "device" means, and what to do."""
    for key, sentence in STATES.items():
        if key in state:
            return sentence
    return f"is in the state {state!r}: reconnect or restart it"


def is_address(serial: str) -> bool:
    """Tell whether a serial is host:port, which adb has to be told to connect to."""
    return re.fullmatch(r"[^:\s]+:\d+|\[[0-9a-fA-F:]+\]:\d+", serial) is not None


def connect_address(name: str, address: str) -> None:
    """Do what `adb connect` does. Raises DeviceError.

    A phone that is offline is disconnected first: of that too the server says "already connected".
    """
    states = dict(list_attached())
    client = adbutils.AdbClient()
    if states.get(address) == "device":
        return
    try:
        if address in states:
            with_deadline(ANSWER_S, lambda: client.disconnect(address))
        answer = with_deadline(ANSWER_S, lambda: client.connect(address))
        deadline = time.monotonic() + AUTHENTICATION_S
        while "failed" not in answer and "cannot" not in answer and time.monotonic() < deadline:
            state = dict(_list(client)).get(address)
            if state not in ("offline", "connecting", "authorizing", None):
                return
            time.sleep(0.1)
    except ERRORS as error:
        answer = one_line(error)
    # A phone that failed to authenticate is listed as unauthorized: that state has its sentence.
    if "failed to authenticate" not in answer and "connected to" not in answer:
        raise DeviceError(
            f"{name} ({address}) cannot be reached ({answer.strip()}): "
            "see that it is on this network and that `adb tcpip` was run on it"
        )


def one_line(error: BaseException) -> str:
    """Return an error as part of a sentence."""
    return " ".join(str(error).split())[:200] or type(error).__name__
