"""What all loaders of recordings share: audio read on several threads and in order, and what is wrong with it as a Rejected."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np

from frill.audio.clips import Clip, Rejected
from frill.audio.files import AudioError, is_silent

Read = Callable[[], Clip | Rejected]  # decodes one item of a set
AHEAD = 4  # items that each thread may be ahead of the writer


def read_all(reads: Iterator[Read], start: int, threads: int) -> Iterator[Clip | Rejected]:
    """The items from number `start` on, in order; those before are not decoded. libsndfile, FFmpeg and soxr let other threads run."""
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
    name: str, source: str, read: Callable[[], tuple[np.ndarray, str]], **fields: str
) -> Clip | Rejected:
    """A clip of `read()`, which gives samples int16 [samples] and a note or "", or raises AudioError."""
    try:
        samples, note = read()
    except AudioError as error:
        return Rejected(source, str(error), error.kind)
    return Clip(name, samples, source=source, note=note, **fields)


def rejected(item: Rejected) -> Read:
    """An item that is known to be unusable before anything is decoded."""
    return lambda: item


def screened(
    items: Iterable[Clip | Rejected],
    labels: list[str] | None,
    needs_label: bool,
    silent_dbfs: float,
) -> Iterator[Clip | Rejected]:
    """The items, with silent clips and those whose label is none of `labels` turned into rejected ones."""
    for item in items:
        if isinstance(item, Clip):
            if is_silent(item.samples, silent_dbfs):
                item = Rejected(
                    item.source,
                    f"silent (no sample reaches audio.silent_dbfs = {silent_dbfs:g})",
                    "silent",
                )
            elif problem := label_problem(item.label, labels, needs_label):
                item = Rejected(item.source, problem, "unknown_label")
        yield item


def label_problem(label: str, labels: list[str] | None, needs_label: bool) -> str:
    """What is wrong with a clip's label where a set's `labels` are these, or ""."""
    if needs_label and not label:
        return "has no label"
    return "" if labels is None or label in labels else f"its label {label!r} is not among `labels`"


def inside(folder: str, file: str) -> Path:
    """A list of files comes from anywhere: a path in it must not lead out of its folder. Raises AudioError."""
    path = Path(folder, file)
    if not file:
        raise AudioError("has no file name", "missing")
    if "\0" in file or not path.resolve().is_relative_to(Path(folder).resolve()):
        raise AudioError("leads out of the folder", "outside")
    return path
