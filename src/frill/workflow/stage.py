"""What every stage script shares: errors as a sentence and exit code 1, and a log of times."""

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
from frill.workflow.home import share_scratch

NUMPY_WROTE_LESS = r"^\d+ requested and \d+ written$"
# The first is TensorFlow's; the others are of a killed worker, joblib's and Python's.
OUT_OF_MEMORY = ("ResourceExhaustedError", "TerminatedWorkerError", "BrokenProcessPool")
# The second is said where a library is loaded.
NO_MEMORY = (os.strerror(errno.ENOMEM), "failed to map segment from shared object")
LOG = Path("logs/stages.jsonl")  # never an out: two runs of the same stage take different times


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Run a stage's body, imports of heavy libraries included.

    `name` is the stage's name in dvc.yaml, with @ if it has one.
    """
    imports_s = _since_process_start_s()  # belong to the stage: TensorFlow's take seconds
    start = time.time() - imports_s
    begun = time.monotonic() - imports_s  # somebody may set the clock meanwhile
    share_scratch()
    try:
        yield
        _log(name, start, time.monotonic() - begun)
    except UserError as error:
        _end(name, str(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        reason = describe_exhaustion(error)
        if reason is None:
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
    """Append an entry to the log of times, and write the script that the report loads."""
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("a") as file:
        file.write(json.dumps(entry) + "\n")
    latest = {entry["stage"]: entry for entry in read_log()}
    text = json.dumps(sorted(latest.values(), key=lambda entry: entry["start"]))
    # reports/index.html loads it when asked: a page may read no other file.
    LOG.with_suffix(".js").write_text(f"window.stages = {text}\n")


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


def describe_exhaustion(error: BaseException) -> str | None:
    """Return a sentence if an error, or one that led to it, says that disk or memory was used up.

    Every library says so in its own way. None for any other error.
    """
    while error is not None:
        if _is_full_disk(error):
            where = getattr(error, "filename", None) or f"in {Path.cwd()}"
            return (
                f"no space is left on the disk ({where}); free some and repeat the command: "
                "what is finished stays"
            )
        if _is_out_of_memory(error):
            return (
                "memory ran out; close other programs or lower `threads`, the student's width or "
                "distill.batch_windows, then repeat the command"
            )
        error = error.__cause__ or error.__context__
    return None


def _is_full_disk(error: BaseException) -> bool:
    code = getattr(error, "errno", None)
    text = str(error)
    return (
        code in (errno.ENOSPC, errno.EDQUOT)
        or os.strerror(errno.ENOSPC) in text
        or re.search(NUMPY_WROTE_LESS, text) is not None
    )


def _is_out_of_memory(error: BaseException) -> bool:
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ in OUT_OF_MEMORY
        or any(words in str(error) for words in NO_MEMORY)
    )


def _remove_unfinished() -> None:
    """Delete what frill.scratch.atomic_write left in scratch/: it would fill the disk.

    It is what this process began to write, or one that was killed.
    """
    import psutil  # which `frill embed`, that asks here for words only, does without

    for path in Path("scratch").rglob("*.new"):
        pid = path.suffixes[-2].removeprefix(".") if len(path.suffixes) > 1 else ""
        if not pid.isdecimal() or (int(pid) != os.getpid() and psutil.pid_exists(int(pid))):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def peak_memory_bytes() -> int:
    """Return the most memory that this process has had so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _since_process_start_s() -> float:
    """Return the seconds since this process began; 0 if the system does not tell (Linux does)."""
    try:
        started_ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        uptime_s = float(Path("/proc/uptime").read_text().split()[0])
    except OSError:
        return 0.0
    return max(0.0, uptime_s - started_ticks / os.sysconf("SC_CLK_TCK"))
