"""The teacher's outputs for the corpora, projected: what students learn to reproduce.

store.py has the format. MSE of a linear head against all D values equals MSE in an orthonormal
basis of the targets plus what the basis leaves out, which no head can reduce. So the projection
trains the same student with a head and a store D / P times smaller. `projection: none` keeps all D.
"""

import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
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
from frill.targets.windows import Chosen, choose_copies, choose_windows
from frill.teacher.batching import crop, split_spans

SAMPLE_WINDOWS = 4000  # to fit the projection on: eight for every component of the default
PROJECTED_WINDOWS = 384  # at once: the basis of 25 MB is read once for 16 clips of the default


def fit_projection(values: np.ndarray, components: int | None, seed: int) -> Projection:
    """Return the projection on principal components of `values` float32 [N, D], by randomised SVD.

    `components` None, or as many as D, keeps all values as they are. `values` is centred in place:
    a second copy would be the largest thing in memory.
    """
    mean = values.mean(axis=0)
    centred = np.subtract(values, mean, out=values)
    total = float(np.square(centred, dtype=np.float64).sum() / len(values))
    if components is None or components >= values.shape[1]:
        return Projection(mean, None, centred.std(axis=0), 0.0, total)
    rank = min(components, len(values))
    _, singular, basis = randomized_svd(centred, rank, n_iter=3, random_state=seed)
    variance = np.square(singular, dtype=np.float64) / len(values)
    deviation = np.sqrt(variance).astype(np.float32)
    residual = max(0.0, total - float(variance.sum()))
    return Projection(mean, basis.astype(np.float32), deviation, residual, total)


def make_targets(folders: list[Path], teacher, targets: Targets, seed: int, out: Path) -> dict:
    """Run the teacher over the corpora, write the store and return its summary.

    The teacher is anything with `embed(clips, positions)` and `values`.
    """
    clips = choose_windows(folders, targets, seed)
    chosen = clips + choose_copies(clips, targets, seed)
    sample = _sample(chosen, np.random.default_rng([seed, 1]))
    projection = fit_projection(_sample_values(sample, teacher), targets.projection, seed)
    out.mkdir(parents=True, exist_ok=True)
    counts = {}
    for split in ("train", "validation"):
        in_split = [clip for clip in chosen if clip.validation == (split == "validation")]
        counts[split] = sum(len(clip.positions) for clip in in_split)
        spread = _Spread(projection) if split == "validation" else None
        _write_split(out, split, in_split, counts[split], teacher, projection, spread)
    if not spread.variance > 0:
        raise UserError(
            f"targets: the {counts['validation']} validation windows are all alike to the teacher, "
            "so that no R2 can be measured on them; add audio with use: corpus, or raise "
            "targets.validation_share"
        )
    projection = replace(projection, residual_variance=spread.residual, variance=spread.variance)
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
    """Return random training clips that together have SAMPLE_WINDOWS windows, or all of them."""
    train = [clip for clip in chosen if not clip.validation]
    sample = []
    windows = 0
    for index in rng.permutation(len(train)):
        if windows >= SAMPLE_WINDOWS:
            break
        sample.append(train[index])
        windows += len(train[index].positions)
    return sample


def _sample_values(sample: list[Chosen], teacher) -> np.ndarray:
    """Return the teacher's values of all windows of a sample, float32 [N, D]."""
    windows = sum(len(clip.positions) for clip in sample)
    values = np.empty((windows, teacher.values), np.float32)
    start = 0
    for _, _, rows in _teacher_values(sample, teacher, "projection"):
        values[start : start + len(rows)] = rows
        start += len(rows)
    return values


