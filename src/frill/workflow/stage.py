"""What every stage script shares: user errors as one clear line and exit code 1, and the log of how long stages took."""

import errno
import json
import os
import platform
import re
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from frill.errors import UserError

NUMPY_WROTE_LESS = r"^\d+ requested and \d+ written$"
OUT_OF_MEMORY = (
    "ResourceExhaustedError",
    "TerminatedWorkerError",
    "BrokenProcessPool",
)  # of TensorFlow; a killed worker of joblib, of Python
NO_MEMORY = (
    os.strerror(errno.ENOMEM),
    "failed to map segment from shared object",
)  # the second where a library is loaded
LOG = Path("logs/stages.jsonl")  # never an out: two runs of the same stage take different times


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Runs a stage's body, imports of heavy libraries included. `name` is the stage's name in dvc.yaml, with @ where it has one."""
    imports_s = _since_process_start_s()  # belong to the stage: TensorFlow's take seconds
    start, begun = (
        time.time() - imports_s,
        time.monotonic() - imports_s,
    )  # somebody may set the clock meanwhile
    try:
        yield
        _log(name, start, time.monotonic() - begun)
    except UserError as error:
        _end(name, str(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if (reason := ran_out(error)) is None:
            raise
        _end(name, reason)
    finally:
        _remove_unfinished()


def _end(name: str, message: str) -> None:
    for line in message.splitlines():
        print(f"{name}: {line}", file=sys.stderr)
    sys.exit(1)


def _log(name: str, start: float, seconds: float) -> None:
    entry = {
        "stage": name,
        "start": start,
        "seconds": round(seconds, 2),
        "peak_memory_bytes": peak_memory_bytes(),
        "machine": platform.node(),
    }
    record(entry)


def record(entry: dict) -> None:
    """Appends an entry to the log of times."""
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("a") as file:
        file.write(json.dumps(entry) + "\n")
    latest = {entry["stage"]: entry for entry in read_log()}
    text = json.dumps(sorted(latest.values(), key=lambda entry: entry["start"]))
    LOG.with_suffix(".js").write_text(
        f"window.stages = {text}\n"
    )  # reports/index.html loads it when asked: a page may read no other file


def ran_out(error: BaseException) -> str | None:
    """A sentence where an error, or one that led to it, says that the disk or the memory was used up. Every library says so in its own way."""
    named = None
    while error is not None:
        text = str(error)
        if (
            getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
            or os.strerror(errno.ENOSPC) in text
            or re.search(NUMPY_WROTE_LESS, text)
        ):
            named = getattr(error, "filename", None) or named
            where = f" ({named})" if named else f" (in {Path.cwd()})"
            return f"no space is left on the disk{where}; free some and repeat the command: what is finished stays"
        if (
            isinstance(error, MemoryError)
            or type(error).__name__ in OUT_OF_MEMORY
            or any(words in text for words in NO_MEMORY)
        ):
            return "memory ran out; close other programs or lower `threads`, the student's width or distill.batch_windows, then repeat the command"
        error = error.__cause__ or error.__context__
    return None


def _remove_unfinished() -> None:
    """What this process, or one that was killed, began to write in scratch/ (frill.scratch.atomic_write): it would fill the disk."""
    for path in Path("scratch").rglob("*.new"):
        pid = path.suffixes[-2].removeprefix(".") if len(path.suffixes) > 1 else ""
        if pid.isdecimal() and (int(pid) == os.getpid() or not _runs(int(pid))):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(
                missing_ok=True
            )


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        pass
    return True


def peak_memory_bytes() -> int:
    """Of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _since_process_start_s() -> float:
    """Where the system tells (Linux), else nothing."""
    try:
        started_ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        uptime_s = float(Path("/proc/uptime").read_text().split()[0])
    except OSError:
        return 0.0
    return max(0.0, uptime_s - started_ticks / os.sysconf("SC_CLK_TCK"))


def read_log(skip: int = 0, folder: Path = Path()) -> list[dict]:
    """Return a project's entries in the order in which stages ended, without the first `skip`.

    A line that was cut off, by a full disk, is left out.
    """
    path = folder / LOG
    if not path.exists():
        return []
    entries = []
    for line in path.read_text(errors="replace").splitlines():
        with suppress(ValueError):
            entries.append(json.loads(line))
    return entries[skip:]
