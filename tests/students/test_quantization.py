"""Quantisation-aware training: what is simulated is what ships."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from ai_edge_litert.interpreter import Interpreter
from examples import speechlike

from frill.audio.frontend import windows
from frill.students.build import EMBEDDING, FACTOR, StudentSpec, build
from frill.students.convert import convert

WINDOWS = windows(speechlike(40000))[..., None]


@pytest.fixture(scope="module", params=[None, 24], ids=["dense", "rank"])
def student(request, short_backbone):
    """A qat student with two steps behind it, so that its ranges are those of its weights and activations."""
    keras.utils.set_random_seed(3)
    model = build(StudentSpec("tiny", 0.5, "gap", request.param, True, 64), None, 0.5)
    for _ in range(2):
        model(WINDOWS, training=True)
    return model


def bottleneck(student) -> dict[str, np.ndarray]:
    """Layer name -> kernel as the simulation rounds it: int8, symmetric, one scale (tfmot's default for Dense)."""
    rounded = {}
    for name in (FACTOR, EMBEDDING):
        layer = next((layer for layer in student.layers if layer.name == f"quant_{name}"), None)
        if layer is not None:
            values = {w.name.rpartition("/")[2].partition(":")[0]: w for w in layer.weights}
            rounded[name] = tf.quantization.fake_quant_with_min_max_vars(
                values["kernel"],
                values["kernel_min"],
                values["kernel_max"],
                num_bits=8,
                narrow_range=True,
            ).numpy()
    return rounded


def int8_matrices(content: bytes) -> list[tuple[np.ndarray, float]]:
    """(values, scale) of every int8 matrix in a .tflite file."""
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    matrices = [
        t
        for t in interpreter.get_tensor_details()
        if t["dtype"] == np.int8 and len(t["shape"]) == 2 and min(t["shape"]) > 1
    ]
    return [
        (interpreter.get_tensor(t["index"]), float(t["quantization_parameters"]["scales"][0]))
        for t in matrices
    ]


def test_a_kernel_has_at_most_256_levels_and_every_layer_of_the_bottleneck_is_simulated(student):
    rounded = bottleneck(student)
    assert len(rounded) == (2 if any(FACTOR in layer.name for layer in student.layers) else 1)
    for kernel in rounded.values():
        assert 64 < len(np.unique(kernel)) <= 256


def test_the_file_holds_the_kernels_that_were_simulated(student):
    rounded = bottleneck(student)
    shipped = int8_matrices(convert(student, "float32", qat=True))
    assert len(shipped) == len(rounded)
    for kernel in rounded.values():
        values, scale = next((v, s) for v, s in shipped if v.shape == kernel.T.shape)
        np.testing.assert_allclose(values.T * scale, kernel, atol=1.01 * scale)


def test_the_files_output_is_the_simulations_to_one_level(student, tmp_path):
    interpreter = Interpreter(model_content=convert(student, "float32", qat=True))
    interpreter.allocate_tensors()
    expected = student(WINDOWS, training=False).numpy()
    layer = next(layer for layer in student.layers if layer.name == f"quant_{EMBEDDING}")
    limits = {
        w.name.rpartition("/")[2].partition(":")[0]: float(w)
        for w in layer.weights
        if "post_activation" in w.name
    }
    level = (limits["post_activation_max"] - limits["post_activation_min"]) / 255
    for window, embedding in zip(WINDOWS, expected, strict=True):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], window[None])
        interpreter.invoke()
        found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]
        np.testing.assert_allclose(found, embedding, atol=1.01 * level)


def test_the_file_shrinks_by_three_quarters_of_the_bottleneck(student):
    elements = sum(kernel.size for kernel in bottleneck(student).values())
    floats, quantised = (len(convert(student, "float32", qat)) for qat in (False, True))
    assert floats - quantised == pytest.approx(
        3 * elements, abs=6000
    )  # the rest of the file: a few operations more or less
