"""convert.py NAME: one trained student -> models/tflite/NAME, and parity with Keras."""

import sys
from pathlib import Path

from frill import tensorflow_setup
from frill.params.load import load_params
from frill.workflow.stage import stage

name = sys.argv[1]
with stage(f"convert@{name}"):
    settings = load_params()
    tensorflow_setup.set_up(settings.threads, settings.seed, settings.onednn)
    from frill.students.convert import convert_student

    summary = convert_student(
        Path("models/students", name),
        settings.students[name].precision,
        Path("data/targets"),
        settings.convert,
        Path("models/tflite", name),
    )
    mebibytes = summary["file_bytes"] / 2**20
    cosine = summary["parity"]["min_cosine"]
    print(f"{name}: {mebibytes:.2f} MiB, cosine with Keras {cosine:.6f} or more")
