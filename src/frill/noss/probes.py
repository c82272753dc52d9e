"""Linear probes: what a linear classifier can read out of an embedding.

Conventions: `x` float [clips, D], `y` int class per clip. Features are standardised by the training
clips' mean and deviation. Both probes equal scikit-learn's on the same standardised features:
RidgeClassifier(alpha) and LinearDiscriminantAnalysis("lsqr", shrinkage).

One decomposition of the training clips' second moments solves all regularisation strengths, in the
row space of these clips. With n > D clips it is of the D x D covariance, summed over blocks of
clips; with fewer of the n x n Gram matrix, summed over blocks of values. So 12,288 values need no
1.2 GB covariance, and of many clips only those held out are copied, once, into that space.
"""

from collections.abc import Iterator

import numpy as np

# Times the mean squared length of a training clip.
RIDGE_STRENGTHS = tuple(10.0 ** np.arange(-4.0, 3.5, 0.5))
LDA_SHRINKAGES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.97, 0.99)
BLOCK = 4096  # clips, or values, of a block
ALL = slice(None)


class RowSpace:
    """Training clips in an orthonormal basis of their span where their second moments are diagonal.

    `variance` [r] is the clips' squared length along each axis, summed; `class_sums` [classes, r]
    the sum of each class's clips; `counts` [classes].
    """

    def __init__(self, x: np.ndarray, rows: np.ndarray, y: np.ndarray, classes: int):
        """Take the clips `rows` int [n] of `x` float [clips, D], and their classes `y` int [n]."""
        self.counts = np.bincount(y, minlength=classes)
        self.dimensions = x.shape[1]
        self._mean, self._deviation = _compute_moments(x, rows)
        self._train = x[rows] if len(rows) < self.dimensions else None
        if self._train is not None:
            self._decompose(self._gram(self._train))
            self.class_sums = _onehot(y, classes) @ (self._axes * self.variance**0.5)
        else:
            sums = np.zeros((classes, self.dimensions))
            squares = np.zeros((self.dimensions, self.dimensions))
            for block in _blocks(len(rows)):
                z = self._standardise(x[rows[block]], ALL)
                squares += z.T @ z
                sums += _onehot(y[block], classes) @ z
            self._decompose(squares)
            self.class_sums = sums @ self._axes

    def project(self, x: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the clips `rows` int [n] of `x` [clips, D] in this basis, [n, r]."""
        result = np.empty((len(rows), len(self.variance)))
        axes = self._axes if self._train is None else self._axes / self.variance**0.5
        for block in _blocks(len(rows)):
            clips = x[rows[block]]
            if self._train is None:
                result[block] = self._standardise(clips, ALL) @ axes
            else:
                result[block] = self._gram(clips) @ axes
        return result

    def undo(self, weights: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return a probe's weights [r, classes] and bias [classes] for clips as they are.

        They are float64 [D, classes] and [classes]: x @ weights + bias are the scores.
        """
        if self._train is None:
            standardised = self._axes @ weights
        else:
            axes = self._axes / self.variance**0.5
            standardised = self._standardise(self._train, ALL).T @ (axes @ weights)
        scaled = standardised / self._deviation[:, None]
        return scaled, bias - self._mean @ scaled

    def _decompose(self, second_moments: np.ndarray) -> None:
        eigenvalues, axes = np.linalg.eigh(second_moments)
        keep = eigenvalues > max(eigenvalues[-1], 0.0) * 1e-10
        self.variance = eigenvalues[keep]
        self._axes = axes[:, keep]

    def _gram(self, x: np.ndarray) -> np.ndarray:
        """Multiply clips [n, D] by the training clips, both standardised: [n, training clips]."""
        gram = np.zeros((len(x), len(self._train)))
        for columns in _blocks(self.dimensions):
            train = self._standardise(self._train, columns)
            clips = train if x is self._train else self._standardise(x, columns)
            gram += clips @ train.T
        return gram

    def _standardise(self, x: np.ndarray, columns: slice) -> np.ndarray:
        return (x[:, columns] - self._mean[columns]) / self._deviation[columns]


def _compute_moments(x: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and deviation of every value of the clips `rows`, float64 [D].

    The deviation of a value that never changes is 1.
    """
    blocks = [rows[block] for block in _blocks(len(rows))]
    mean = sum(x[block].sum(axis=0, dtype=np.float64) for block in blocks) / len(rows)
    variance = sum(np.square(x[block] - mean).sum(axis=0) for block in blocks) / len(rows)
    deviation = np.sqrt(variance)
    varies = deviation > 1e-7 * np.abs(mean)  # more than rounding
    return mean, np.where(varies, deviation, 1.0)


def _onehot(y: np.ndarray, classes: int) -> np.ndarray:
    return (y == np.arange(classes)[:, None]).astype(float)


def _blocks(length: int) -> Iterator[slice]:
    return (slice(start, start + BLOCK) for start in range(0, length, BLOCK))


def ridge(space: RowSpace) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Fit least squares on one-against-the-rest targets of -1 and 1.

    Yields (setting, weights [r, classes], bias [classes]).
    """
    clips = space.counts.sum()
    bias = 2 * space.counts / clips - 1
    right = 2 * space.class_sums.T  # clips' targets times clips, whose sum is 0
    for strength in RIDGE_STRENGTHS:
        alpha = strength * space.variance.sum() / clips
        yield f"ridge {strength:.1e}", right / (space.variance + alpha)[:, None], bias


def lda(space: RowSpace) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Fit linear discriminants, the within-class covariance shrunk towards an isotropic one.

    Yields as `ridge` does. Outside the row space class means are equal and the shrunk covariance is
    isotropic, so nothing there takes part in a decision.
    """
    clips = space.counts.sum()
    means = space.class_sums / np.maximum(space.counts, 1)[:, None]
    within = (np.diag(space.variance) - (means * space.counts[:, None]).T @ means) / clips
    variances, axes = np.linalg.eigh(within)
    # With one clip a class, or equal ones, what is left of the formula is the nearest mean.
    if variances.sum() <= 1e-12 * space.variance.sum() / clips:
        variances = np.zeros_like(variances)
    isotropic = variances.sum() / space.dimensions or 1.0
    rotated = means @ axes
    with np.errstate(divide="ignore"):
        log_priors = np.log(space.counts / clips)  # a class without training clips is never chosen
    for shrinkage in LDA_SHRINKAGES:
        shrunk = (1 - shrinkage) * np.maximum(variances, 0) + shrinkage * isotropic
        scaled = rotated / shrunk
        bias = log_priors - 0.5 * np.sum(scaled * rotated, axis=1)
        yield f"lda {shrinkage:g}", axes @ scaled.T, bias


PROBES = {"ridge": ridge, "lda": lda}
