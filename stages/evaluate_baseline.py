"""evaluate_baseline.py NAME: scores another model, as `baselines` in params.yaml describes it."""

import sys
from pathlib import Path

from frill.noss import baselines, evaluate, results
from frill.params.load import load_params
from frill.workflow.stage import stage

name = sys.argv[1]
with stage(f"evaluate_baseline@{name}"):
    settings = load_params()
    if settings.baselines[name].kind == "saved_model":
        from frill import tensorflow_setup

        tensorflow_setup.set_up(settings.threads, settings.seed, settings.onednn)
    scores = evaluate.score(baselines.load(name, settings), name, settings)
    results.write_scores(scores, Path(f"results/noss/{name}.json"))
    print(evaluate.describe(scores))
