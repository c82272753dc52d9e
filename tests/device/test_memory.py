"""Peak memory on this machine: what a model is known to need is counted, and nothing else."""

import numpy as np
import pytest

from frill.device.memory import measured_here, peak_memory_mib

pytestmark = pytest.mark.skipif(not measured_here(), reason="memory is measured on Linux")


def dense(folder, mib: int):
    """A .tflite file whose one matrix has so many MiB."""
    import tensorflow as tf

    matrix = tf.Variable(
        np.random.default_rng(0).normal(size=(64, mib * 2**20 // 4 // 64)).astype(np.float32)
    )
    module = tf.Module()
    module.matrix = matrix
    function = tf.function(lambda x: x @ matrix).get_concrete_function(
        tf.TensorSpec([1, 64], tf.float32)
    )
    path = folder / f"{mib}.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([function], module).convert())
    return path


def test_memory_grows_with_the_weights_and_is_the_same_again(tmp_path):
    small, large = dense(tmp_path, 8), dense(tmp_path, 40)
    found = peak_memory_mib(large, 1) - peak_memory_mib(small, 1)
    assert (
        32 <= found <= 2 * 32 + 4
    )  # the weights as mapped from the file and once more as XNNPACK packs them
    assert peak_memory_mib(small, 1) == pytest.approx(peak_memory_mib(small, 1), abs=1)
