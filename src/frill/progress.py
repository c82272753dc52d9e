"""Progress bars: live on a terminal, a line every half minute in a log."""

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(items: Iterable[T], label: str, total: int, unit: str, initial: int = 0) -> "tqdm[T]":
    """Return a bar over `items` with the time left; `set_postfix` adds values to it."""
    interval_s = 0.5 if sys.stderr.isatty() else 30.0
    return tqdm(
        items,
        label,
        total,
        initial=initial,
        unit=unit,
        mininterval=interval_s,
        miniters=1,
        dynamic_ncols=True,
    )
