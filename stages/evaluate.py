"""evaluate.py NAME: scores one student's .tflite file on every task. TensorFlow is not imported."""

import sys
from pathlib import Path

from frill.noss import evaluate
from frill.params.load import load_params
from frill.workflow.stage import stage

name = sys.argv[1]
with stage(f"evaluate@{name}"):
    settings = load_params()
    result = evaluate.score_student(
        Path("models/tflite", name), name, settings, Path("results/noss")
    )
    print(evaluate.line(name, result))
