"""Runs the teacher over the corpora and stores its outputs, projected: what students learn to reproduce. target_store.py has the format.

MSE of a linear head against all D values equals MSE in an orthonormal basis of the targets plus what the basis leaves out, which no head can
reduce: the projection trains the same student with a head and a store D / P times smaller. `projection: none` keeps all D.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.utils.extmath import randomized_svd

from frill import frontend
from frill.augment import augment
from frill.clips import ClipStore
from frill.errors import UserError
from frill.params import Targets
from frill.progress import progress
from frill.target_store import Projection

SAMPLE_WINDOWS = 4000  # the projection is fitted on so many: eight for every component of the default


def fit_projection(values: np.ndarray, components: int | None, seed: int) -> Projection:
    """Principal components of `values` float32 [N, D], by randomised SVD. None, or as many as D: all values are kept as they are."""
    mean = values.mean(axis=0)
    centred = values - mean
    total = float(np.square(centred, dtype=np.float64).sum() / len(values))
    if components is None or components >= values.shape[1]:
        return Projection(mean, None, centred.std(axis=0), 0.0)
    _, singular, basis = randomized_svd(centred, min(components, len(values)), n_iter=3, random_state=seed)
    variance = np.square(singular, dtype=np.float64) / len(values)
    return Projection(mean, basis.astype(np.float32), np.sqrt(variance).astype(np.float32), max(0.0, total - float(variance.sum())))


@dataclass(frozen=True)
class Chosen:
    """Windows of one clip that are kept: their positions on the clip's 170 ms grid, ascending."""

    store: ClipStore
    index: int
    positions: np.ndarray
    validation: bool
    changed: tuple[list[int], ClipStore, int] | None = None  # an augmented copy: its seed, and the clip that may be mixed in

    def samples(self) -> np.ndarray:
        """int16 [samples]."""
        samples = self.store.samples(self.index)
        if self.changed is None:
            return samples
        seed, other, index = self.changed
        return augment(samples, other.samples(index), np.random.default_rng(seed))


def choose_windows(folders: list[Path], targets: Targets, seed: int) -> list[Chosen]:
    """At most `windows_per_clip` random windows of every clip; whole clips go to validation."""
    chosen = []
    for number, folder in enumerate(folders):
        store = ClipStore(folder)
        for index, row in enumerate(store.rows):
            rng = np.random.default_rng([seed, number, index])
            positions = _positions(int(row["samples"]), targets, rng)
            chosen.append(Chosen(store, index, positions, bool(rng.random() < targets.validation_share)))
    return _both_splits(chosen)


def augmented(chosen: list[Chosen], targets: Targets, seed: int) -> list[Chosen]:
    """`augmented_copies` of every training clip, mixed with other training clips."""
    train, copies = [c for c in chosen if not c.validation], []
    for copy in range(targets.augmented_copies):
        for number, clip in enumerate(train):
            rng = np.random.default_rng([seed, copy, number, 1])
            other = train[rng.integers(len(train))]
            positions = _positions(int(clip.store.rows[clip.index]["samples"]), targets, rng)
            copies.append(replace(clip, positions=positions, changed=([seed, copy, number, 2], other.store, other.index)))
    return copies


def _positions(samples: int, targets: Targets, rng: np.random.Generator) -> np.ndarray:
    count = frontend.window_count(samples)
    return np.sort(rng.choice(count, min(count, targets.windows_per_clip), replace=False))


def _both_splits(chosen: list[Chosen]) -> list[Chosen]:
    """A handful of clips can all fall on one side: then the first one changes sides."""
    if len(chosen) < 2:
        raise UserError(f"the corpora hold {len(chosen)} clip; training and validation need two or more: add audio with use: corpus to params.yaml")
    if len({clip.validation for clip in chosen}) == 1:
        chosen[0] = replace(chosen[0], validation=not chosen[0].validation)
    return chosen


def make_targets(folders: list[Path], teacher, targets: Targets, seed: int, out: Path) -> dict:
    """Runs the teacher (anything with `embed(clips)` and `values`) over the corpora and writes the store. Returns its summary."""
    clips = choose_windows(folders, targets, seed)
    chosen = clips + augmented(clips, targets, seed)
    sample = _sample(chosen, np.random.default_rng([seed, 1]))
    values = np.concatenate([v for _, v in _teacher_values(sample, teacher, "projection")])
    projection = fit_projection(values, targets.projection, seed)
    del values
    out.mkdir(parents=True, exist_ok=True)
    counts = {}
    for split in ("train", "validation"):
        parts = [c for c in chosen if c.validation == (split == "validation")]
        counts[split] = sum(len(c.positions) for c in parts)
        windows_file = _open(out / f"{split}-windows.npy", (counts[split], frontend.WINDOW_FRAMES, frontend.MEL_BANDS))
        targets_file = _open(out / f"{split}-targets.npy", (counts[split], projection.values))
        start = 0
        for clip, values in _teacher_values(parts, teacher, f"targets ({split})"):
            end = start + len(values)
            windows_file[start:end] = frontend.windows(clip.samples())[clip.positions]
            targets_file[start:end] = projection.apply(values)
            start = end
        windows_file.flush()
        targets_file.flush()
    projection.save(out / "projection.npz")
    summary = {
        "schema": 1,
        "clips": len(clips),
        "augmented_copies": targets.augmented_copies,
        "windows": counts,
        "teacher_values": len(projection.mean),
        "target_values": projection.values,
        "kept_variance": round(projection.kept_variance, 6),
    }
    (out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    return summary


def _sample(chosen: list[Chosen], rng: np.random.Generator) -> list[Chosen]:
    """Random training clips that together have SAMPLE_WINDOWS windows, or all of them."""
    train, sample, windows = [c for c in chosen if not c.validation], [], 0
    for index in rng.permutation(len(train)):
        if windows >= SAMPLE_WINDOWS:
            break
        sample.append(train[index])
        windows += len(train[index].positions)
    return sample


def _teacher_values(clips: list[Chosen], teacher, label: str) -> Iterator[tuple[Chosen, np.ndarray]]:
    outputs = teacher.embed(c.samples() for c in clips)
    for clip, values in progress(zip(clips, outputs, strict=True), label, len(clips), "clip"):
        chosen = values[clip.positions]
        if not np.isfinite(chosen).all():
            name = clip.store.rows[clip.index]["clip"]
            raise UserError(
                f"teacher.source: the teacher's values for clip {name} of {clip.store.folder.name} are not finite; take the clip out, or another output or teacher"
            )
        yield clip, chosen


def _open(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    return np.lib.format.open_memmap(path, "w+", np.float16, shape)
