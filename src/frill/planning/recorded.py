"""params.yaml as the stages of a project ran by it last, which dvc.lock keeps."""

from pathlib import Path

from ruamel.yaml import YAML

from frill.params.load import ParamsError, load_params, validate
from frill.params.schema import Params
from frill.workflow import verify


def read_params(root: Path) -> Params:
    """Return params.yaml with the values that each stage read when it ran. Raises UserError.

    What has not run is as params.yaml has it now, and so is all where an older lock has no
    longer a meaning.
    """
    path = root / "params.yaml"
    now = load_params(path)
    data = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    for entry in verify.read_lock(root / "dvc.lock").values():
        for key, value in entry.get("params", {}).get("params.yaml", {}).items():
            _set(data, key, value)
    try:
        return validate(data)
    except ParamsError:
        return now


def _set(data: dict, key: str, value: object) -> None:
    """Write a value at audio.espeak.speech and the like; students that came later stay."""
    *sections, last = key.split(".")
    for name in sections:
        data = data.setdefault(name, {})
    data[last] = data["students"] | value if key == "students" else value
