"""Reads params.yaml as typed, validated data.

    params = load_params()            # raises ParamsError
    params.students["small_200"].width    # 2.0

Every error is one line: the key, its value, what is allowed, the next step. The word `none` in the
file is None here.
"""

from pathlib import Path

from pydantic import ValidationError
from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.constructor import DuplicateKeyError

from frill.errors import UserError
from frill.params.messages import describe, pair_misspelt
from frill.params.schema import Params, Student

# UnicodeDecodeError is a ValueError; ruamel.yaml asserts that a file says no `%YAML 1.3`.
NOT_YAML = (YAMLError, ValueError, AssertionError, RecursionError)


class ParamsError(UserError):
    """A value in params.yaml that cannot be used; the message is one line for the user."""


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and validate params.yaml. Raises ParamsError."""
    return validate(parse(path), path.name)


def parse(path: Path, text: str | None = None) -> dict:
    """Read a file, or a `text` in its place, as DVC does, which has values of stages from it.

    That is YAML 1.2: 010 is ten, `no` is a word, and no key may stand twice. Raises ParamsError.
    """
    try:
        if text is None:
            text = path.read_text(encoding="utf-8")
        data = YAML(typ="safe").load(text)
    except FileNotFoundError:
        raise ParamsError(f"{path}: not found; run this in the project's folder") from None
    except OSError as error:
        raise ParamsError(
            f"{path}: cannot be read ({error.strerror}); run this in the project's folder"
        ) from None
    except DuplicateKeyError as error:
        key = error.problem.split('"')[1]
        line = error.problem_mark.line + 1
        raise ParamsError(
            f"{path}: not valid YAML: the key {key} stands twice, again in line {line}; "
            "correct it there"
        ) from None
    except NOT_YAML as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise ParamsError(f"{path}: not valid YAML: {text}; correct it there") from None
    if not isinstance(data, dict):
        raise ParamsError(f"{path}: holds no keys; `git checkout {path}` restores the default")
    return data


def validate(data: dict, file: str = "params.yaml") -> Params:
    """Return the typed view of a parsed params.yaml.

    Raises ParamsError that names every wrong value, one a line.
    """
    try:
        return Params.model_validate(data)
    except ValidationError as error:
        raise ParamsError(_describe_all(error, file)) from None


def validate_student(axes: dict, where: str) -> Student:
    """Return one student's line; the message says `where` it stands. Raises ParamsError."""
    try:
        return Student.model_validate(axes)
    except ValidationError as error:
        raise ParamsError(_describe_all(error, where)) from None


def _describe_all(error: ValidationError, where: str) -> str:
    errors = pair_misspelt(error.errors(include_url=False))
    lines = [describe(each, where) for each in errors]
    return "\n".join(dict.fromkeys(lines))
