"""What counts as a silent clip: `audio.silent_dbfs` of params.yaml decides."""

import numpy as np


def is_silent(samples: np.ndarray, level_dbfs: float) -> bool:
    """Tell whether no sample of int16 [samples] reaches the level (0 dB is full scale)."""
    peak = max(int(samples.max()), -int(samples.min()))
    return peak < 32767 * 10 ** (level_dbfs / 20)
