"""The kinds of values that params.yaml holds. A refusal ends with the next step where it is not "correct it"."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

RESERVED = {
    "size",
    "nfiles",
}  # DVC's run-cache ignores params keys of these names (iterative/dvc#10296): a stale model, silently


def not_reserved(value: str) -> str:
    if value in RESERVED:
        raise ValueError("DVC's run-cache ignores params keys of this name; choose another")
    return value


def _name(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9_][a-z0-9._-]*", not_reserved(value)):
        raise ValueError(
            "a name is made of a-z 0-9 . _ - and begins with none of . and -"
        )  # -x would be an option of a command
    if value.endswith(".json"):
        raise ValueError("results are kept as NAME.json; choose a name without it")
    return value


def word_none(value: Any) -> Any:
    if value is None:
        raise ValueError("write the word none")
    return None if value == "none" else value


def zero_or_one(value: Any) -> Any:
    if type(value) is not int or value not in (0, 1):
        raise ValueError("must be 0 or 1")
    return value


def _key(value: str) -> str:
    if "." in _name(value):
        raise ValueError("DVC reads a dot in this name as a step into a section; write _ or -")
    return value


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


def texts(value: Any) -> Any:
    """One value or a list, words or numbers: CSV columns hold text."""
    values = value if isinstance(value, list) else [value]
    if any(isinstance(item, dict | list | bool) or item is None for item in values):
        raise ValueError("must be a value of the column or a list of them")
    return [str(item) for item in values]


Name = Annotated[str, AfterValidator(_name)]  # of a student
Key = Annotated[
    str, AfterValidator(_key)
]  # of a set or device, which DVC tracks as audio.folder.KEY
Column = Annotated[str, AfterValidator(not_reserved)]  # of a CSV, as a key
Count = Annotated[int, Field(ge=1, strict=True)]
Real = Annotated[float, BeforeValidator(_no_boolean), Field(allow_inf_nan=False)]
Positive = Annotated[Real, Field(gt=0)]
Share = Annotated[Real, Field(ge=0, lt=1)]
Texts = Annotated[list[str], BeforeValidator(texts), Field(min_length=1)]
NoneOrCount = Annotated[Count | None, BeforeValidator(word_none)]
NoneOrPositive = Annotated[Positive | None, BeforeValidator(word_none)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Use = Literal["corpus", "task"]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
