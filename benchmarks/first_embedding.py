"""How long a fresh process takes to its first embedding, and where the time goes.

python benchmarks/first_embedding.py [--model release/frill.tflite] [--processes 10]

Every process is new: Python starts, `from frill import Embedder`, the model is read, one second at 44.1 kHz becomes one row. Beside it the same
process that imports numpy alone, as what no Python program of arrays goes below. Medians, after one process that fills the disk's
cache and Python's of compiled modules, which is a folder of the benchmark's own here.
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
begin = time.perf_counter()
import numpy
numpy_s = time.perf_counter() - begin
from frill import Embedder
imports_s = time.perf_counter() - begin
embedder = Embedder(sys.argv[1])
model_s = time.perf_counter() - begin
rows = embedder.embed(numpy.zeros(44100, numpy.float32), 44100)
embedding_s = time.perf_counter() - begin
assert rows.shape == (1, embedder.values) and "tensorflow" not in sys.modules
print(json.dumps({"numpy": numpy_s, "imports of frill": imports_s - numpy_s, "model": model_s - imports_s, "first embedding": embedding_s - model_s}))
"""


def run(code: str, model: Path, compiled: str) -> tuple[float, str]:
    """Seconds of the whole process, and what it printed. `compiled` is the folder of compiled modules."""
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    } | {"PYTHONPYCACHEPREFIX": compiled}
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, str(model)],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    return time.perf_counter() - begin, done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=Path("release/frill.tflite"))
    parser.add_argument("--processes", type=int, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as compiled:
        run(FIRST, arguments.model, compiled)
        processes = [
            (
                run(FIRST, arguments.model, compiled),
                run("import numpy", arguments.model, compiled)[0],
            )
            for _ in range(arguments.processes)
        ]
    total_s = statistics.median(seconds for (seconds, _), _ in processes)
    numpy_s = statistics.median(seconds for _, seconds in processes)
    parts = [json.loads(printed) for (_, printed), _ in processes]
    print(
        f"{arguments.model}: {arguments.model.stat().st_size / 2**20:.1f} MiB, median of {arguments.processes} processes"
    )
    for name in parts[0]:
        print(f"  {name:<20}{1000 * statistics.median(part[name] for part in parts):7.1f} ms")
    print(
        f"  {'whole process':<20}{1000 * total_s:7.1f} ms, of one that imports numpy alone {1000 * numpy_s:.1f} ms: {total_s / numpy_s:.2f} times"
    )


if __name__ == "__main__":
    main()
