"""One phone over adb: which are attached, commands and files with a deadline, and a sentence for every way to lose it.

adbutils' timeouts are for one read each, its file transfers have none, and it lets a phone's errors through in five types; so every call goes through
`within`, which gives up after a time in total, and `Phone._failure`, which asks the server what became of the phone.
"""

import queue
import re
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import adbutils

from frill.device.errors import DeviceError

T = TypeVar("T")
# OSError: TimeoutError too; ValueError, AssertionError: half an answer
ERRORS = (
    adbutils.AdbError,
    EOFError,
    OSError,
    subprocess.SubprocessError,
    ValueError,
    AssertionError,
)
ANSWER_S = 10.0  # for what takes a phone milliseconds
RETURN_S = 60.0  # for a phone that was lost to come back: what a reboot takes, and so how it is told from an unplugged cable
PUSH_BYTES_PER_S = 100_000  # a slow Wi-Fi: under it a transfer counts as hung

STATES = {
    "unauthorized": "has not allowed this computer: unlock it, accept 'Allow USB debugging', then run this again",
    "offline": "is offline: reconnect its cable, switch USB debugging off and on, or run `adb reconnect offline`",
    "recovery": "is in recovery mode: restart it",
    "bootloader": "is in its bootloader: restart it",
    "sideload": "is in sideload mode: restart it",
    "no permissions": "may not be opened by this user: add a udev rule for it (Debian's package android-sdk-platform-tools-common has them)",
}


class Attached(NamedTuple):
    serial: str
    state: str  # "device" when it can be used


class Finished(NamedTuple):
    stdout: str
    stderr: str
    exit_code: int  # as a shell gives it: 128+N for signal N


def within(seconds: float, call: Callable[[], T]) -> T:
    """What `call` returns, or TimeoutError; it then goes on in a thread that does not keep the process alive."""
    answers: queue.SimpleQueue = queue.SimpleQueue()

    def answer() -> None:
        try:
            answers.put((call(), None))
        except BaseException as error:  # noqa: BLE001 - raised again below, in the thread that waits
            answers.put((None, error))

    threading.Thread(target=answer, daemon=True).start()
    try:
        value, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:g} s") from None
    if error is not None:
        raise error
    return value


def attached() -> list[Attached]:
    """Every phone that the adb server knows, in whatever state; starts the server where none runs. Raises DeviceError."""
    try:
        executable = within(ANSWER_S, adbutils.adb_path)
        said = subprocess.run(
            [executable, "version"], capture_output=True, text=True, timeout=ANSWER_S
        )
        own = re.search(r"Android Debug Bridge version \d+\.\d+\.(\d+)", said.stdout)
    except ERRORS as error:
        raise DeviceError(
            f"adb cannot be run ({line(error)}): install Android's platform-tools, or set ADBUTILS_ADB_PATH to an adb that runs here"
        ) from None
    client = adbutils.AdbClient()
    where = f"the adb server at {client.host}:{client.port}"
    try:
        version = within(2 * ANSWER_S, client.server_version)
        if own and int(own[1]) != version:
            raise DeviceError(
                f"{where} is of version {version}, {executable} of {own[1]}: stop it (`adb kill-server`), "
                "or set ADBUTILS_ADB_PATH to the adb that it belongs to"
            )
        return [Attached(info.serial, info.state) for info in within(ANSWER_S, client.list)]
    except ERRORS as error:
        raise DeviceError(
            f"{where} does not answer ({line(error)}): run `adb kill-server`, and see that the port is adb's"
        ) from None


def server() -> str:
    """The adb server that is asked, in words."""
    client = adbutils.AdbClient()
    return f"adb server {client.host}:{client.port}"


def is_address(serial: str) -> bool:
    """Whether a serial is host:port, which adb has to be told to connect to."""
    return re.fullmatch(r"[^:\s]+:\d+|\[[0-9a-fA-F:]+\]:\d+", serial) is not None


