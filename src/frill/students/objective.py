"""The error that a student minimises, and its share of the teacher's variance."""

import numpy as np

from frill.targets.store import Projection


def target_scale(deviation: np.ndarray, balance: float) -> np.ndarray:
    """Return what each target component is divided by, float32 [P], for deviations [P].

    It is deviation^balance, normalised so that the targets' mean variance is 1.
    """
    power = np.maximum(deviation, 1e-6 * deviation.max()) ** balance
    return (power * np.sqrt(np.mean(np.square(deviation / power)))).astype(np.float32)


def r2(mse: float, projection: Projection) -> float:
    """Return the share of the teacher's variance that is explained at an MSE a teacher value.

    Both are of the validation windows, as scikit-learn's r2_score with "variance_weighted".
    """
    return 1.0 - mse * len(projection.mean) / projection.variance
