"""Peak memory of a .tflite file, in a process of its own.

    python -m frill.device.memory MODEL THREADS XNNPACK

What is counted is what the model adds. It is the largest resident memory while the model runs, less
that of the process before, which has loaded Python, numpy and LiteRT. A phone's benchmark_model
counts its whole process instead; see docs/frontier.md.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np

INVOCATIONS = 10
STATUS = Path("/proc/self/status")
RESET = Path("/proc/self/clear_refs")


def can_measure_memory() -> bool:
    """Tell whether this is Linux: it alone lets a process forget the peak it had before."""
    return RESET.exists()


def measure_peak_memory_mib(model: Path, threads: int, xnnpack: int = 1) -> float | None:
    """Return MiB of resident memory; None where the system does not tell."""
    if not can_measure_memory():
        return None
    command = [sys.executable, "-m", __name__, str(model), str(threads), str(xnnpack)]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    return float(done.stdout)


def _read_mib(key: str) -> float:
    """Return this process's VmRSS (resident now) or VmHWM (at its peak) in MiB."""
    lines = STATUS.read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))


def _run(path: Path, threads: int, xnnpack: int) -> float:
    from frill.device.timed_model import TimedModel

    np.random.default_rng()  # loads numpy.random, which is not the model's
    RESET.write_text("5")  # the peak is now what is resident: proc(5)
    before_mib = _read_mib("VmRSS")
    model = TimedModel(path, threads, bool(xnnpack))
    for _ in range(INVOCATIONS):
        model.time_round_ms(0.0)
    return _read_mib("VmHWM") - before_mib


if __name__ == "__main__":
    print(_run(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
