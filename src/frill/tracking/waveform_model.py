"""A released .tflite file as MLflow calls models.

MLflow copies this script into the model and runs it there; nothing is pickled.
"""

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

from frill import Embedder


class WaveformModel(PythonModel):
    """Embeds clips: float32 [clips, samples] -> float32 [clips, windows, values].

    params={"sample_rate_hz": 16000} says the rate.
    """

    def load_context(self, context):
        self._embedder = Embedder(context.artifacts["model"])

    def predict(self, context, model_input, params=None):
        rate_hz = (params or {}).get("sample_rate_hz", 16000)
        clips = np.asarray(model_input, np.float32)
        return np.stack([self._embedder.embed(samples, rate_hz) for samples in clips])


set_model(WaveformModel())
