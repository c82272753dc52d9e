"""convert.py NAME PRECISION: one trained student -> models/tflite/NAME, and parity with Keras."""

import sys
from pathlib import Path

from frill import tensorflow_setup
from frill.params.load import load_params
from frill.workflow.stage import stage

name, precision = sys.argv[1:]
with stage(f"convert@{name}"):
    settings = load_params()
    tensorflow_setup.set_up(settings.threads, settings.seed, settings.onednn)
    from frill.students.convert import convert_student

    student, out = Path("models/students", name), Path("models/tflite", name)
    summary = convert_student(student, precision, Path("data/targets"), settings.convert, out)
    mebibytes = summary["file_bytes"] / 2**20
    cosine = summary["parity"]["min_cosine"]
    print(f"{name}: {mebibytes:.2f} MiB, cosine with Keras {cosine:.6f} or more")
