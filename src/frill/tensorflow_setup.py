"""TensorFlow as every stage needs it: legacy Keras (for tfmot), quiet, seeded, threads set."""

import os
import platform
import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from threadpoolctl import threadpool_limits

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


def import_tensorflow():
    """Return TensorFlow, imported without what it says meanwhile."""
    with quiet_stderr():
        import tensorflow
    return tensorflow


def set_up(threads: int, seed: int, onednn: int) -> None:
    """Make a type of machine compute the same bits. Call it before anything imports TensorFlow.

    `onednn` is 1 for Intel's kernels on x86 CPUs, 0 for none: TensorFlow itself takes them where
    the CPU has AVX-512 VNNI, though training is up to three times as fast by them on others too.
    """
    if platform.machine() in ("x86_64", "AMD64"):
        os.environ["TF_ENABLE_ONEDNN_OPTS"] = str(onednn)
    tf = import_tensorflow()
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    random.seed(seed)
    np.random.seed(seed)
    tf.random.set_seed(seed)
    threadpool_limits(threads, "blas")  # numpy's own: an SVD's bits depend on it, too
    tf.get_logger().setLevel("ERROR")
    with quiet_stderr():
        tf.config.list_logical_devices()  # says that there is no GPU, once
