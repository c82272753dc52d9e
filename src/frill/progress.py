"""Progress bars: live on a terminal, a line every half minute in a log.

A stage that `frill repro` runs tells its progress to that instead, which shows it.
"""

import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
FILE = "FRILL_PROGRESS"  # the environment's name for where a stage writes how far it is


def progress(items: Iterable[T], label: str, total: int, unit: str, initial: int = 0) -> "tqdm[T]":
    """Return a bar over `items` with the time left; `set_postfix` adds values to it."""
    told = FILE in os.environ
    bar = _ToldBar if told else tqdm
    interval_s = 0.5 if told or sys.stderr.isatty() else 30.0
    return bar(
        items,
        label,
        total,
        initial=initial,
        unit=unit,
        mininterval=interval_s,
        miniters=1,
        dynamic_ncols=True,
        file=StringIO() if told else None,
    )


@dataclass(frozen=True)
class Progress:
    """How far a stage is. `left_s` is None before it can be told."""

    done: int
    total: int
    unit: str
    left_s: float | None


def read_progress(file: Path) -> Progress | None:
    """Return what a stage last wrote; None if there is nothing yet, or half of it."""
    with suppress(OSError, ValueError, TypeError):
        return Progress(**json.loads(file.read_text()))
    return None


class _ToldBar(tqdm):
    """A bar that nobody sees: its state goes into a file."""

    def display(self, *_args, **_options) -> None:
        values = self.format_dict
        made = values["n"] - values["initial"]
        left_s = None
        if made and values["total"]:
            left_s = round(values["elapsed"] / made * (values["total"] - values["n"]), 1)
        told = {"done": values["n"], "total": values["total"], "unit": self.unit, "left_s": left_s}
        with suppress(OSError):  # no space left: what the stage makes is told of its own
            Path(os.environ[FILE]).write_text(json.dumps(told))
