"""Runs the teacher over the corpora and stores its outputs, projected: what students learn to reproduce. store.py has the format.

MSE of a linear head against all D values equals MSE in an orthonormal basis of the targets plus what the basis leaves out, which no head can
reduce: the projection trains the same student with a head and a store D / P times smaller. `projection: none` keeps all D.
"""

import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_limits

from frill.audio import frontend
from frill.errors import UserError
from frill.params.schema import Targets
from frill.progress import progress
from frill.targets.store import Projection
from frill.targets.windows import Chosen, augmented, choose_windows
from frill.teacher.batching import crop, spans

SAMPLE_WINDOWS = (
    4000  # the projection is fitted on so many: eight for every component of the default
)
PROJECTED_WINDOWS = 96  # at once: the basis of 25 MB is read once for four clips of the default


def fit_projection(values: np.ndarray, components: int | None, seed: int) -> Projection:
    """Principal components of `values` float32 [N, D], by randomised SVD. None, or as many as D: all values are kept as they are.

    `values` is centred in place: a second copy would be the largest thing in memory.
    """
    mean = values.mean(axis=0)
    centred = np.subtract(values, mean, out=values)
    total = float(np.square(centred, dtype=np.float64).sum() / len(values))
    if components is None or components >= values.shape[1]:
        return Projection(mean, None, centred.std(axis=0), 0.0)
    _, singular, basis = randomized_svd(
        centred, min(components, len(values)), n_iter=3, random_state=seed
    )
    variance = np.square(singular, dtype=np.float64) / len(values)
    return Projection(
        mean,
        basis.astype(np.float32),
        np.sqrt(variance).astype(np.float32),
        max(0.0, total - float(variance.sum())),
    )


def make_targets(folders: list[Path], teacher, targets: Targets, seed: int, out: Path) -> dict:
    """Runs the teacher (anything with `embed(clips, positions)` and `values`) over the corpora and writes the store. Returns its summary."""
    clips = choose_windows(folders, targets, seed)
    chosen = clips + augmented(clips, targets, seed)
    sample = _sample(chosen, np.random.default_rng([seed, 1]))
    projection = fit_projection(_sample_values(sample, teacher), targets.projection, seed)
    out.mkdir(parents=True, exist_ok=True)
    counts = {}
    for split in ("train", "validation"):
        parts = [c for c in chosen if c.validation == (split == "validation")]
        counts[split] = sum(len(c.positions) for c in parts)
        _write_split(out, split, parts, counts[split], teacher, projection)
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


def _sample_values(sample: list[Chosen], teacher) -> np.ndarray:
    """The teacher's values of all chosen windows, float32 [N, D]."""
    values = np.empty((sum(len(c.positions) for c in sample), teacher.values), np.float32)
    start = 0
    for _, _, rows in _teacher_values(sample, teacher, "projection"):
        values[start : start + len(rows)] = rows
        start += len(rows)
    return values


def _write_split(
    out: Path, split: str, parts: list[Chosen], count: int, teacher, projection: Projection
) -> None:
    """Files are written in order, not mapped into memory: what is held is what the teacher is ahead, however many clips there are.

    BLAS gets one thread: the teacher runs meanwhile, and threads that wait for work by spinning take its cores.
    """
    with (
        _array_file(
            out / f"{split}-windows.npy", (count, frontend.WINDOW_FRAMES, frontend.MEL_BANDS)
        ) as windows_file,
        _array_file(out / f"{split}-targets.npy", (count, projection.values)) as targets_file,
        threadpool_limits(1, "blas"),
    ):
        pending: list[np.ndarray] = []
        for clip, samples, values in _teacher_values(parts, teacher, f"targets ({split})"):
            windows_file.write(_windows(samples, clip.positions))
            pending.append(values)
            if sum(map(len, pending)) >= PROJECTED_WINDOWS:
                targets_file.write(projection.apply(np.concatenate(pending)).astype(np.float16))
                pending = []
        if pending:
            targets_file.write(projection.apply(np.concatenate(pending)).astype(np.float16))


def _windows(samples: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """float16 [windows, 96, 64]: frill.audio.frontend.windows at `positions`, without the others."""
    windows = []
    for span in spans(positions):
        frames = frontend.log_mel(frontend.padded(crop(samples, span)))
        windows.append(frontend.cut_windows(frames.astype(np.float16))[span - span[0]])
    return np.concatenate(windows)


def _teacher_values(
    clips: list[Chosen], teacher, label: str
) -> Iterator[tuple[Chosen, np.ndarray, np.ndarray]]:
    """Each clip, its samples int16 [samples], and the teacher's values at its positions, float32 [windows, D]."""
    read: deque[np.ndarray] = (
        deque()
    )  # the teacher reads ahead; a clip is read, and augmented, once

    def reading() -> Iterator[np.ndarray]:
        for clip in clips:
            read.append(clip.samples())
            yield read[-1]

    outputs = teacher.embed(reading(), [clip.positions for clip in clips])
    for clip, values in progress(zip(clips, outputs, strict=True), label, len(clips), "clip"):
        if not np.isfinite(values).all():
            name = clip.store.rows[clip.index]["clip"]
            raise UserError(
                f"teacher.source: the teacher's values for clip {name} of {clip.store.folder.name} are not finite; take the clip out, or another output or teacher"
            )
        yield clip, read.popleft(), values


@contextmanager
def _array_file(path: Path, shape: tuple[int, ...]) -> Iterator[BinaryIO]:
    """A .npy file of float16 `shape`, whose rows are to be written in order."""
    with open(path, "wb") as file:
        header = {
            "descr": np.lib.format.dtype_to_descr(np.dtype(np.float16)),
            "fortran_order": False,
            "shape": shape,
        }
        np.lib.format.write_array_header_1_0(file, header)
        yield file
