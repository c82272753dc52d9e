"""Quantisation-aware training: what is simulated is what ships."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from ai_edge_litert.interpreter import Interpreter
from examples import speechlike

from frill.audio.frontend import windows
from frill.params.schema import Distill
from frill.students import training_step
from frill.students.build import EMBEDDING, FACTOR, StudentSpec, build
from frill.students.convert import convert, measure_parity
from frill.students.distill import Distillation
from frill.students.low_rank import as_shipped, factorise
from frill.students.quantization import set_ranges
from frill.students.weights import load_student
from frill.targets.store import load_split

WINDOWS = windows(speechlike(40000))[..., None]


@pytest.fixture(scope="module", params=[None, 24], ids=["dense", "rank"])
def student(request, short_backbone):
    """Make a qat student with two steps behind it: its ranges are its weights' and activations'."""
    keras.utils.set_random_seed(3)
    model = build(StudentSpec("tiny", 0.5, "gap", request.param, True, 64), None, 0.5)
    for _ in range(2):
        model(WINDOWS, training=True)
    return model


def read_variables(layer: keras.layers.Layer) -> dict[str, tf.Variable]:
    """Return a layer's variables by their names without the layer's and without a number."""
    return {each.name.rpartition("/")[2].partition(":")[0]: each for each in layer.weights}


def round_kernels(student) -> list[np.ndarray]:
    """Return the bottleneck's kernels as the simulation rounds them.

    They are int8, symmetric, with one scale: tfmot's default for Dense.
    """
    rounded = []
    for layer in student.layers:
        if layer.name in (f"quant_{FACTOR}", f"quant_{EMBEDDING}"):
            values = read_variables(layer)
            ranges = (values["kernel_min"], values["kernel_max"])
            kernel = tf.quantization.fake_quant_with_min_max_vars(
                values["kernel"], *ranges, num_bits=8, narrow_range=True
            )
            rounded.append(kernel.numpy())
    return rounded


def read_int8_matrices(content: bytes) -> list[tuple[np.ndarray, float]]:
    """Return values and scale of every int8 matrix in a .tflite file."""
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    matrices = []
    for tensor in interpreter.get_tensor_details():
        if tensor["dtype"] == np.int8 and len(tensor["shape"]) == 2 and min(tensor["shape"]) > 1:
            scale = float(tensor["quantization_parameters"]["scales"][0])
            matrices.append((interpreter.get_tensor(tensor["index"]), scale))
    return matrices


def test_a_kernel_has_at_most_256_levels_and_every_layer_of_the_bottleneck_is_simulated(student):
    rounded = round_kernels(student)
    assert len(rounded) == (2 if any(FACTOR in layer.name for layer in student.layers) else 1)
    for kernel in rounded:
        assert 64 < len(np.unique(kernel)) <= 256


def test_the_file_holds_the_kernels_that_were_simulated(student):
    rounded = round_kernels(student)
    shipped = read_int8_matrices(convert(student, "float32", qat=True))
    assert len(shipped) == len(rounded)
    for kernel in rounded:
        values, scale = next((v, s) for v, s in shipped if v.shape == kernel.T.shape)
        np.testing.assert_allclose(values.T * scale, kernel, atol=1.01 * scale)


def test_the_files_output_is_the_simulations_to_one_level(student, tmp_path):
    interpreter = Interpreter(model_content=convert(student, "float32", qat=True))
    interpreter.allocate_tensors()
    expected = student(WINDOWS, training=False).numpy()
    layer = next(layer for layer in student.layers if layer.name == f"quant_{EMBEDDING}")
    values = read_variables(layer)
    level = float(values["post_activation_max"] - values["post_activation_min"]) / 255
    for window, embedding in zip(WINDOWS, expected, strict=True):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], window[None])
        interpreter.invoke()
        output = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]
        np.testing.assert_allclose(output, embedding, atol=1.01 * level)


def test_the_file_shrinks_by_three_quarters_of_the_bottleneck(student):
    elements = sum(kernel.size for kernel in round_kernels(student))
    floats, quantised = (len(convert(student, "float32", qat)) for qat in (False, True))
    # The rest of the file: a few operations more or less.
    assert floats - quantised == pytest.approx(3 * elements, abs=6000)


@pytest.mark.parametrize(
    "pooling, rank, steps",
    [
        ("gap", None, 200),
        ("flatten", 24, 200),
        pytest.param("gap", None, 2000, marks=pytest.mark.slow),
    ],
)
def test_a_shipped_file_uses_its_levels(
    short_backbone, default, targets, tmp_path, monkeypatch, pooling, rank, steps
):
    """Its error against the same weights not quantised is at most 3 %, as eight bits can."""
    if pooling == "flatten":  # over the short backbone's 96 the kernel would hardly learn
        monkeypatch.setattr(training_step, "_count_positions", lambda model: 6)
    spec = StudentSpec("tiny", 0.5, pooling, rank, True, 64)
    changes = {"steps": 2 * steps, "batch_windows": 8, "checkpoint_steps": 4000}
    settings = Distill(**default["distill"] | changes | {"validate_steps": 4000})
    training = Distillation(spec, settings, targets, 17, tmp_path)
    training.run()
    training.save(tmp_path)
    shipped = tmp_path / "model.tflite"
    shipped.write_bytes(convert(load_student(tmp_path), "float32", qat=True))
    floats = load_student(tmp_path, simulates_int8=False)
    assert type(floats.get_layer(EMBEDDING)) is keras.layers.Dense
    windows = load_split(targets, "validation")[0].astype(np.float32)
    assert measure_parity(floats, shipped, windows)["relative_error"] < 0.03


@pytest.mark.parametrize("pooling", ["gap", "flatten"])
def test_ranges_are_those_of_the_windows(short_backbone, pooling):
    spec = StudentSpec("tiny", 0.5, pooling, 24, True, 64)
    dense = build(StudentSpec("tiny", 0.5, pooling, None, False, 64), 8)
    shipped = as_shipped(dense, spec, 0.95)
    set_ranges(shipped, WINDOWS[..., 0])
    pooled = keras.Model(dense.input, dense.get_layer("pool").output).predict(WINDOWS, verbose=0)
    kernel, bias = dense.get_layer(EMBEDDING).get_weights()
    first, second = factorise(kernel, 24)
    expected = {FACTOR: pooled @ first, EMBEDDING: pooled @ first @ second + bias}
    if pooling == "gap":  # a flattening layer changes no value and has no range
        expected["pool"] = pooled
    for name, values in expected.items():
        ranges = read_variables(shipped.get_layer(f"quant_{name}"))
        kind = "output" if name == "pool" else "post_activation"
        low, high = (float(ranges[f"{kind}_{end}"]) for end in ("min", "max"))
        limits = min(0, values.min()), max(0, values.max())
        assert (low, high) == pytest.approx(limits, abs=1e-5)
