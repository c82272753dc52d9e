"""Which windows become targets: random ones of every clip and of altered training clips."""

import mmap
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from frill.audio import frontend
from frill.audio.clips import ClipStore
from frill.audio.recordings import find_recordings
from frill.errors import UserError
from frill.params.schema import Targets
from frill.targets.augment import augment


@dataclass(frozen=True)
class Chosen:
    """Windows of one clip that are kept: their positions on the clip's 170 ms grid, ascending.

    `mix`, of an altered copy, is its seed and the clip that may be mixed in.
    """

    store: ClipStore
    index: int
    positions: np.ndarray
    validation: bool
    mix: "tuple[list[int], Chosen] | None" = None

    def samples(self) -> np.ndarray:
        """Return int16 [samples]."""
        samples = self._read()
        if self.mix is None:
            return samples
        seed, other = self.mix
        return augment(samples, other._read(), np.random.default_rng(seed))

    def _read(self) -> np.ndarray:
        """Return a copy of the clip and give its mapped pages back, or they would fill memory."""
        mapped = self.store.samples(self.index)
        samples = np.array(mapped)
        if hasattr(mmap, "MADV_DONTNEED"):
            mapped._mmap.madvise(mmap.MADV_DONTNEED)
        return samples


def choose_windows(folders: list[Path], targets: Targets, seed: int) -> list[Chosen]:
    """Choose at most `windows_per_clip` random windows of every clip.

    Whole recordings go to validation: what their first clip draws holds for the rest.
    """
    stores = [ClipStore(folder) for folder in folders]
    chosen: list[Chosen] = []
    firsts = find_recordings([store.rows for store in stores])
    for number, store in enumerate(stores):
        for index, row in enumerate(store.rows):
            rng = np.random.default_rng([seed, number, index])
            positions = _positions(int(row["samples"]), targets, rng)
            validation = bool(rng.random() < targets.validation_share)
            first = firsts[len(chosen)]
            if first < len(chosen):
                validation = chosen[first].validation
            chosen.append(Chosen(store, index, positions, validation))
    return _fill_both_splits(chosen, firsts)


def choose_copies(chosen: list[Chosen], targets: Targets, seed: int) -> list[Chosen]:
    """Choose windows of `augmented_copies` of every training clip, mixed with other such clips."""
    train = [clip for clip in chosen if not clip.validation]
    copies = []
    for copy in range(targets.augmented_copies):
        for number, clip in enumerate(train):
            rng = np.random.default_rng([seed, copy, number, 1])
            other = train[rng.integers(len(train))]
            positions = _positions(int(clip.store.rows[clip.index]["samples"]), targets, rng)
            mix = ([seed, copy, number, 2], other)
            copies.append(replace(clip, positions=positions, mix=mix))
    return copies


def _positions(samples: int, targets: Targets, rng: np.random.Generator) -> np.ndarray:
    count = frontend.count_windows(samples)
    return np.sort(rng.choice(count, min(count, targets.windows_per_clip), replace=False))


def _fill_both_splits(chosen: list[Chosen], firsts: np.ndarray) -> list[Chosen]:
    """Return the clips with both splits filled.

    The recording of the fewest clips changes sides if all are on one.
    """
    names, clips = np.unique(firsts, return_counts=True)
    recordings = len(names)
    if recordings < 2:
        raise UserError(
            f"the corpora hold {recordings} recording; training and validation need two or more: "
            "add audio with use: corpus to params.yaml"
        )
    if len({clip.validation for clip in chosen}) == 1:
        for index in np.flatnonzero(firsts == names[clips.argmin()]):
            chosen[index] = replace(chosen[index], validation=not chosen[index].validation)
    return chosen
