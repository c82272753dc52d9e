"""The dense training that students of every rank and qat begin with, kept to be done once.

Up to the step from which a student trains as it ships (ship_from), those that differ in rank and
qat alone train the same, to the last bit. Whoever comes to that step first keeps weights and curve
in scratch; the others go on from there. So FRILL's 144 students at ship_from 0.5 train 62.5 % of
their steps.
"""

from pathlib import Path

import tensorflow as tf
import tf_keras as keras

from frill.scratch import lock
from frill.students import checkpoint


class DenseStart:
    """The weights and curve after `steps` steps, in `folder`, whose name only they have."""

    def __init__(self, folder: Path, steps: int):
        self.steps = steps
        self._folder = folder

    def keep(self, model: keras.Model, curve: list[dict]) -> None:
        """Write them, if nobody has. Adam's moments are left out: they begin anew at this step."""
        with lock(self._folder):
            if checkpoint.read_state(self._folder) is None:
                state = {"done": self.steps, "phase": "dense", "curve": curve}
                checkpoint.write(self._folder, tf.train.Checkpoint(model=model), state)

    def load(self, model: keras.Model) -> list[dict] | None:
        """Give a dense model the weights and return the curve. None if nobody has kept them."""
        state = checkpoint.read_state(self._folder)
        if state is None:
            return None
        tf.train.Checkpoint(model=model).read(checkpoint.prefix(self._folder, state))
        return state["curve"]
