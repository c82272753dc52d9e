"""What every stage script shares: user errors as one clear line and exit code 1, and the log of how long stages took."""

import json
import os
import platform
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from frill.errors import UserError

LOG = Path("logs/stages.jsonl")  # never an out: two runs of the same stage take different times


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Runs a stage's body, imports of heavy libraries included. `name` is the stage's name in dvc.yaml, with @ where it has one."""
    start = time.time() - _since_process_start_s()  # imports belong to the stage: TensorFlow's take seconds
    try:
        yield
    except UserError as error:
        for line in str(error).splitlines():
            print(f"{name}: {line}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    seconds = round(time.time() - start, 2)
    entry = {"stage": name, "start": start, "seconds": seconds, "peak_memory_bytes": peak_memory_bytes(), "machine": platform.node()}
    record(entry)


def record(entry: dict) -> None:
    """Appends an entry to the log of times."""
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("a") as file:
        file.write(json.dumps(entry) + "\n")
    latest = {entry["stage"]: entry for entry in read_log()}
    text = json.dumps(sorted(latest.values(), key=lambda entry: entry["start"]))
    LOG.with_suffix(".js").write_text(f"window.stages = {text}\n")  # reports/index.html loads it when asked: a page may read no other file


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


def read_log(since: float = 0.0) -> list[dict]:
    """Entries of stages that began at or after `since` (seconds since the epoch), oldest first."""
    if not LOG.exists():
        return []
    entries = (json.loads(line) for line in LOG.read_text().splitlines())
    return [entry for entry in entries if entry["start"] >= since]
