"""What step t of a training uses: its learning rate and its windows, functions of the settings, the seed and t alone."""

import math
from functools import lru_cache

import numpy as np

from frill.params.schema import Distill

WARM_UP_SHARE = 0.05


def learning_rate(step: int, settings: Distill) -> float:
    """Schedule "cosine": linear warm-up, then cosine decay to 0. "constant": the same at every step, as published."""
    if settings.schedule == "constant":
        return settings.learning_rate
    warm_up = max(1, round(WARM_UP_SHARE * settings.steps))
    if step < warm_up:
        return settings.learning_rate * (step + 1) / warm_up
    return (
        settings.learning_rate
        * 0.5
        * (1 + math.cos(math.pi * (step - warm_up) / max(1, settings.steps - warm_up)))
    )


def batch_rows(rows: int, batch: int, seed: int, step: int) -> np.ndarray:
    """Which rows batch `step` holds: consecutive pieces of one permutation an epoch."""
    batch = min(batch, rows)
    epoch, index = divmod(step, rows // batch)
    return _order(rows, seed, epoch)[index * batch : (index + 1) * batch]


@lru_cache(maxsize=2)
def _order(rows: int, seed: int, epoch: int) -> np.ndarray:
    """An epoch's permutation, kept: of a million windows it takes longer than a step."""
    return np.random.default_rng([seed, epoch]).permutation(rows)