def _write_split(
    out: Path,
    split: str,
    clips: list[Chosen],
    count: int,
    teacher,
    projection: Projection,
    spread: "_Spread | None" = None,
) -> None:
    """Write a split's files in order, and add its values to `spread`.

    They are not mapped into memory: it holds what the teacher is ahead, however many clips there
    are. BLAS gets one thread: the teacher runs meanwhile, and threads that wait for work by
    spinning take its cores.
    """
    windows_shape = (count, frontend.WINDOW_FRAMES, frontend.MEL_BANDS)
    targets_shape = (count, projection.values)
    with (
        _array_file(out / f"{split}-windows.npy", windows_shape) as windows_file,
        _array_file(out / f"{split}-targets.npy", targets_shape) as targets_file,
        threadpool_limits(1, "blas"),
    ):
        pending: list[np.ndarray] = []
        rows = _teacher_values(clips, teacher, f"targets ({split})")
        for number, (clip, samples, values) in enumerate(rows, 1):
            windows_file.write(_windows(samples, clip.positions))
            pending.append(values)
            if number == len(clips) or sum(map(len, pending)) >= PROJECTED_WINDOWS:
                values = np.concatenate(pending)
                coordinates = projection.apply(values)
                if spread:
                    spread.add(values, coordinates)
                targets_file.write(_store(coordinates))
                pending = []


class _Spread:
    """How far values of windows, added batch by batch, are from their mean and from the basis."""

    def __init__(self, projection: Projection):
        self._projection = projection
        self._windows = 0
        self._sum = np.zeros(len(projection.mean))
        self._squares = 0.0
        self._kept = 0.0

    def add(self, values: np.ndarray, coordinates: np.ndarray) -> None:
        """Add windows' values float32 [N, D] and their projection float32 [N, P]."""
        centred = values - self._projection.mean
        self._windows += len(centred)
        self._sum += centred.sum(axis=0, dtype=np.float64)
        self._squares += float(np.square(centred, dtype=np.float64).sum())
        self._kept += float(np.square(coordinates, dtype=np.float64).sum())

    @property
    def residual(self) -> float:
        """Return the mean squared distance from the basis, a window."""
        if self._projection.basis is None:
            return 0.0
        return max(0.0, self._squares - self._kept) / self._windows

    @property
    def variance(self) -> float:
        """Return the mean squared distance from the windows' own mean, a window."""
        mean = self._sum / self._windows
        return self._squares / self._windows - float(mean @ mean)


def _store(coordinates: np.ndarray) -> np.ndarray:
    """Return them as float16. Raises UserError where they are beyond it."""
    with np.errstate(over="ignore"):
        stored = coordinates.astype(np.float16)
    if not np.isfinite(stored).all():
        largest = float(np.abs(coordinates).max())
        raise UserError(
            f"teacher.output: its projection reaches {largest:.3g}, and targets are stored as "
            f"float16, up to {np.finfo(np.float16).max:.0f}; choose another output, or scale it "
            "in the SavedModel"
        )
    return stored


def _windows(samples: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return frill.audio.frontend.windows at `positions` alone, float16 [windows, 96, 64]."""
    windows = []
    for span in split_spans(positions):
        frames = frontend.log_mel(frontend.pad(crop(samples, span)))
        windows.append(frontend.cut_windows(frames.astype(np.float16))[span - span[0]])
    return np.concatenate(windows)


def _teacher_values(
    clips: list[Chosen], teacher, label: str
) -> Iterator[tuple[Chosen, np.ndarray, np.ndarray]]:
    """Yield each clip, its samples int16 [samples], and the teacher's values at its positions.

    Values are float32 [windows, D].
    """
    # The teacher reads ahead; a clip is read, and augmented, once.
    ahead: deque[np.ndarray] = deque()

    def read_clips() -> Iterator[np.ndarray]:
        for clip in clips:
            ahead.append(clip.samples())
            yield ahead[-1]

    outputs = teacher.embed(read_clips(), [clip.positions for clip in clips])
    for clip, values in progress(zip(clips, outputs, strict=True), label, len(clips), "clip"):
        if not np.isfinite(values).all():
            name = clip.store.rows[clip.index]["clip"]
            raise UserError(
                f"teacher.source: the teacher's values for clip {name} of {clip.store.folder.name} "
                "are not finite; take the clip out, or another output or teacher"
            )
        yield clip, ahead.popleft(), values


@contextmanager
def _array_file(path: Path, shape: tuple[int, ...]) -> Iterator[BinaryIO]:
    """Open a .npy file of float16 `shape`, whose rows are to be written in order."""
    with open(path, "wb") as file:
        header = {
            "descr": np.lib.format.dtype_to_descr(np.dtype(np.float16)),
            "fortran_order": False,
            "shape": shape,
        }
        np.lib.format.write_array_header_1_0(file, header)
        yield file
