"""Linear probes: what a linear classifier can read out of an embedding, at every regularisation strength from one decomposition.

Conventions: `x` float [clips, D], `y` int class per clip; features are standardised by the training clips' mean and deviation. All strengths are
solved in the row space of the training clips (at most as many dimensions as clips), so a teacher of 12,288 values needs no 1.2 GB covariance.
Both probes equal scikit-learn's on the same standardised features: RidgeClassifier(alpha) and LinearDiscriminantAnalysis("lsqr", shrinkage).
"""

from collections.abc import Iterator

import numpy as np

RIDGE_STRENGTHS = tuple(10.0 ** np.arange(-4.0, 3.5, 0.5))  # x the mean squared length of a training clip
LDA_SHRINKAGES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.97, 0.99)


class RowSpace:
    """Training clips in an orthonormal basis of their own span: `train` = u * s [n, r]; `project` brings other clips there."""

    def __init__(self, x: np.ndarray):
        x = _finite(x)
        deviation = x.std(axis=0)
        self._mean, self._deviation = x.mean(axis=0), np.where(deviation > 0, deviation, 1.0)
        z = self._standardise(x)
        if len(z) < z.shape[1]:
            eigenvalues, u = np.linalg.eigh(z @ z.T)
        else:
            eigenvalues, v = np.linalg.eigh(z.T @ z)
        keep = eigenvalues > eigenvalues[-1] * 1e-10
        self.s = np.sqrt(eigenvalues[keep])
        self._basis = z.T @ (u[:, keep] / self.s) if len(z) < z.shape[1] else v[:, keep]
        self.train = z @ self._basis
        self.dimensions = x.shape[1]

    def project(self, x: np.ndarray) -> np.ndarray:
        return self._standardise(_finite(x)) @ self._basis

    def _standardise(self, x):
        return (x - self._mean) / self._deviation


def _finite(x: np.ndarray) -> np.ndarray:
    """A diverged student's embeddings need not be finite, and still are a row of the table: at chance."""
    return np.nan_to_num(np.asarray(x, np.float64), posinf=0.0, neginf=0.0)


def ridge(space: RowSpace, y: np.ndarray, classes: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Least squares on one-against-the-rest targets of -1 and 1. Yields (setting, weights [r, classes], bias [classes])."""
    targets = np.where(y[:, None] == np.arange(classes), 1.0, -1.0)
    bias = targets.mean(axis=0)
    right = space.train.T @ (targets - bias)
    for strength in RIDGE_STRENGTHS:
        alpha = strength * np.square(space.s).sum() / len(y)
        yield f"ridge {strength:.1e}", right / (np.square(space.s) + alpha)[:, None], bias


def lda(space: RowSpace, y: np.ndarray, classes: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Linear discriminants, the within-class covariance shrunk towards a multiple of the identity. Yields as `ridge` does.

    Outside the row space class means are equal and the shrunk covariance is isotropic, so nothing there takes part in a decision.
    """
    counts = np.bincount(y, minlength=classes)
    means = np.stack([space.train[y == c].mean(axis=0) if n else np.zeros(space.train.shape[1]) for c, n in enumerate(counts)])
    within = space.train - means[y]
    variances, axes = np.linalg.eigh(within.T @ within / len(y))
    isotropic = variances.sum() / space.dimensions
    means_rotated = means @ axes
    with np.errstate(divide="ignore"):
        log_priors = np.log(counts / len(y))  # a class without training clips is never chosen
    for shrinkage in LDA_SHRINKAGES:
        scaled = means_rotated / ((1 - shrinkage) * np.maximum(variances, 0) + shrinkage * isotropic)
        yield f"lda {shrinkage:g}", axes @ scaled.T, log_priors - 0.5 * np.sum(scaled * means_rotated, axis=1)


PROBES = {"ridge": ridge, "lda": lda}
