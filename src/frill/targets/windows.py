"""Which windows of which clips become targets: random ones of every clip, and of altered copies of the training clips."""

import mmap
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from frill.audio import frontend
from frill.audio.clips import ClipStore
from frill.errors import UserError
from frill.params.schema import Targets
from frill.targets.augment import augment


@dataclass(frozen=True)
class Chosen:
    """Windows of one clip that are kept: their positions on the clip's 170 ms grid, ascending."""

    store: ClipStore
    index: int
    positions: np.ndarray
    validation: bool
    changed: tuple[list[int], ClipStore, int] | None = (
        None  # an augmented copy: its seed, and the clip that may be mixed in
    )

    def samples(self) -> np.ndarray:
        """int16 [samples]."""
        samples = _read(self.store, self.index)
        if self.changed is None:
            return samples
        seed, other, index = self.changed
        return augment(samples, _read(other, index), np.random.default_rng(seed))


def _read(store: ClipStore, index: int) -> np.ndarray:
    """A copy, int16 [samples]; the mapped pages are given back, or memory would fill with all of the corpus that was read."""
    mapped = store.samples(index)
    samples = np.array(mapped)
    if hasattr(mmap, "MADV_DONTNEED"):
        mapped._mmap.madvise(mmap.MADV_DONTNEED)
    return samples


def choose_windows(folders: list[Path], targets: Targets, seed: int) -> list[Chosen]:
    """At most `windows_per_clip` random windows of every clip; whole clips go to validation."""
    chosen = []
    for number, folder in enumerate(folders):
        store = ClipStore(folder)
        for index, row in enumerate(store.rows):
            rng = np.random.default_rng([seed, number, index])
            positions = _positions(int(row["samples"]), targets, rng)
            chosen.append(
                Chosen(store, index, positions, bool(rng.random() < targets.validation_share))
            )
    return _both_splits(chosen)


def augmented(chosen: list[Chosen], targets: Targets, seed: int) -> list[Chosen]:
    """`augmented_copies` of every training clip, mixed with other training clips."""
    train, copies = [c for c in chosen if not c.validation], []
    for copy in range(targets.augmented_copies):
        for number, clip in enumerate(train):
            rng = np.random.default_rng([seed, copy, number, 1])
            other = train[rng.integers(len(train))]
            positions = _positions(int(clip.store.rows[clip.index]["samples"]), targets, rng)
            copies.append(
                replace(
                    clip,
                    positions=positions,
                    changed=([seed, copy, number, 2], other.store, other.index),
                )
            )
    return copies


def _positions(samples: int, targets: Targets, rng: np.random.Generator) -> np.ndarray:
    count = frontend.window_count(samples)
    return np.sort(rng.choice(count, min(count, targets.windows_per_clip), replace=False))


def _both_splits(chosen: list[Chosen]) -> list[Chosen]:
    """A handful of clips can all fall on one side: then the first one changes sides."""
    if len(chosen) < 2:
        raise UserError(
            f"the corpora hold {len(chosen)} clip; training and validation need two or more: add audio with use: corpus to params.yaml"
        )
    if len({clip.validation for clip in chosen}) == 1:
        chosen[0] = replace(chosen[0], validation=not chosen[0].validation)
    return chosen
