"""A folder of one measurement's own on a phone: files are verified there, the tool is watched while it runs, and nothing stays behind.

Nothing is written outside FOLDER/frill-session-*. Sessions that a killed process left are found by that name, their processes by their working folder.
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
from frill.device.phone import connection
from frill.device.phone.connection import Finished, Phone, PushFailed

SAMPLE_S = 0.2
SPARE_BYTES = 2**20  # beside what is pushed: outputs and samples

_CLEAN = r"""
cd "$1" 2>/dev/null || exit 0
here=$(pwd -P)
cd /
ls -l /proc/[0-9]*/cwd 2>/dev/null | grep -F -e "-> $here/frill-session-" | while read -r line; do
  pid=${line#*/proc/}
  kill -KILL "${pid%%/*}"
done
rm -rf "$here"/frill-session-*
"""
# The tool keeps its process id through both exec's, and is killed by that: `timeout` may kill its direct child alone. Samples are read by the shell
# itself: no process is started beside the one measured but sleep. A code appears whole, by mv.
_WATCH = r"""
cd "$1" || exit 125
seconds=$2 mask=$3 cpus=$4 pause=$5
shift 5
rm -f code samples
: >pid
{
  timeout -s KILL "$seconds" sh -c 'run=$1; shift; sh -c "$run" frill "$@"; echo $? >code.new; mv code.new code' frill \
    'echo $$ >pid; exec taskset "$@"' "$mask" "$@"
  [ -e code ] || { read -r pid <pid && kill -KILL "$pid"; echo 137 >code.new; mv code.new code; } 2>/dev/null
} &
while [ ! -e code ] && [ -e pid ]; do
  sleep "$pause"
  read -r pid <pid && for stat in /proc/"$pid"/task/[0-9]*/stat; do
    read -r line <"$stat" && echo "task $line"
  done
  for cpu in $cpus; do
    for name in scaling_cur_freq scaling_max_freq; do
      read -r khz </sys/devices/system/cpu/cpu"$cpu"/cpufreq/$name && echo "$name $cpu $khz"
    done
  done
done >samples 2>/dev/null
read -r code <code && exit "$code"
exit 125
"""


class Watched(NamedTuple):
    """A run of the tool and what was seen of it every SAMPLE_S: per thread the cores it was running on, per core the lowest frequencies in kHz."""

    finished: Finished
    cpus_of_threads: list[set[int]]
    lowest_khz: dict[int, int]
    lowest_cap_khz: dict[int, int]


class Session:
    """Context manager. `folder` is the phone's folder for this project; `key` (devices.pixel) leads to what the user can set."""

    def __init__(self, phone: Phone, folder: str, key: str):
        self._phone, self._root, self._key = phone, folder, key
        self.folder = ""

    def __enter__(self) -> "Session":
        self._lock()
        try:
            self.clean()
            made = self._phone.script(
                'mkdir -p "$1" && cd "$1" && pwd -P && mkdir "$2" && chmod 700 "$2"',
                self._root,
                name := _new_name(),
            )
        except BaseException:
            self._unlock()
            raise
        if made.exit_code:
            self._unlock()
            raise self._phone.error(
                f"cannot make a folder in {self._root} ({_last(made.stderr)}): set {self._key}.folder to one that its shell may write, "
                "such as /data/local/tmp/frill"
            )
        self.folder = str(PurePosixPath(made.stdout.strip(), name))
        return self

    def __exit__(self, kind, error, trace) -> None:
        try:
            self.clean()
        except DeviceError as left:  # what was measured is whole
            print(f"{left}; what is left in {self._root} goes with the next measurement")
        finally:
            self._unlock()

    def clean(self) -> None:
        """Kills what runs in sessions of this folder and deletes them."""
        self._phone.script(_CLEAN, self._root, doing="cleaning up")

    def push(self, content: Path | bytes, name: str, mode: int = 0o644) -> str:
        """Copies a file into the session, verified there by its sha256, which is returned. Raises DeviceError."""
        data = content if isinstance(content, bytes) else content.read_bytes()
        wanted, remote = hashlib.sha256(data).hexdigest(), f"{self.folder}/{name}"
        self._room_for(len(data))
        try:
            self._phone.push(data, remote, mode)
            found = self._phone.run(
                ["sha256sum", remote],
                connection.ANSWER_S + len(data) / 2e6,
                doing=f"reading {name} back",
            )
        except PushFailed:
            self._room_for(len(data))
            raise self._phone.error(
                f"did not take {name}: see that {self._root} can be written, or set {self._key}.folder to another"
            ) from None
        if found.exit_code == 127:
            raise self._phone.error(
                "has no sha256sum, by which copies are verified: take one with Android 8 or later"
            )
        if found.stdout.split(maxsplit=1)[:1] != [wanted]:
            self._room_for(len(data))
            raise self._phone.error(
                f"holds another {name} than was copied to it: take another cable or port, and run this again"
            )
        return wanted

    def _room_for(self, size: int) -> None:
        done = self._phone.run(["df", "-Pk", self.folder])
        found = re.search(r"\d+\s+\d+\s+(\d+)\s+\d+%", done.stdout)
        if found and int(found[1]) * 1024 < size + SPARE_BYTES:
            raise self._phone.error(
                f"has no space: {int(found[1]) / 1024:.1f} MiB are free in {self._root}, {(size + SPARE_BYTES) / 2**20:.1f} MiB are needed; "
                f"delete something there, or set {self._key}.folder to another"
            )

    def pull(self, name: str) -> bytes | None:
        """A file of the session, None if it is not there."""
        return self._phone.pull(f"{self.folder}/{name}")

    def watch(self, argv: Sequence[str], cpus: list[int], mask: str, seconds: float) -> Watched:
        """Runs a command in the session's folder on the cores of `mask`; it is killed after `seconds`. Samples what the kernel says of it."""
        done = self._phone.script(
            *(
                _WATCH,
                self.folder,
                f"{seconds:g}",
                mask,
                " ".join(map(str, cpus)),
                f"{SAMPLE_S:g}",
                *argv,
            ),
            timeout_s=seconds + connection.ANSWER_S,
            doing=f"running {argv[0].rpartition('/')[2]}",
        )
        return Watched(done, *_samples(self._phone.text(["cat", f"{self.folder}/samples"])))

    def _lock(self) -> None:
        """One measurement a phone, whatever it is called: two at once would time each other. The lock goes with the process, however it ends."""
        name = hashlib.sha256((self._phone.boot or self._phone.serial).encode()).hexdigest()[:16]
        path = Path(tempfile.gettempdir(), f"frill-device-{os.getuid()}-{name}.lock")
        try:
            self._file = open(path, "w")
        except OSError as error:
            raise self._phone.error(
                f"cannot be locked ({path}: {error.strerror}): delete that file"
            ) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise self._phone.error(
                "is being measured by another process: wait until that has ended, then run this again"
            ) from None

    def _unlock(self) -> None:
        self._file.close()


def _samples(text: str) -> tuple[list[set[int]], dict[int, int], dict[int, int]]:
    threads: dict[str, set[int]] = {}
    lowest: dict[str, dict[int, int]] = {"scaling_cur_freq": {}, "scaling_max_freq": {}}
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "task":
            fields = rest.rpartition(")")[
                2
            ].split()  # proc(5): after the name come state (3) and, 36 on, processor (39)
            if len(fields) > 36 and fields[0] == "R":
                threads.setdefault(rest.partition(" ")[0], set()).add(int(fields[36]))
        elif kind in lowest and (found := re.fullmatch(r"(\d+) (\d+)", rest)):
            cpu, khz = int(found[1]), int(found[2])
            lowest[kind][cpu] = min(khz, lowest[kind].get(cpu, khz))
    return list(threads.values()), lowest["scaling_cur_freq"], lowest["scaling_max_freq"]


def _new_name() -> str:
    return f"frill-session-{secrets.token_hex(6)}"


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1]
