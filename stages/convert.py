"""convert.py NAME PRECISION: one trained student -> models/tflite/NAME, and its parity with Keras."""

import sys
from pathlib import Path

from frill import tensorflow_setup
from frill.params.load import load_params
from frill.workflow.stage import stage

name, precision = sys.argv[1:]
with stage(f"convert@{name}"):
    settings = load_params()
    tensorflow_setup.set_up(settings.threads, settings.seed)
    from frill.students import convert

    summary = convert.convert_student(
        Path("models/students", name),
        precision,
        Path("data/targets"),
        settings.convert,
        Path("models/tflite", name),
    )
    print(
        f"{name}: {summary['file_bytes'] / 2**20:.2f} MiB, cosine with Keras {summary['parity']['min_cosine']:.6f} or more"
    )
