"""One phone over adb: commands and files with a deadline, and a sentence for every way to lose it.

Every call goes through `Phone._call`. Where one fails, `Phone._explain` asks the adb server what
became of the phone.
"""

import re
import shlex
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import adbutils

from frill.device.errors import DeviceError
from frill.device.phone import adb_server
from frill.device.phone.adb_server import ERRORS, T, one_line
from frill.device.phone.shell import read_script

RETURN_S = 60.0  # for a lost phone: a reboot takes as long, an unplugged cable does not return
PUSH_BYTES_PER_S = 100_000  # a slow Wi-Fi: under it a transfer counts as hung
CODE_MARK = "frill-code "  # what report_code.sh writes before the exit code


class Finished(NamedTuple):
    stdout: str
    stderr: str
    exit_code: int  # as a shell gives it: 128+N for signal N


class PushFailed(Exception):
    """The phone refused a file; the session knows its folder and says why."""


def connect(name: str, serial: str | None) -> "Phone":
    """Return the phone of that serial (or host:port); of None, the only one attached.

    `name` is its key in params.yaml. Raises DeviceError.
    """
    if serial is not None and adb_server.is_address(serial):
        adb_server.connect_address(name, serial)
    phones = adb_server.list_attached()
    listed = ", ".join(f"{phone.serial} ({phone.state})" for phone in phones)
    if serial is None:
        if not phones:
            raise DeviceError(
                f"{name}: no phone is attached: connect one with USB debugging on, "
                "and see that `frill devices` lists it"
            )
        if len(phones) > 1:
            raise DeviceError(
                f"{name}: several phones are attached ({listed}): "
                f"write the one to measure as devices.{name}.serial in params.yaml"
            )
        serial = phones[0].serial
    state = dict(phones).get(serial)
    if state is None:
        attached_now = f"attached: {listed}" if phones else "none is attached"
        raise DeviceError(
            f"{name}: no phone has the serial {serial!r} ({attached_now}): "
            f"connect it, or correct devices.{name}.serial in params.yaml"
        )
    if state != "device":
        raise DeviceError(f"{name} ({serial}) {adb_server.describe_state(state)}")
    return Phone(name, serial)


