"""A preset: what differs from params.yaml, in a file of its own.

Sections of names (sets of audio, students, devices, baselines) are the preset's own where it has
them; every other section is params.yaml's with the preset's values in it. Students may be a grid:

    students: {grid: {backbone: [tiny, small], width: [0.5, 1.0]}, small_200: {...}}

In MLflow a preset is an experiment of its own: in one of them, runs of models that params.yaml
names no longer are marked as removed.
"""

import os
import re
import subprocess
from pathlib import Path
from typing import Any, TextIO

from ruamel.yaml import YAML

from frill.errors import UserError
from frill.params.grid import list_students
from frill.params.load import ParamsError, parse

OF_NAMES = ("students", "devices", "baselines")
PATH_KEYS = ("folder", "csv", "ontology", "manual_dir", "data_dir", "source", "tool", "run_model")
GRID = "grid"
UNSET = "unset:"


def read(preset: Path, strict: bool = True) -> dict:
    """Return what params.yaml and a preset make together, as params.yaml would hold it.

    $NAME in the preset is taken from the environment, where make puts its variables. A path that
    exists here is made absolute: it is read in another folder. If not `strict`, a $NAME that is not
    set stays. Raises UserError.
    """
    text = re.sub(r"(?m)^\s*#.*", "", preset.read_text())
    unset = sorted(set(re.findall(r"\$(\w+)", text)) - os.environ.keys())
    if unset and strict:
        example = " ".join(f"{name}=FOLDER" for name in unset)
        raise UserError(
            f"{preset}: ${unset[0]} is not set; run `make repro PRESET={preset.stem} {example}`"
        )
    params = parse(Path("params.yaml"))
    own = parse(preset, os.path.expandvars(text))
    params = _merge(_name_experiment(params, preset.stem), own)
    params["students"] = _expand_grid(params["students"])
    return _make_paths_absolute(params)


def write(params: dict, preset: Path, path: Path) -> None:
    """Write what `read` returned as a params.yaml."""
    with path.open("w", encoding="utf-8") as file:
        file.write(f"# Made of params.yaml and {preset}, which are the files to edit.\n")
        dump(params, file)


def dump(params: dict, stream: TextIO) -> None:
    """Write params as YAML, in their order."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False
    yaml.dump(params, stream)


def mark_unset(value: Any, key: str = "") -> Any:
    """Return params with UNSET for the $ of a $NAME that is not set: params.yaml may have none.

    A sum that is not set becomes one of 64 digits.
    """
    if isinstance(value, dict):
        return {name: mark_unset(each, name) for name, each in value.items()}
    if not isinstance(value, str) or "$" not in value:
        return value
    return "f" * 64 if key.endswith("_sha256") else value.replace("$", UNSET)


def _name_experiment(params: dict, preset: str) -> dict:
    """Return params with the preset's name behind that of the experiment."""
    tracking = params.get("tracking")
    if not isinstance(tracking, dict) or "experiment" not in tracking:
        return params  # validation says what is wrong
    return params | {"tracking": tracking | {"experiment": f"{tracking['experiment']}-{preset}"}}


def _merge(params: dict, own: dict) -> dict:
    merged = dict(params)
    for key, value in own.items():
        section = params.get(key)
        if key == "audio" and isinstance(value, dict):
            merged[key] = section | value  # a kind of audio holds names, too
        elif key not in OF_NAMES and isinstance(section, dict) and isinstance(value, dict):
            merged[key] = _merge(section, value)
        else:
            merged[key] = value
    return merged


def _expand_grid(students: dict) -> dict:
    if not isinstance(students, dict) or GRID not in students:
        return students
    others = dict(students)
    grid = others.pop(GRID)
    if not isinstance(grid, dict):
        raise ParamsError(f"students.grid = {grid!r}: must be lists of values by axis")
    return list_students(grid) | others


def _make_paths_absolute(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _make_paths_absolute(each, name) for name, each in value.items()}
    if key in PATH_KEYS and isinstance(value, str):
        return _make_absolute(os.path.expanduser(value))
    return value


def _make_absolute(path: str) -> str:
    """Leave paths of the project's own files relative: they exist in the worktree too."""
    listed = subprocess.run(["git", "ls-files", "--error-unmatch", path], capture_output=True)
    if listed.returncode == 0 or not Path(path).exists():
        return path
    return str(Path(path).resolve())
