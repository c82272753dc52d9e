"""convert.py NAME PRECISION: one trained student -> models/tflite/NAME, and its parity with Keras."""

import sys
from pathlib import Path

from frill import params, tensorflow_setup
from frill.stage import stage

name, precision = sys.argv[1:]
with stage(f"convert@{name}"):
    settings = params.load()
    tensorflow_setup.set_up(settings.threads, settings.seed)
    from frill import tflite

    summary = tflite.convert_student(Path("models/students", name), precision, Path("data/targets"), settings.convert, Path("models/tflite", name))
    print(f"{name}: {summary['file_bytes'] / 2**20:.2f} MiB, cosine with Keras {summary['parity']['min_cosine']:.6f} or more")