class Phone:
    """One phone in the state "device"; its shell gets all words quoted, under `timeout`."""

    def __init__(self, name: str, serial: str):
        self.name = name
        self.serial = serial
        self.boot = ""  # tells one boot from the next
        self._device = adbutils.AdbClient(socket_timeout=None).device(serial)
        features = self._call(
            "asking what it can do", adb_server.ANSWER_S, self._device.get_features
        )
        if "shell_v2" not in features.split(","):
            raise self.error(
                "is too old to tell how a command ended (its adb daemon lacks shell_v2): "
                "take one with Android 7 or later"
            )
        boot_id = self.capture(["cat", "/proc/sys/kernel/random/boot_id"])
        self.boot = boot_id or self.capture(["getprop", "ro.boottime.init"])

    def error(self, what: str) -> DeviceError:
        """Return a DeviceError that begins with the phone's name and serial."""
        return DeviceError(f"{self.name} ({self.serial}) {what}")

    def run(self, argv: Sequence[str], timeout_s: float | None = None, doing: str = "") -> Finished:
        """Run a command to its end. Raises DeviceError where the phone is lost.

        After `timeout_s` (ANSWER_S) the phone kills the command (exit code 137).
        """
        timeout_s = timeout_s or adb_server.ANSWER_S
        limit = ["timeout", "-s", "KILL", f"{timeout_s:g}"]
        report_code = ["sh", "-c", read_script("report_code"), "frill"]
        command = shlex.join([*limit, *report_code, *map(str, argv)])
        start = time.monotonic()
        done = self._call(
            doing or f"running {argv[0]}",
            timeout_s + adb_server.ANSWER_S,
            lambda: self._device.shell2(command, timeout=None, v2=True),
        )
        stderr, mark, code = done.stderr.rpartition(CODE_MARK)
        if mark:
            return Finished(done.stdout, stderr, int(code))
        was_killed = time.monotonic() - start >= 0.9 * timeout_s
        exit_code = 137 if was_killed else done.returncode
        return Finished(done.stdout, done.stderr, exit_code)

    def run_script(
        self, script: str, *arguments: str, timeout_s: float | None = None, doing: str = ""
    ) -> Finished:
        """Run a shell script; what varies reaches it as "$1", "$2" and is never part of it."""
        return self.run(["sh", "-c", script, "frill", *arguments], timeout_s, doing)

    def capture(self, argv: Sequence[str]) -> str:
        """Return what a command prints, stripped; "" where it fails."""
        done = self.run(argv)
        return done.stdout.strip() if done.exit_code == 0 else ""

    def push(self, content: bytes, remote: str, mode: int = 0o644) -> None:
        """Write a file there. Raises DeviceError, PushFailed.

        The caller verifies it: a failed copy can look like a good one.
        """
        doing = f"copying {remote} to it"
        seconds = adb_server.ANSWER_S + len(content) / PUSH_BYTES_PER_S
        try:
            adb_server.with_deadline(seconds, lambda: self._device.sync.push(content, remote, mode))
        except ERRORS as error:
            # FAIL is all that adbutils keeps of the daemon's answer.
            if isinstance(error, adbutils.AdbError) and "FAIL" in str(error):
                raise PushFailed(remote) from None
            raise self._explain(error, doing) from None

    def pull(self, remote: str) -> bytes | None:
        """Return the file's content; None where it is not there."""
        # The shell's own [: Android 8 to 11 have no program `test`.
        if self.run_script('[ -f "$1" ]', remote).exit_code:
            return None
        return self._call(
            f"reading {remote}",
            adb_server.ANSWER_S,
            lambda: self._device.sync.read_bytes(remote),
        )

    def _call(self, doing: str, seconds: float, call: Callable[[], T]) -> T:
        try:
            return adb_server.with_deadline(seconds, call)
        except ERRORS as error:
            raise self._explain(error, doing) from None

    def _explain(self, error: Exception, doing: str) -> DeviceError:
        """Return what became of a phone that did not answer; it gets RETURN_S to come back."""
        is_late = isinstance(error, TimeoutError | adbutils.AdbTimeout)
        if is_late and self._read_state() == "device":
            return self.error(
                f"hangs ({one_line(error)} while {doing}): restart it, then run this again"
            )
        print(
            f"{self.name} ({self.serial}) was lost while {doing}: "
            f"waiting up to {RETURN_S:g} s for it to come back",
            flush=True,
        )
        state = self._wait_for_return()
        if state is None:
            return self.error(
                f"was disconnected while {doing}: connect it again, then run this again"
            )
        if state != "device":
            return self.error(f"was lost while {doing} and now {adb_server.describe_state(state)}")
        try:
            boot = Phone(self.name, self.serial).boot if self.boot else ""
        except DeviceError as lost_again:
            return lost_again
        if boot != self.boot:
            return self.error(
                f"rebooted while {doing}: see that it stays on and cool, then run this again"
            )
        return self.error(
            f"lost its connection while {doing} and is back ({one_line(error)}): "
            "take another cable or port, then run this again"
        )

    def _wait_for_return(self) -> str | None:
        """Return the phone's state as soon as it can be used or has to be allowed, or at last."""
        deadline = time.monotonic() + RETURN_S
        state = self._read_state()
        while state != "device" and "unauthorized" not in str(state):
            if time.monotonic() >= deadline:
                break
            time.sleep(min(1.0, RETURN_S / 10))
            state = self._read_state()
        return state

    def _read_state(self) -> str | None:
        """Return the phone's state as the adb server has it; None where it has none."""
        try:
            if adb_server.is_address(self.serial):
                adb_server.connect_address(self.name, self.serial)
            return dict(adb_server.list_attached()).get(self.serial)
        except DeviceError:
            return None


def last_line(text: str) -> str:
    """Return the last line of what a command printed, as part of a sentence."""
    lines = text.strip().splitlines() or ["no reason given"]
    return re.sub(r"\s+", " ", lines[-1])