def connect(name: str, serial: str | None) -> "Phone":
    """The phone of that serial (or host:port), or where it is None the only one attached. `name` is its key in params.yaml. Raises DeviceError."""
    if serial is not None and is_address(serial):
        _dial(name, serial)
    found = attached()
    listed = ", ".join(f"{phone.serial} ({phone.state})" for phone in found)
    if serial is None:
        if not found:
            raise DeviceError(
                f"{name}: no phone is attached: connect one with USB debugging on, and see that `frill devices` lists it"
            )
        if len(found) > 1:
            raise DeviceError(
                f"{name}: several phones are attached ({listed}): write the one to measure as devices.{name}.serial in params.yaml"
            )
        serial = found[0].serial
    state = dict(found).get(serial)
    if state is None:
        attached_now = f"attached: {listed}" if found else "none is attached"
        raise DeviceError(
            f"{name}: no phone has the serial {serial!r} ({attached_now}): connect it, or correct devices.{name}.serial in params.yaml"
        )
    if state != "device":
        raise DeviceError(f"{name} ({serial}) {of_state(state)}")
    return Phone(name, serial)


def of_state(state: str) -> str:
    """What a state other than "device" means and what to do."""
    return next(
        (sentence for key, sentence in STATES.items() if key in state),
        f"is in the state {state!r}: reconnect or restart it",
    )


def _dial(name: str, address: str) -> None:
    """`adb connect`. The server says "already connected" of a phone that is offline: it is dropped first."""
    states, client = dict(attached()), adbutils.AdbClient()
    try:
        if states.get(address) == "device":
            return
        if address in states:
            within(ANSWER_S, lambda: client.disconnect(address))
        said = within(ANSWER_S, lambda: client.connect(address))
        deadline = time.monotonic() + 5  # authentication comes after "connected to"
        while "failed" not in said and "cannot" not in said and time.monotonic() < deadline:
            if {info.serial: info.state for info in within(ANSWER_S, client.list)}.get(
                address
            ) not in ("offline", "connecting", "authorizing", None):
                return
            time.sleep(0.1)
    except ERRORS as error:
        said = line(error)
    if "failed to authenticate" in said:  # listed as unauthorized: the state has the sentence
        return
    if "connected to" not in said:
        raise DeviceError(
            f"{name} ({address}) cannot be reached ({said.strip()}): see that it is on this network and that `adb tcpip` was run on it"
        )


# The exit code of Android's `timeout` cannot be trusted: some versions give 127 for a command that ended at once, others 124 for one that crashed.
_CODE = "frill-code "
_CODED = f'"$@"; echo "{_CODE}$?" >&2'


