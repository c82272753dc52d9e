"""What all loaders of recordings share: threads that read in order, and rejection of bad audio."""

import csv
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TextIO, get_args
from unicodedata import normalize

import numpy as np

from frill.audio.clips import Clip, Rejected
from frill.audio.files import AudioError, printable
from frill.audio.waveform import is_silent
from frill.errors import UserError
from frill.params.values import Split

Decoded = tuple[np.ndarray, str]  # int16 [samples], and what was odd about the file or ""
Read = Callable[[], Clip | Rejected]  # decodes one item of a set
SPLITS = get_args(Split)
UNMAPPED = " (not in splits)"
AHEAD = 4  # items that each thread may be ahead of the writer


def read_all(reads: Iterator[Read], start: int = 0, threads: int = 1) -> Iterator[Clip | Rejected]:
    """Yield the items from number `start` on, in order; those before are not decoded.

    Threads help, as libsndfile, FFmpeg and soxr let other threads run.
    """
    reads = islice(reads, start, None)
    if threads == 1:
        yield from (read() for read in reads)
        return
    with ThreadPoolExecutor(threads) as pool:
        ahead = deque()
        for read in reads:
            ahead.append(pool.submit(read))
            if len(ahead) > AHEAD * threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def read_clip(
    name: str, source: str, read: Callable[[], Decoded], **fields: str
) -> Clip | Rejected:
    """Return the clip of `read()`, rejected where `read` raises AudioError."""
    try:
        samples, note = read()
    except AudioError as error:
        return Rejected(source, str(error), error.kind)
    return Clip(name, samples, source=source, note=note, **fields)


def screen(
    items: Iterable[Clip | Rejected],
    labels: list[str] | None,
    needs_label: bool,
    silent_dbfs: float,
) -> Iterator[Clip | Rejected]:
    """Yield the items; silent clips and those without one of `labels` are rejected."""
    for item in items:
        if not isinstance(item, Clip):
            yield item
        elif is_silent(item.samples, silent_dbfs):
            reason = f"silent (no sample reaches audio.silent_dbfs = {silent_dbfs:g})"
            yield Rejected(item.source, reason, "silent")
        elif problem := find_label_problem(item.label, labels, needs_label):
            yield Rejected(item.source, problem, "unknown_label")
        else:
            yield item


def find_label_problem(label: str, labels: list[str] | None, needs_label: bool) -> str:
    """Return what is wrong with a clip's label where a set's `labels` are these, or ""."""
    if needs_label and not label:
        return "has no label"
    if labels is None or label in labels:
        return ""
    return f"its label {label!r} is not among `labels`"


def map_split(value: str, splits: dict[str, list[str]]) -> str:
    """Return the split that a data set's own word stands for, as `splits` of params.yaml say.

    A word of which they say nothing stays, so that it can be named; it is none of frill's splits.
    """
    if not splits:
        return value
    for split, values in splits.items():
        if value in values:
            return split
    return f"{value}{UNMAPPED}" if value in SPLITS else value


def find_unused(counts: Mapping[str, int]) -> str:
    """Return a sentence on clips that stand in no split, by the clips of each, or ""."""
    unused = Counter({name: count for name, count in counts.items() if name not in SPLITS})
    total = sum(counts.values())
    if not unused or unused.total() == total:
        return ""
    found = ", ".join(f"{value!r}: {count}" for value, count in unused.most_common(5))
    word = next((value.removesuffix(UNMAPPED) for value in unused if value), "WORD")
    return (
        f"{unused.total()} of {total} clips stand in no split and are used nowhere ({found}); "
        f"where they belong to one, write splits: {{validation: [{word}]}} or the like"
    )


def require_folder(key: str, folder: str) -> None:
    """Raise UserError where a set's folder is not there; `key` is the set's in params.yaml."""
    if not Path(folder).is_dir():
        raise UserError(f"params.yaml: {key}.folder = {folder!r}: no such folder; correct the path")


def refuse_odd_names(key: str, folder: str) -> None:
    """Raise UserError for a name that is no UTF-8: DVC stops at it without naming it."""
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            if printable(name) != name:
                raise UserError(
                    f"params.yaml: {key}.folder: {printable(Path(root, name))} has a name that is "
                    "no UTF-8, which DVC cannot keep; rename it (convmv -f latin1 -t utf8)"
                )


@contextmanager
def open_csv(path: str, key: str, remedy: str) -> Iterator[TextIO]:
    """Open the CSV that `key` of params.yaml names.

    Raises UserError, also for what the body raises because it is none.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            yield file
    except OSError as error:
        reason = error.strerror.lower()
        raise UserError(f"params.yaml: {key} = {path!r}: {reason}; correct the path") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a CSV in UTF-8 ({error}); {remedy}") from None


def join_inside(folder: str, file: str) -> Path:
    """Return the path of a file within a folder. Raises AudioError where it leads out.

    A list of files may come from anywhere.
    """
    path = Path(folder, file)
    if not file:
        raise AudioError("has no file name", "missing")
    if "\0" in file or not path.resolve().is_relative_to(Path(folder).resolve()):
        raise AudioError("leads out of the folder", "outside")
    if file.isascii():
        return path
    # An e with an accent is one character or two; macOS writes two, most lists hold one.
    others = (Path(folder, normalize(form, file)) for form in ("NFC", "NFD"))
    return next(filter(os.path.exists, [path, *others]), path)
