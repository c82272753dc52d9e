"""evaluate.py NAME: scores a student's .tflite files on every task, without TensorFlow."""

import sys
from pathlib import Path

from frill.noss import evaluate, results
from frill.params.load import load_params
from frill.workflow.stage import stage

name = sys.argv[1]
with stage(f"evaluate@{name}"):
    scores = evaluate.score_student(Path("models/tflite", name), name, load_params())
    results.write_scores(scores, Path(f"results/noss/{name}.json"))
    print(evaluate.describe(scores))
