"""evaluate_baseline.py NAME: scores another model, as `baselines` in params.yaml describes it, beside the students."""

import sys
from pathlib import Path

from frill import params
from frill.noss import baselines, run
from frill.stage import stage

name = sys.argv[1]
with stage(f"evaluate_baseline@{name}"):
    settings = params.load()
    if settings.baselines[name].kind == "saved_model":
        from frill import tensorflow_setup

        tensorflow_setup.set_up(settings.threads, settings.seed)
    result = run.score(baselines.embedding(name, settings), name, settings)
    run.write(result, Path("results/noss"))
    print(run.line(name, result))
