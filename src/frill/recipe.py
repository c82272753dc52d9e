"""What a stage is made with for all students alike: its code, its sections of params.yaml. dvc.yaml says which, as dependencies of the stage recipe_STAGE."""

import hashlib
from functools import reduce
from pathlib import Path

from ruamel.yaml import YAML


def read(stage: str, device: str = "") -> dict:
    """`code`: {path: sha256} and `params`: {key: value} of that stage of dvc.yaml, values as params.yaml has them: a new default of ours changes no recipe."""
    graph, values = (YAML(typ="safe").load(Path(name).read_text()) for name in ("dvc.yaml", "params.yaml"))  # as DVC and frill.params read them
    entry = graph["stages"][stage]
    entry = entry.get("do", entry)
    code = [path for path in entry["deps"] if path.startswith(("src/", "stages/"))]
    keys = [key.replace("${key}", device) for key in entry["params"]]
    return {
        "code": {path: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in code},
        "params": {key: reduce(dict.__getitem__, key.split("."), values) for key in keys},
    }
