"""Scores what students are compared with: the teacher, log-mel statistics and random weights."""

from pathlib import Path

from frill.noss import evaluate, results
from frill.noss.references import make_references
from frill.params.load import load_params
from frill.workflow.stage import stage

with stage("evaluate_references"):
    settings = load_params()
    for name, embed in make_references(settings).items():
        scores = evaluate.score(embed, name, settings)
        results.write_scores(scores, Path(f"results/noss/{name}.json"))
        print(evaluate.describe(scores))
