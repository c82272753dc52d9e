"""evaluate.py NAME: scores one student's .tflite file on every task. TensorFlow is not imported."""

import sys
from pathlib import Path

from frill import params
from frill.noss import run
from frill.stage import stage

name = sys.argv[1]
with stage(f"evaluate@{name}"):
    settings = params.load()
    result = run.score_student(Path("models/tflite", name), name, settings, Path("results/noss"))
    print(run.line(name, result))
