"""TensorFlow as every stage needs it: legacy Keras (for tfmot), quiet, seeded, threads set."""

import os
import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # before the first import of tensorflow
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
warnings.filterwarnings("ignore", message="pkg_resources is deprecated")  # tensorflow_hub


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Discard what native code writes to file descriptor 2, which no logging level reaches."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


with quiet_stderr():
    import tensorflow as tf


def set_up(threads: int, seed: int) -> None:
    """Make a type of machine compute the same bits. Call it before TensorFlow computes anything."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    random.seed(seed)
    np.random.seed(seed)
    tf.random.set_seed(seed)
    tf.get_logger().setLevel("ERROR")
    with quiet_stderr():
        tf.config.list_logical_devices()  # says that there is no GPU, once
