"""A training's checkpoint: a killed training goes on from it and ends with the same bytes."""

import json
import os
import shutil
from pathlib import Path

import tensorflow as tf
import tf_keras as keras

from frill.device.cpu import read_cpu
from frill.fingerprint import hash_code
from frill.params.schema import Distill
from frill.scratch import atomic_write, content_hash, lock, text_hash
from frill.students.build import StudentSpec
from frill.tensorflow_setup import describe_devices

CODE = "frill.students.distill"


def list_shaping(settings: Distill, seed: int, targets: Path, replicas: int = 1) -> list:
    """Return what shapes a training beside its architecture.

    It is every setting, the targets' content, threads, kernels and devices, and the training code.
    """
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    values = [settings.model_dump(), seed, content_hash(targets), hash_code(CODE)]
    values += [threads, os.environ.get("TF_ENABLE_ONEDNN_OPTS")]
    return [*values, describe_devices(), read_cpu(), replicas]


def name(spec: StudentSpec, shaping: list) -> str:
    """Return a folder's name that only the same training has; `shaping` is list_shaping's."""
    return text_hash(json.dumps([spec.as_dict(), *shaping], sort_keys=True))[:24]


def write(folder: Path, saver: tf.train.Checkpoint, state: dict) -> None:
    """Replace the checkpoint: weights and Adam's moments by `saver`, and `state` as JSON.

    A kill leaves the one before or this one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    saver.write(prefix(folder, state))
    with atomic_write(folder / "state.json") as new:
        new.write_text(json.dumps(state))
    for path in folder.glob("step-*"):
        if path.is_dir():  # TensorFlow's parts of one that a kill cut off
            shutil.rmtree(path)
        elif path.stem != f"step-{state['done']}":
            path.unlink()


def read_state(folder: Path) -> dict | None:
    """Return the last checkpoint's state, None where there is no checkpoint."""
    try:
        return json.loads((folder / "state.json").read_text())
    except FileNotFoundError:
        return None


def prefix(folder: Path, state: dict) -> str:
    """Return the path, without its endings, of what `saver` wrote beside a state."""
    return str(folder / f"step-{state['done']}")


class DenseStart:
    """The dense training that students of every rank and qat begin with, kept to be done once.

    Up to the step from which a student trains as it ships (ship_from), those that differ in rank
    and qat alone train the same, to the last bit. Whoever comes to that step first keeps weights
    and curve in `folder`, whose name only they have; the others go on from there. So FRILL's 144
    students at ship_from 0.5 train 62.5 % of their steps.
    """

    def __init__(self, folder: Path, steps: int):
        self.steps = steps
        self._folder = folder

    def keep(self, model: keras.Model, curve: list[dict]) -> None:
        """Write them, if nobody has. Adam's moments are left out: they begin anew at this step."""
        with lock(self._folder):
            if read_state(self._folder) is None:
                state = {"done": self.steps, "phase": "dense", "curve": curve}
                write(self._folder, tf.train.Checkpoint(model=model), state)

    def load(self, model: keras.Model) -> list[dict] | None:
        """Give a dense model the weights and return the curve. None if nobody has kept them."""
        state = read_state(self._folder)
        if state is None:
            return None
        tf.train.Checkpoint(model=model).read(prefix(self._folder, state))
        return state["curve"]
