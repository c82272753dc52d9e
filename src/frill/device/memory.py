"""Peak memory of a .tflite file, in a process of its own.

    python -m frill.device.memory MODEL THREADS XNNPACK

Budgets look at what the model adds. It is the largest resident memory while the model runs, less
that of the process before, which has loaded Python, numpy and LiteRT. A phone's benchmark_model
counts its whole process instead; see docs/frontier.md. The whole process is told beside it.
"""

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

INVOCATIONS = 10
STATUS = Path("/proc/self/status")
RESET = Path("/proc/self/clear_refs")


def can_measure_memory() -> bool:
    """Tell whether this is Linux: it alone lets a process forget the peak it had before."""
    return RESET.exists()


class Peak(NamedTuple):
    """Resident memory at its peak, MiB; None where the system does not tell."""

    added_mib: float | None
    process_mib: float | None


def measure_peak_memory(model: Path, threads: int, xnnpack: int = 1) -> Peak:
    """Return what the model adds at its peak, and the whole process then."""
    if not can_measure_memory():
        return Peak(None, None)
    command = [sys.executable, "-m", __name__, str(model), str(threads), str(xnnpack)]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    return Peak(*map(float, done.stdout.split()))


def _read_mib(key: str) -> float:
    """Return this process's VmRSS (resident now) or VmHWM (at its peak) in MiB."""
    lines = STATUS.read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))


def _run(path: Path, threads: int, xnnpack: int) -> Peak:
    from frill.device.timed_model import TimedModel

    np.random.default_rng()  # loads numpy.random, which is not the model's
    RESET.write_text("5")  # the peak is now what is resident: proc(5)
    before_mib = _read_mib("VmRSS")
    model = TimedModel(path, threads, bool(xnnpack))
    for _ in range(INVOCATIONS):
        model.time_round_ms(0.0)
    peak_mib = _read_mib("VmHWM")
    return Peak(peak_mib - before_mib, peak_mib)


if __name__ == "__main__":
    print(*_run(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
