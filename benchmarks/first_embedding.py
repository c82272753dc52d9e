"""How long a fresh process takes to its first embedding, and where the time goes.

python benchmarks/first_embedding.py [--model release/frill.tflite] [--processes 10]

Every process is new: Python starts, imports `Embedder`, reads the model, and turns one second at
44.1 kHz into one row. A process that imports numpy alone is timed beside it: no Python program of
arrays is faster. Figures are medians, after one process that fills the disk's cache and Python's
cache of compiled modules, a folder of the benchmark's own.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FIRST = """
import json, sys, time
times_s = [time.perf_counter()]
import numpy
times_s.append(time.perf_counter())
from frill import Embedder
times_s.append(time.perf_counter())
embedder = Embedder(sys.argv[1])
times_s.append(time.perf_counter())
rows = embedder.embed(numpy.zeros(44100, numpy.float32), 44100)
times_s.append(time.perf_counter())
assert rows.shape == (1, embedder.values) and "tensorflow" not in sys.modules
parts = ["numpy", "imports of frill", "model", "first embedding"]
print(json.dumps(dict(zip(parts, numpy.diff(times_s).tolist()))))
"""


def run(code: str, model: Path, compiled: str) -> tuple[float, str]:
    """Return the seconds of the whole process, and what it printed.

    `compiled` is the folder of compiled modules.
    """
    environment = os.environ | {"PYTHONPYCACHEPREFIX": compiled}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", code, str(model)]
    begin = time.perf_counter()
    process = subprocess.run(
        command,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    return time.perf_counter() - begin, process.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=Path("release/frill.tflite"))
    parser.add_argument("--processes", type=int, default=10)
    arguments = parser.parse_args()
    times_s = []
    numpy_times_s = []
    parts = []
    with tempfile.TemporaryDirectory() as compiled:
        run(FIRST, arguments.model, compiled)
        for _ in range(arguments.processes):
            seconds, printed = run(FIRST, arguments.model, compiled)
            times_s.append(seconds)
            parts.append(json.loads(printed))
            numpy_times_s.append(run("import numpy", arguments.model, compiled)[0])
    total_s = statistics.median(times_s)
    numpy_s = statistics.median(numpy_times_s)
    size_mib = arguments.model.stat().st_size / 2**20
    print(f"{arguments.model}: {size_mib:.1f} MiB, median of {arguments.processes} processes")
    for name in parts[0]:
        print(f"  {name:<20}{1000 * statistics.median(part[name] for part in parts):7.1f} ms")
    print(
        f"  {'whole process':<20}{1000 * total_s:7.1f} ms, of one that imports numpy alone "
        f"{1000 * numpy_s:.1f} ms: {total_s / numpy_s:.2f} times"
    )


if __name__ == "__main__":
    main()
