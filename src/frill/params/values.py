"""The kinds of values that params.yaml holds.

A message names the next step, unless it is to correct the value: frill.params.messages adds that.
"""

import os
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from frill.params.names import remove_dots

# DVC's run-cache ignores params keys of these names and gives a stale model (iterative/dvc#10296).
RESERVED = {"size", "nfiles"}


def refuse_reserved(value: str) -> str:
    if value in RESERVED:
        raise ValueError("DVC's run-cache ignores params keys of this name; choose another")
    return value


def _check_name(value: str) -> str:
    # A leading - would make it an option of a command.
    if not re.fullmatch(r"[a-z0-9_][a-z0-9._-]*", value):
        raise ValueError("a name is made of a-z 0-9 . _ - and begins with none of . and -")
    return value


def _check_key(value: str) -> str:
    without_dots = remove_dots(refuse_reserved(value))
    if not re.fullmatch(r"[a-z0-9_][a-z0-9_-]*", without_dots):
        raise ValueError("a name is made of a-z 0-9 _ - and does not begin with -")
    if value != without_dots:
        raise ValueError(
            f"a name has no dot (DVC reads it as a step into a section); write {without_dots}"
        )
    return value


def _check_path(value: str) -> str:
    if value.startswith("~") or "$" in value:
        full = os.path.expandvars(os.path.expanduser(value))
        hint = "the whole path" if "$" in full else full
        raise ValueError(f"DVC fills in neither ~ nor $NAME; write {hint}")
    return value


def read_none(value: Any) -> Any:
    if value is None:
        raise ValueError("write the word none")
    return None if value == "none" else value


def check_zero_or_one(value: Any) -> Any:
    if type(value) is not int or value not in (0, 1):
        raise ValueError("must be 0 or 1")
    return value


def _refuse_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


def read_texts(value: Any) -> Any:
    """Return one word or number, or a list of them, as texts: CSV columns hold text."""
    values = value if isinstance(value, list) else [value]
    if any(isinstance(item, dict | list | bool) or item is None for item in values):
        raise ValueError("must be a value of the column or a list of them")
    return [str(item) for item in values]


# Of an experiment in MLflow.
Name = Annotated[str, AfterValidator(_check_name)]
# Of a set, student, device or baseline: DVC knows it as audio.folder.KEY, students.KEY and so on.
Key = Annotated[str, AfterValidator(_check_key)]
# Of a file or folder, which DVC has to find, too.
PathText = Annotated[str, AfterValidator(_check_path)]
# Of a CSV, as a key.
Column = Annotated[str, AfterValidator(refuse_reserved)]
# What TensorFlow and numpy take for a size or a seed, and what is derived from it.
LARGEST = 2**31 - 1
Count = Annotated[int, Field(ge=1, le=LARGEST, strict=True)]
CountOrZero = Annotated[int, Field(ge=0, le=LARGEST, strict=True)]
# LiteRT ends with a segmentation fault at 100,000.
Threads = Annotated[int, Field(ge=1, le=1024, strict=True)]
Real = Annotated[float, BeforeValidator(_refuse_boolean), Field(allow_inf_nan=False)]
# float32 holds it, and int64 what is counted by it.
Positive = Annotated[Real, Field(gt=0, le=1e9)]
# Of waiting: the milliseconds are an int32 where the system counts them.
Seconds = Annotated[Real, Field(gt=0, le=LARGEST // 1000)]
Fraction = Annotated[Real, Field(ge=0, le=1)]
Share = Annotated[Real, Field(ge=0, lt=1)]
OpenFraction = Annotated[Real, Field(gt=0, lt=1)]
Texts = Annotated[list[str], BeforeValidator(read_texts), Field(min_length=1)]
ZeroOrOne = Annotated[int, BeforeValidator(check_zero_or_one)]
NoneOrCount = Annotated[Count | None, BeforeValidator(read_none)]
NoneOrPositive = Annotated[Positive | None, BeforeValidator(read_none)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Use = Literal["corpus", "task"]
Split = Literal["train", "validation", "test"]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
