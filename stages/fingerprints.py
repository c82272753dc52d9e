"""Writes what each stage is made by into data/code/STAGE.json, which the stage depends on."""

import json
from pathlib import Path

from frill.corpora.load import LOADERS
from frill.params.load import load_params
from frill.workflow import recipe
from frill.workflow.stage import stage

with stage("code"):
    load_params()  # a value that cannot be used is named here already
    for name, made_by in recipe.read_all(LOADERS).items():
        out = Path("data/code", f"{name}.json")
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(made_by, indent=1) + "\n")
