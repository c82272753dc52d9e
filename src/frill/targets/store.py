"""The target store: what students are trained on, and how to read it.

FOLDER/{train,validation}-windows.npy   float16 [N, 96, 64] log-mel
FOLDER/{train,validation}-targets.npy   float16 [N, P], coordinates in the projection's basis
FOLDER/projection.npz                   mean [D], basis [P, D] (orthonormal rows), deviation [P],
                                        residual_variance, variance
FOLDER/summary.json
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Projection:
    """The map of a teacher's values to targets: (values - mean) @ basis.T.

    `deviation` is that of each component in the windows that the basis was fitted on. `variance` is
    that of all values together, `residual_variance` what the basis leaves out of it: in a store
    both are of the validation windows, as a basis leaves out more of windows it was not fitted on.
    `basis` None keeps every value (the identity).
    """

    mean: np.ndarray
    basis: np.ndarray | None
    deviation: np.ndarray
    residual_variance: float
    variance: float

    @property
    def values(self) -> int:
        return len(self.deviation)

    @property
    def kept_variance(self) -> float:
        return 1 - self.residual_variance / self.variance

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Return targets float32 [N, P] of values float [N, D]."""
        centred = values - self.mean
        return centred if self.basis is None else centred @ self.basis.T

    def save(self, path: Path) -> None:
        basis = np.zeros((0, len(self.mean)), np.float32) if self.basis is None else self.basis
        np.savez(
            path,
            mean=self.mean,
            basis=basis,
            deviation=self.deviation,
            residual_variance=self.residual_variance,
            variance=self.variance,
        )

    @classmethod
    def load(cls, path: Path) -> "Projection":
        with np.load(path) as file:
            basis = file["basis"] if len(file["basis"]) else None
            variances = float(file["residual_variance"]), float(file["variance"])
            return cls(file["mean"], basis, file["deviation"], *variances)


def spread(windows: np.ndarray, count: int) -> np.ndarray:
    """Return about `count` of a store's windows, evenly over it: float32 [N, 96, 64]."""
    return windows[:: max(1, len(windows) // count)][:count].astype(np.float32)


def load_split(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return windows float16 [N, 96, 64] and targets float16 [N, P], memory-mapped."""
    windows = np.load(folder / f"{split}-windows.npy", mmap_mode="r")
    targets = np.load(folder / f"{split}-targets.npy", mmap_mode="r")
    return windows, targets
