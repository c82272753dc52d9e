"""TensorFlow as every stage needs it: legacy Keras (for tfmot), quiet, seeded, devices set."""

import os
import platform
import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from threadpoolctl import threadpool_limits

from frill.errors import UserError
from frill.gpus import list_gpus

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # before the first import of tensorflow
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
warnings.filterwarnings("ignore", message="pkg_resources is deprecated")  # tensorflow_hub
WHAT_A_GPU_NEEDS = (
    "on Linux `make repro GPU=1` installs the CUDA packages, and the machine needs NVIDIA's driver "
    "525.60.13 or later (docs/gpu.md)"
)


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


def set_up(threads: int, seed: int, onednn: int, promised: int = 0, replicas: int = 1) -> None:
    """Make a type of machine compute the same bits. Call it before anything imports TensorFlow.

    `onednn` is 1 for Intel's kernels on x86 CPUs, 0 for none: TensorFlow itself takes them where
    the CPU has AVX-512 VNNI, though training is up to three times as fast by them on others too.
    Of the GPUs that TensorFlow sees the first `replicas` are used. Raises UserError where it sees
    fewer than sweep.resources promised.
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
        _choose_gpus(tf, promised, replicas)
        tf.config.list_logical_devices()  # says that there is no GPU, once


def _choose_gpus(tf, promised: int, replicas: int) -> None:
    found = tf.config.list_physical_devices("GPU")
    if len(found) < promised:
        raise UserError(
            f"params.yaml: sweep.resources: gpus: {promised}: TensorFlow sees {len(found)} here; "
            f"{WHAT_A_GPU_NEEDS}; or write gpus: {len(found)}"
        )
    used = found[:replicas]
    tf.config.set_visible_devices(used, "GPU")
    for gpu in used:
        # Otherwise each process takes all of its memory, and a second one finds none.
        tf.config.experimental.set_memory_growth(gpu, True)


def describe_devices() -> str:
    """Return what TensorFlow computes on, and why not on GPUs that the machine has."""
    tf = import_tensorflow()
    names = []
    for gpu in tf.config.get_visible_devices("GPU"):
        details = tf.config.experimental.get_device_details(gpu)
        names.append(details.get("device_name", gpu.name))
    if names:
        return f"{len(names)} GPU{'s' * (len(names) > 1)}: {', '.join(names)}"
    if idle := list_gpus():
        return f"the CPU, though there are GPUs ({', '.join(idle)}): {WHAT_A_GPU_NEEDS}"
    return "the CPU"
