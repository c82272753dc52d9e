"""A finished model as a scikit-learn transformer: recordings in, one row of values for each out.

embed = EmbeddingTransformer("release/frill.tflite")
pipeline = make_pipeline(embed, StandardScaler(), LogisticRegression())
pipeline.fit(["a.wav", "b.wav"], ["calm", "angry"])
"""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from frill.audio.files import AudioError, read_audio
from frill.audio.waveform import SAMPLE_RATE_HZ
from frill.embed.embedder import Embedder, Pooling, pool

POOLINGS = get_args(Pooling)


class EmbeddingTransformer(TransformerMixin, BaseEstimator):
    """Recordings -> float32 [N, D], a recording's rows pooled ("mean+max": [N, 2 D]).

    A recording is a waveform (int16 or float in [-1, 1], [samples], any length, at
    `sample_rate_hz`) or the path of an audio file, which has a rate of its own. Both may stand in
    one list. A 2-D array is a waveform a row. Nothing is learnt: `fit` reads the model, and a
    pickle of a fitted transformer holds it. Raises ValueError naming the recording that cannot be
    used.
    """

    def __init__(
        self,
        model: str | Path = "release/frill.tflite",
        sample_rate_hz: int = SAMPLE_RATE_HZ,
        pooling: str = "mean",
    ):
        self.model = model
        self.sample_rate_hz = sample_rate_hz
        self.pooling = pooling

    def fit(self, X: Sequence, y: object = None) -> "EmbeddingTransformer":  # noqa: N803
        """Read the model; `X` and `y` are not looked at."""
        if self.pooling not in POOLINGS:
            raise ValueError(f"pooling = {self.pooling!r}; expected one of {', '.join(POOLINGS)}")
        self.embedder_ = Embedder(self.model)
        return self

    def transform(self, X: Sequence) -> np.ndarray:  # noqa: N803
        """Return float32 [N, D] or [N, 2 D] of N recordings."""
        check_is_fitted(self)
        if isinstance(X, str | Path):
            raise ValueError(f"X is one path, {str(X)!r}; expected a list of recordings")
        if hasattr(X, "columns"):
            columns = ", ".join(map(str, X.columns))
            raise ValueError(f"X is a table; expected one of its columns ({columns}): X[NAME]")
        rows = np.empty((len(X), len(self.get_feature_names_out())), np.float32)
        for index, recording in enumerate(X):
            rows[index] = pool(self._embed(index, recording), self.pooling)
        return rows

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return frill0, frill1 ...; for "mean+max" frill_mean0 ... frill_max0 ..."""
        check_is_fitted(self)
        prefixes = ["frill_mean", "frill_max"] if self.pooling == "mean+max" else ["frill"]
        values = range(self.embedder_.values)
        names = [f"{prefix}{value}" for prefix in prefixes for value in values]
        return np.array(names, dtype=object)

    def _embed(self, index: int, recording: object) -> np.ndarray:
        try:
            if isinstance(recording, str | Path):
                return self.embedder_.embed(read_audio(Path(recording)))
            return self.embedder_.embed(recording, self.sample_rate_hz)
        except (AudioError, OSError, ValueError, TypeError) as error:
            name = f" ({recording})" if isinstance(recording, str | Path) else ""
            raise ValueError(f"recording {index}{name}: {error}") from None

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False  # recordings have lengths of their own
        tags.input_tags.string = True  # paths
        return tags
