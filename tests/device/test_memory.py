"""Peak memory on this machine: what a model is known to need is counted, and nothing else."""

import numpy as np
import pytest

from frill.device.memory import can_measure_memory, measure_peak_memory

pytestmark = pytest.mark.skipif(not can_measure_memory(), reason="memory is measured on Linux")


def dense(folder, mib: int):
    """Return a .tflite file whose one matrix has so many MiB."""
    import tensorflow as tf

    columns = mib * 2**20 // 4 // 64
    values = np.random.default_rng(0).normal(size=(64, columns))
    matrix = tf.Variable(values.astype(np.float32))
    module = tf.Module()
    module.matrix = matrix
    function = tf.function(lambda x: x @ matrix).get_concrete_function(
        tf.TensorSpec([1, 64], tf.float32)
    )
    path = folder / f"{mib}.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([function], module).convert())
    return path


def test_memory_grows_with_the_weights_and_is_the_same_again(tmp_path):
    small = dense(tmp_path, 8)
    small_mib = measure_peak_memory(small, 1).added_mib
    more_mib = measure_peak_memory(dense(tmp_path, 40), 1).added_mib - small_mib
    # The weights as mapped from the file, and perhaps once more as XNNPACK packs them.
    assert 32 <= more_mib <= 2 * 32 + 4
    assert measure_peak_memory(small, 1).added_mib == pytest.approx(small_mib, abs=1)
    # Python, numpy and LiteRT are in the process too.
    peak = measure_peak_memory(small, 1)
    assert peak.process_mib > peak.added_mib + 20
