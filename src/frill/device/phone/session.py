"""A folder of one measurement's own on a phone.

Files are verified there, the tool is watched while it runs, and nothing stays behind. Nothing is
written outside FOLDER/frill-session-*. Sessions that a killed process left are known by that name,
their processes by their working folder.
"""

import fcntl
import hashlib
import os
import re
import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from frill.device.errors import DeviceError
from frill.device.phone import adb_server
from frill.device.phone.connection import Finished, Phone, PushFailed, last_line
from frill.device.phone.shell import read_script

SAMPLE_S = 0.2
READ_BYTES_PER_S = 2e6  # a slow phone's sha256sum
SPARE_BYTES = 2**20  # beside what is pushed: outputs and samples


class WatchedRun(NamedTuple):
    """A run of the tool and what was seen of it every SAMPLE_S."""

    finished: Finished
    cpus_of_threads: list[set[int]]  # for each thread, the cores that it was running on
    lowest_khz: dict[int, int]  # for each core, the lowest frequency
    lowest_cap_khz: dict[int, int]


class Session:
    """Context manager of a new folder in `folder`; `key` (devices.pixel) leads to the settings."""

    def __init__(self, phone: Phone, folder: str, key: str):
        self._phone = phone
        self._root = folder
        self._key = key
        self.folder = ""

    def __enter__(self) -> "Session":
        self._lock()
        try:
            self.folder = self._make_folder()
        except BaseException:
            self._lock_file.close()
            raise
        return self

    def __exit__(self, kind, error, trace) -> None:
        try:
            self.clean()
        except DeviceError as failure:  # what was measured is whole
            print(f"{failure}; what is left in {self._root} goes with the next measurement")
        finally:
            self._lock_file.close()

    def clean(self) -> None:
        """Kill what runs in sessions of this folder, and delete them."""
        self._phone.run_script(read_script("clean_up"), self._root, doing="cleaning up")

    def _make_folder(self) -> str:
        self.clean()
        name = f"frill-session-{secrets.token_hex(6)}"
        done = self._phone.run_script(read_script("make_session"), self._root, name)
        if done.exit_code:
            raise self._phone.error(
                f"cannot make a folder in {self._root} ({last_line(done.stderr)}): "
                f"set {self._key}.folder to one that its shell may write, "
                "such as /data/local/tmp/frill"
            )
        return str(PurePosixPath(done.stdout.strip(), name))

    def push(self, content: Path | bytes, name: str, mode: int = 0o644) -> str:
        """Copy a file into the session and return its sha256, or raise DeviceError."""
        data = content if isinstance(content, bytes) else content.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        remote = f"{self.folder}/{name}"
        self._check_space(len(data))
        try:
            self._phone.push(data, remote, mode)
        except PushFailed:
            self._check_space(len(data))
            raise self._phone.error(
                f"did not take {name}: see that {self._root} can be written, "
                f"or set {self._key}.folder to another"
            ) from None
        done = self._phone.run(
            ["sha256sum", remote],
            adb_server.ANSWER_S + len(data) / READ_BYTES_PER_S,
            doing=f"reading {name} back",
        )
        if done.exit_code == 127:
            raise self._phone.error(
                "has no sha256sum, by which copies are verified: take one with Android 8 or later"
            )
        if done.stdout.split(maxsplit=1)[:1] != [sha256]:
            self._check_space(len(data))
            raise self._phone.error(
                f"holds another {name} than was copied to it: "
                "take another cable or port, and run this again"
            )
        return sha256

    def _check_space(self, size: int) -> None:
        done = self._phone.run(["df", "-Pk", self.folder])
        row = re.search(r"\d+\s+\d+\s+(\d+)\s+\d+%", done.stdout)
        if row is None:
            return
        free_kib = int(row[1])
        needed_bytes = size + SPARE_BYTES
        if free_kib * 1024 < needed_bytes:
            raise self._phone.error(
                f"has no space: {free_kib / 1024:.1f} MiB are free in {self._root}, "
                f"{needed_bytes / 2**20:.1f} MiB are needed; "
                f"delete something there, or set {self._key}.folder to another"
            )

    def pull(self, name: str) -> bytes | None:
        """Return a file of the session, None if it is not there."""
        return self._phone.pull(f"{self.folder}/{name}")

    def watch(self, argv: Sequence[str], cpus: list[int], mask: str, seconds: float) -> WatchedRun:
        """Run a command in the session's folder, and sample what the kernel says of it.

        It is bound to the cores of `mask` and killed after `seconds`.
        """
        settings = [f"{seconds:g}", mask, " ".join(map(str, cpus)), f"{SAMPLE_S:g}"]
        done = self._phone.run_script(
            read_script("watch"),
            self.folder,
            *settings,
            *argv,
            timeout_s=seconds + adb_server.ANSWER_S,
            doing=f"running {argv[0].rpartition('/')[2]}",
        )
        return _read_samples(done, self._phone.capture(["cat", f"{self.folder}/samples"]))

    def _lock(self) -> None:
        """Lock the phone, whatever it is called, until this process ends, however it ends."""
        name = hashlib.sha256((self._phone.boot or self._phone.serial).encode()).hexdigest()[:16]
        path = Path(tempfile.gettempdir(), f"frill-device-{os.getuid()}-{name}.lock")
        try:
            self._lock_file = open(path, "w")
        except OSError as error:
            raise self._phone.error(
                f"cannot be locked ({path}: {error.strerror}): delete that file"
            ) from None
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock_file.close()
            raise self._phone.error(
                "is being measured by another process: wait until that has ended, "
                "then run this again"
            ) from None


def _read_samples(finished: Finished, samples: str) -> WatchedRun:
    """Return a run with what watch.sh wrote of it; lines that are cut do not count."""
    threads: dict[str, set[int]] = {}
    lowest_khz: dict[str, dict[int, int]] = {"scaling_cur_freq": {}, "scaling_max_freq": {}}
    for line in samples.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "task":
            # proc(5): after the name in parentheses come state (3) and, 36 on, processor (39).
            fields = rest.rpartition(")")[2].split()
            if len(fields) > 36 and fields[0] == "R":
                thread = rest.partition(" ")[0]
                threads.setdefault(thread, set()).add(int(fields[36]))
        elif kind in lowest_khz:
            pair = re.fullmatch(r"(\d+) (\d+)", rest)
            if pair:
                cpu, khz = int(pair[1]), int(pair[2])
                lowest_khz[kind][cpu] = min(khz, lowest_khz[kind].get(cpu, khz))
    return WatchedRun(
        finished,
        list(threads.values()),
        lowest_khz["scaling_cur_freq"],
        lowest_khz["scaling_max_freq"],
    )
