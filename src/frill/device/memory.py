"""Peak memory of a .tflite file on this machine, in a process of its own: python -m frill.device.memory MODEL THREADS

What is counted is what the model adds: the largest resident memory while it runs less that of the process before it is opened, which has loaded
Python, numpy and LiteRT. A phone's benchmark_model counts its whole process instead; see docs/frontier.md.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np

INVOCATIONS = 10
STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def measured_here() -> bool:
    """Linux alone lets a process forget the peak it had before."""
    return RESET.exists()


def peak_memory_mib(model: Path, threads: int) -> float | None:
    """MiB of resident memory; None where the system does not tell."""
    if not measured_here():
        return None
    command = [sys.executable, "-m", __name__, str(model), str(threads)]
    return float(
        subprocess.run(
            command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ).stdout
    )


def _resident_mib(key: str) -> float:
    """VmRSS (now) or VmHWM (at its peak)."""
    return next(
        int(line.split()[1]) / 1024
        for line in STATUS.read_text().splitlines()
        if line.startswith(key)
    )


def _run(model: Path, threads: int) -> float:
    from frill.device.timed_model import Timed

    np.random.default_rng()  # loads numpy.random, which is not the model's
    RESET.write_text("5")  # the peak is now what is resident: proc(5)
    before = _resident_mib("VmRSS")
    timed = Timed(model, threads)
    for _ in range(INVOCATIONS):
        timed.round_ms(0.0)
    return _resident_mib("VmHWM") - before


if __name__ == "__main__":
    print(_run(Path(sys.argv[1]), int(sys.argv[2])))
