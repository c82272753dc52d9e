"""The same audio in a corpus and among the clips that judge students: they were trained on it."""

from collections.abc import Iterator

import numpy as np

from frill.audio.clips import ClipStore
from frill.audio.leakage import read_hashes
from frill.errors import UserError
from frill.noss.splits import SplitError, make_splits
from frill.params.schema import Noss

SHOWN = 10  # of a task's clips, on the terminal


def find_shared_clips(
    corpora: list[ClipStore], tasks: list[ClipStore], settings: Noss, seed: int
) -> tuple[list[dict], dict[str, int]]:
    """Return the clips of tasks that judge and whose samples a corpus has too.

    With them come the numbers of clips that judge, by task: those of validation and test, of every
    fold. Validation clips are those that scoring holds out. Raises UserError for a task that cannot
    be split. Memory holds 8 bytes a clip of the corpora.
    """
    hashes = {store.folder.name: read_hashes(store.rows) for store in corpora}
    shared, judging = [], {}
    for store in tasks:
        task = store.folder.name
        try:
            splits = make_splits(store.rows, settings.validation_share, seed)
        except SplitError as error:
            raise UserError(f"task {task} {error}") from None
        parts = [part for split in splits for part in (split.validation, split.test)]
        clips = np.unique(np.concatenate(parts))
        judging[task] = len(clips)
        own = read_hashes(store.rows)[clips]
        for corpus in corpora:
            common = np.isin(own, hashes[corpus.folder.name])
            if common.any():
                shared += _describe(store, clips[common], corpus, hashes[corpus.folder.name])
    return shared, judging


def enforce_limit(shared: list[dict], judging: dict[str, int], limit: float) -> list[str]:
    """Return a line for each shared clip. Raises UserError where a task's share is over `limit`."""
    lines = [
        f"{clip['task']}: {clip['source']} holds the same audio as {clip['corpus_source']} "
        f"of the corpus {clip['corpus']}"
        for clip in shared
    ]
    for task, count in judging.items():
        own = [line for clip, line in zip(shared, lines, strict=True) if clip["task"] == task]
        clips = len({clip["clip"] for clip in shared if clip["task"] == task})
        if clips > limit * count:
            problem = (
                f"{task}: {clips} of its {count} validation and test clips are in a corpus that "
                f"students are trained on, over audio.leakage_limit = {limit:g}; take them out of "
                "the corpus (in a folder set, by `where`), or raise the limit"
            )
            raise UserError("\n".join([*own[:SHOWN], problem]))
    return lines


def _describe(
    task: ClipStore, clips: np.ndarray, corpus: ClipStore, hashes: np.ndarray
) -> Iterator[dict]:
    rows = [task.rows[int(clip)] for clip in clips]
    begins = read_hashes(rows)
    sources = {}
    for index in np.flatnonzero(np.isin(hashes, begins)):
        other = corpus.rows[int(index)]
        sources.setdefault(other["sha256"], other["source"])
    for row in rows:
        if row["sha256"] in sources:
            place = {"task": task.folder.name, "clip": row["clip"], "source": row["source"]}
            same = sources[row["sha256"]]
            yield place | {"corpus": corpus.folder.name, "corpus_source": same}
