"""Linear discriminants with Ledoit-Wolf shrinkage, solved without a covariance of D x D values.

This is scikit-learn's LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"). Each class is
standardised by itself, its covariance shrunk towards the identity by the coefficient of Ledoit and
Wolf (J. Multivariate Analysis 88, 2004) and scaled back. The classes' covariances are averaged,
weighted by their clips. With `x_c` a class's centred clips, `s_c` its deviations, `a_c` its
shrinkage and `m_c` its mean variance:

    covariance = sum_c (1 - a_c) / n * x_c' x_c  +  diag(sum_c n_c / n * a_c * m_c * s_c^2)

That is a matrix of rank n plus a diagonal. Divided by the root of the diagonal on both sides it is
V'V + I with V [n, D], whose inverse is I - V' (V V' + I)^-1 V (Woodbury): n x n values where D > n,
and O(n^2 D) operations.
"""

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.preprocessing import StandardScaler

# Two clips determine no shrinkage (the coefficient is 0). This little keeps the covariance
# invertible, and changes no other class's.
LEAST_SHRINKAGE = 1e-8


class DualLda:
    """Fitted to `x` float [clips, D] and `y` int [clips] < `classes`.

    Also defined where scikit-learn raises or its least squares are of rounding errors. A class of
    one clip adds nothing to the covariance. If no class varies at all, the covariance is the
    identity: the nearest class mean, weighted by the prior.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray, classes: int):
        counts = np.bincount(y, minlength=classes)
        # Any origin gives scores that differ by what is common to all classes; near the clips
        # fewer digits cancel.
        self._centre = x.mean(axis=0)
        means = np.zeros((classes, x.shape[1]))
        diagonal = np.zeros(x.shape[1])
        factor = np.empty_like(x, np.float64)
        for label in np.flatnonzero(counts):
            mean, deviation, centred = compute_moments(x[y == label])
            shrinkage, mean_variance = ledoit_wolf(centred / deviation)
            shrinkage = max(shrinkage, LEAST_SHRINKAGE)
            means[label] = mean - self._centre
            factor[y == label] = centred * np.sqrt((1 - shrinkage) / len(y))
            diagonal += counts[label] / len(y) * shrinkage * mean_variance * np.square(deviation)
        root = np.sqrt(diagonal) if diagonal.any() else np.ones_like(diagonal)
        self._weights = _solve(factor / root, (means / root).T) / root[:, None]
        # -inf: a class without training clips is never chosen.
        with np.errstate(divide="ignore"):
            log_priors = np.log(counts / len(y))
        self._bias = log_priors - 0.5 * np.sum(means * self._weights.T, axis=1)

    def scores(self, x: np.ndarray) -> np.ndarray:
        """Return the decision function [clips, classes] of `x` [clips, D].

        It is scikit-learn's, less what is common to all classes of a clip.
        """
        return (x - self._centre) @ self._weights + self._bias


def compute_moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean [D] and deviation [D] of clips [n, D], and the clips less the mean.

    A value that is the same in all clips, by StandardScaler's rule, has deviation 1. Its distance
    from the mean is rounding and becomes 0: where nothing else varies, a classifier would learn
    from it.
    """
    scaler = StandardScaler().fit(x)
    # The scale of any other value is the root of its variance.
    constant = (scaler.scale_ == 1) & (scaler.var_ < 0.5)
    return scaler.mean_, scaler.scale_, np.where(constant, 0.0, x - scaler.mean_)


def ledoit_wolf(z: np.ndarray) -> tuple[float, float]:
    """Return (shrinkage, mean variance) of centred clips [n, D] in O(n D min(n, D)).

    As sklearn.covariance.ledoit_wolf. The sums over all D x D entries of the covariance and of its
    squares are sums over the Gram matrix and over the clips' lengths.
    """
    n, values = z.shape
    gram = z @ z.T if n < values else z.T @ z
    squared_lengths = np.square(z).sum(axis=1)
    mean_variance = squared_lengths.sum() / (n * values)
    squares = np.square(gram).sum() / n**2
    # Squared, from the covariance to the isotropic one; and the covariance's expected error.
    distance = squares - values * mean_variance**2
    error = (np.square(squared_lengths).sum() / n - squares) / n
    if distance <= 0 or error <= 0:  # isotropic already (also D = 1), or too few clips to tell
        return 0.0, mean_variance
    return min(error / distance, 1.0), mean_variance


def _solve(v: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return (v'v + I)^-1 right, by the smaller of the two systems."""
    n, values = v.shape
    if values <= n:
        return cho_solve(cho_factor(v.T @ v + np.eye(values)), right)
    return right - v.T @ cho_solve(cho_factor(v @ v.T + np.eye(n)), v @ right)
