"""Reads params.yaml as typed, validated data. Every error is one line: the key, its value, what is allowed, the next step.

    params = load_params()            # raises ParamsError
    params.students["frill"].width    # 2.0

The word `none` in the file is None here.
"""

from pathlib import Path

from pydantic import ValidationError
from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.constructor import DuplicateKeyError

from frill.errors import UserError
from frill.params.messages import sentence
from frill.params.schema import Params, Student


class ParamsError(UserError):
    """A value in params.yaml that cannot be used; the message is one line for the user."""


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Reads and validates params.yaml. Raises ParamsError."""
    return validate(_parse(path), path.name)


def _parse(path: Path) -> dict:
    """Read as DVC reads it, which makes arguments of stages from it: YAML 1.2, where 010 is ten and `no` a word, and no key may stand twice."""
    try:
        data = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except OSError as error:
        what = (
            "not found"
            if isinstance(error, FileNotFoundError)
            else f"cannot be read ({error.strerror})"
        )
        raise ParamsError(f"{path}: {what}; run this in the project's folder") from None
    except DuplicateKeyError as error:
        key, line = error.problem.split('"')[1], error.problem_mark.line + 1
        raise ParamsError(
            f"{path}: not valid YAML: the key {key} stands twice, again in line {line}; correct it there"
        ) from None
    except (
        YAMLError,
        ValueError,
        AssertionError,
        RecursionError,
    ) as error:  # UnicodeDecodeError is a ValueError; `%YAML 1.3` is asserted
        text = " ".join(str(error).split()) or type(error).__name__
        raise ParamsError(f"{path}: not valid YAML: {text}; correct it there") from None
    if not isinstance(data, dict):
        raise ParamsError(f"{path}: holds no keys; `git checkout {path}` restores the default")
    return data


def validate(data: dict, file: str = "params.yaml") -> Params:
    """The typed view of an already parsed params.yaml. Raises ParamsError that names every wrong value, one a line."""
    try:
        return Params.model_validate(data)
    except ValidationError as error:
        lines = [sentence(item, file) for item in error.errors(include_url=False)]
        raise ParamsError("\n".join(dict.fromkeys(lines))) from None


def validate_student(axes: dict, where: str) -> Student:
    """One student's line; `where` it stands is for the message. Raises ParamsError."""
    try:
        return Student.model_validate(axes)
    except ValidationError as error:
        raise ParamsError(
            "\n".join(sentence(item, where) for item in error.errors(include_url=False))
        ) from None
