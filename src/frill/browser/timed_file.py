"""A .tflite file that a browser times: its bytes, its input and what this host makes of it."""

import hashlib
from pathlib import Path

from frill.device.timed_model import TimedModel
from frill.errors import UserError


class TimedFile:
    """A model of one float32 input of fixed shape. Raises UserError for another."""

    def __init__(self, path: Path):
        self.path = path
        self._model = TimedModel(path)
        signature = self._model.shape_signature
        if -1 in signature:
            raise UserError(
                f"{path}: its input {signature} has any length, which LiteRT's web runtime does "
                "not take; give a file of fixed shape, such as release/frill_1s.tflite"
            )
        self.content = path.read_bytes()
        self.sha256 = hashlib.sha256(self.content).hexdigest()

    @property
    def input_bytes(self) -> bytes:
        """Return the known input, float32 little-endian."""
        return self._model.values.astype("<f4").tobytes()

    def describe(self) -> dict:
        """Return what the page is told of it."""
        return {"name": self.path.name, "shape": list(self._model.values.shape)}

    def compare(self, output: bytes) -> float:
        """Return the cosine of a browser's outputs, raw float32, with this host's.

        Raises ValueError where they are not as many, or not finite.
        """
        return self._model.compare(output)
