"""The learning rate and the windows of a training's step t.

They are functions of the settings, the seed and t alone.
"""

import math
from functools import lru_cache

import numpy as np

from frill.params.schema import Distill

WARM_UP_SHARE = 0.05


def learning_rate(step: int, settings: Distill) -> float:
    """Return the learning rate of a step.

    Schedule "cosine" is a linear warm-up, then cosine decay to 0. With "constant" it is the same
    at every step, as published.
    """
    if settings.schedule == "constant":
        return settings.learning_rate
    warm_up = max(1, round(WARM_UP_SHARE * settings.steps))
    if step < warm_up:
        return settings.learning_rate * (step + 1) / warm_up
    angle = math.pi * (step - warm_up) / max(1, settings.steps - warm_up)
    return settings.learning_rate * 0.5 * (1 + math.cos(angle))


def batch_rows(rows: int, batch: int, seed: int, step: int) -> np.ndarray:
    """Return which rows batch `step` holds: consecutive pieces of one permutation an epoch."""
    batch = min(batch, rows)
    epoch, index = divmod(step, rows // batch)
    return _permute(rows, seed, epoch)[index * batch : (index + 1) * batch]


@lru_cache(maxsize=2)
def _permute(rows: int, seed: int, epoch: int) -> np.ndarray:
    """Return an epoch's order. It is kept: for a million windows it takes longer than a step."""
    return np.random.default_rng([seed, epoch]).permutation(rows)
