"""An input that is the same on every machine, and whether two machines make the same of it."""

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from frill.errors import UserError


class KnownInput:
    """`values` for a model of one float32 input, under the input's `name`.

    They are float32 of the input's fixed shape, uniform in [-1, 1]. Raises UserError for other
    models and for files that are none.
    """

    def __init__(self, model: Path):
        try:
            self._interpreter = Interpreter(model_path=str(model), num_threads=1)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(
                f"{model}: no model that LiteRT can load ({reason}); give a .tflite file"
            ) from None
        inputs = self._interpreter.get_input_details()
        if len(inputs) != 1 or inputs[0]["dtype"] != np.float32:
            kinds = ", ".join(
                f"{each['dtype'].__name__} {each['shape'].tolist()}" for each in inputs
            )
            raise UserError(
                f"{model}: its inputs are {kinds}; "
                "a model of one float32 input is needed, such as a student's window"
            )
        self.name = inputs[0]["name"]
        self._index = inputs[0]["index"]
        self.values = np.random.default_rng(0).uniform(-1, 1, inputs[0]["shape"]).astype(np.float32)

    def run(self) -> np.ndarray:
        """Return float32 [values], outputs one after another, as benchmark_model writes them."""
        self._interpreter.set_tensor(self._index, self.values)
        self._interpreter.invoke()
        outputs = self._interpreter.get_output_details()
        return np.concatenate(
            [self._interpreter.get_tensor(each["index"]).ravel() for each in outputs]
        )

    def compare(self, output: bytes) -> float:
        """Return the cosine of another machine's raw float32 outputs with this one's.

        Raises ValueError where they are not as many, or not finite.
        """
        own = self.run().astype(np.float64)
        if len(output) != 4 * len(own):
            raise ValueError(f"{len(output)} bytes, not {4 * len(own)}")
        other = np.frombuffer(output, np.float32).astype(np.float64)
        if not np.isfinite(other).all():
            raise ValueError("values that are not finite")
        norms = np.linalg.norm(own) * np.linalg.norm(other)
        return float(own @ other / norms) if norms else float(np.array_equal(own, other))