class Phone:
    """One phone in the state "device". All commands are run by its shell with everything quoted, under `timeout`."""

    def __init__(self, name: str, serial: str):
        self.name, self.serial = name, serial
        self._device = adbutils.AdbClient(socket_timeout=None).device(serial)
        features = self._call("asking what it can do", ANSWER_S, self._device.get_features)
        if "shell_v2" not in features.split(","):
            raise self.error(
                "is too old to tell how a command ended (its adb daemon lacks shell_v2): take one with Android 7 or later"
            )
        self.boot = self.text(["cat", "/proc/sys/kernel/random/boot_id"]) or self.text(
            ["getprop", "ro.boottime.init"]
        )

    def error(self, what: str) -> DeviceError:
        """DeviceError that begins with the phone's name and serial."""
        return DeviceError(f"{self.name} ({self.serial}) {what}")

    def run(self, argv: Sequence[str], timeout_s: float | None = None, doing: str = "") -> Finished:
        """Runs a command to its end. After `timeout_s` (ANSWER_S) the phone kills it (exit code 137). Raises DeviceError where the phone is lost."""
        timeout_s = timeout_s or ANSWER_S
        command = shlex.join(
            [
                "timeout",
                "-s",
                "KILL",
                f"{timeout_s:g}",
                "sh",
                "-c",
                _CODED,
                "frill",
                *map(str, argv),
            ]
        )
        start = time.monotonic()
        done = self._call(
            doing or f"running {argv[0]}",
            timeout_s + ANSWER_S,
            lambda: self._device.shell2(command, timeout=None, v2=True),
        )
        stderr, ended, code = done.stderr.rpartition(_CODE)
        if ended:
            return Finished(done.stdout, stderr, int(code))
        killed = time.monotonic() - start >= 0.9 * timeout_s
        return Finished(done.stdout, done.stderr, 137 if killed else done.returncode)

    def script(
        self, text: str, *arguments: str, timeout_s: float | None = None, doing: str = ""
    ) -> Finished:
        """Runs a shell script, which gets what varies as "$1", "$2": nothing is spliced into its text."""
        return self.run(["sh", "-c", text, "frill", *arguments], timeout_s, doing)

    def text(self, argv: Sequence[str]) -> str:
        """What a command prints, stripped; "" where it fails."""
        done = self.run(argv)
        return done.stdout.strip() if done.exit_code == 0 else ""

    def push(self, content: bytes, remote: str, mode: int = 0o644) -> None:
        """Writes a file there. The caller verifies it: a failed copy can look like a good one. Raises DeviceError, PushFailed."""
        seconds = ANSWER_S + len(content) / PUSH_BYTES_PER_S
        try:
            within(seconds, lambda: self._device.sync.push(content, remote, mode))
        except adbutils.AdbError as error:
            if "FAIL" in str(error):  # all that adbutils keeps of the daemon's answer
                raise PushFailed(remote) from None
            raise self._failure(error, f"copying {remote} to it") from None
        except ERRORS as error:
            raise self._failure(error, f"copying {remote} to it") from None

    def pull(self, remote: str) -> bytes | None:
        """The file's content; None where it is not there."""
        if self.script(
            '[ -f "$1" ]', remote
        ).exit_code:  # not the program test, which Android 8 to 11 have not
            return None
        return self._call(
            f"reading {remote}", ANSWER_S, lambda: self._device.sync.read_bytes(remote)
        )

    def _call(self, doing: str, seconds: float, call: Callable[[], T]) -> T:
        try:
            return within(seconds, call)
        except ERRORS as error:
            raise self._failure(error, doing) from None

    def _failure(self, error: Exception, doing: str) -> DeviceError:
        """What became of a phone that did not answer."""
        if isinstance(error, TimeoutError | adbutils.AdbTimeout) and self._state() == "device":
            return self.error(
                f"hangs ({line(error)} while {doing}): restart it, then run this again"
            )
        before = getattr(self, "boot", "")
        print(
            f"{self.name} ({self.serial}) was lost while {doing}: waiting up to {RETURN_S:g} s for it to come back",
            flush=True,
        )
        deadline, state = time.monotonic() + RETURN_S, self._state()
        while (
            state != "device" and "unauthorized" not in str(state) and time.monotonic() < deadline
        ):
            time.sleep(min(1.0, RETURN_S / 10))
            state = self._state()
        if state is None:
            return self.error(
                f"was disconnected while {doing}: connect it again, then run this again"
            )
        if state != "device":
            return self.error(f"was lost while {doing} and now {of_state(state)}")
        try:
            now = Phone(self.name, self.serial).boot if before else before
        except DeviceError as lost_again:
            return lost_again
        if now != before:
            return self.error(
                f"rebooted while {doing}: see that it stays on and cool, then run this again"
            )
        return self.error(
            f"lost its connection while {doing} and is back ({line(error)}): take another cable or port, then run this again"
        )

    def _state(self) -> str | None:
        try:
            if is_address(self.serial):
                _dial(self.name, self.serial)
            return dict(attached()).get(self.serial)
        except DeviceError:
            return None


class PushFailed(Exception):
    """The phone refused a file; the session knows its folder and says why."""


def line(error: BaseException) -> str:
    """An error as part of a sentence."""
    return " ".join(str(error).split())[:200] or type(error).__name__
