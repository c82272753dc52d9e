"""Converted files compute what Keras does, in builtin operations, at the precision asked for."""

import json
from pathlib import Path

import numpy as np
import pytest
import tf_keras as keras
from ai_edge_litert.interpreter import Interpreter
from examples import speechlike

from frill.audio import frontend
from frill.embed.embedder import Embedder
from frill.errors import UserError
from frill.params.schema import Convert, Distill
from frill.students.build import StudentSpec, build
from frill.students.convert import (
    convert,
    convert_frontend,
    convert_student,
    convert_with_frontend,
    measure_parity,
)
from frill.students.distill import Distillation
from frill.students.weights import load_student

WINDOWS = frontend.windows(speechlike(40000))
LIMITS = Convert(min_cosine=0.999, min_cosine_quantised=0.98, min_cosine_int8=0.9)
TRAINING = Distill(
    bottleneck=64,
    steps=4,
    batch_windows=8,
    learning_rate=1e-3,
    schedule="cosine",
    batch_norm_momentum=0.5,
    balance=0,
    ship_from=0.5,
    checkpoint_steps=9,
    validate_steps=4,
    patience="none",
)
PRECISIONS = ("float32", "float16", "dynamic", "int8")


def draw_statistics(model: keras.Model) -> keras.Model:
    """Give a model batch-norm statistics other than a fresh one's, and return it."""
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            shape = layer.get_weights()[0].shape
            gamma, beta = rng.uniform(0.7, 1.3, shape), rng.normal(0, 0.2, shape)
            mean, variance = rng.normal(0, 0.2, shape), rng.uniform(0.5, 2, shape)
            layer.set_weights([gamma, beta, mean, variance])
    return model


def load(content: bytes) -> Interpreter:
    """Return LiteRT's interpreter, which has no Flex delegate: it refuses a file that needs one."""
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    return interpreter


def has_weights(content: bytes, dtype) -> bool:
    """Tell whether a tensor of two or more dimensions is of this type."""
    tensors = load(content).get_tensor_details()
    return any(tensor["dtype"] == dtype and len(tensor["shape"]) > 1 for tensor in tensors)


def run_with_frontend(content: bytes, samples: np.ndarray) -> np.ndarray:
    model = Interpreter(model_content=content)
    model.resize_tensor_input(model.get_input_details()[0]["index"], [1, len(samples)])
    model.allocate_tensors()
    model.set_tensor(model.get_input_details()[0]["index"], (samples / np.float32(32767))[None])
    model.invoke()
    return model.get_tensor(model.get_output_details()[0]["index"])


def train(spec: StudentSpec, targets: Path, folder: Path) -> None:
    training = Distillation(spec, TRAINING, targets, 17, folder.parent / "scratch")
    training.run()
    training.save(folder)


@pytest.fixture(scope="module")
def student(short_backbone):
    return draw_statistics(build(StudentSpec("tiny", 0.5, "gap", 4, False, 64), None))


@pytest.fixture(scope="module")
def files(student, tmp_path_factory):
    """Return the path of the student's file without frontend, by precision."""
    folder = tmp_path_factory.mktemp("tflite")
    paths = {precision: folder / f"{precision}.tflite" for precision in PRECISIONS}
    for precision, path in paths.items():
        path.write_bytes(convert(student, precision, False, WINDOWS))
    return paths


@pytest.fixture(scope="module")
def with_frontend(student):
    return convert_with_frontend(student, "float32", False)


@pytest.mark.parametrize(
    "precision, cosine, error",
    [
        ("float32", 1 - 1e-5, 1e-5),
        ("float16", 0.9999, 0.01),
        ("dynamic", 0.98, 0.2),
        ("int8", 0.9, 0.5),
    ],
)
def test_a_file_computes_what_keras_does(student, files, precision, cosine, error):
    measured = measure_parity(student, files[precision], WINDOWS)
    assert measured["windows"] == len(WINDOWS) == 9
    assert cosine <= measured["min_cosine"] <= measured["mean_cosine"] <= 1 + 1e-6
    assert measured["relative_error"] <= error
    expected = student.predict(WINDOWS[..., None], verbose=0)
    embedding = Embedder(files[precision]).embed(speechlike(40000))
    np.testing.assert_allclose(embedding, expected, atol=2 * error * np.abs(expected).max())


@pytest.mark.slow
def test_frills_file_has_the_published_size():
    student = build(StudentSpec("small", 2.0, "gap", None, False), None)
    assert len(convert(student, "float32", False)) / 2**20 == pytest.approx(38.5, rel=0.01)


def test_parity_sees_another_model(files):
    keras.utils.set_random_seed(99)
    other = build(StudentSpec("tiny", 0.5, "gap", 4, False, 64), None)
    assert measure_parity(other, files["float32"], WINDOWS)["min_cosine"] < 0.9


def test_precisions_store_weights_as_they_say(files):
    contents = {precision: path.read_bytes() for precision, path in files.items()}
    assert len(contents["float32"]) > len(contents["float16"]) > len(contents["dynamic"])
    for dtype, precisions in ((np.float16, ["float16"]), (np.int8, ["dynamic", "int8"])):
        assert [each for each in PRECISIONS if has_weights(contents[each], dtype)] == precisions


def test_full_int8_computes_in_int8_between_float_ends(files):
    interpreter = load(files["int8"].read_bytes())
    dtypes = {tensor["index"]: tensor["dtype"] for tensor in interpreter.get_tensor_details()}
    operations = interpreter._get_ops_details()
    assert {"QUANTIZE", "DEQUANTIZE"} <= {operation["op_name"] for operation in operations}
    convolutions = [operation for operation in operations if "CONV" in operation["op_name"]]
    outputs = np.concatenate([operation["outputs"] for operation in convolutions])
    assert {dtypes[index] for index in outputs} == {np.int8}


@pytest.mark.parametrize("samples", [7000, 16000, 40000])
def test_the_frontend_inside_is_the_frontend_outside(files, with_frontend, samples):
    audio = speechlike(samples, seed=3)
    expected = Embedder(files["float32"]).embed(audio)
    embedding = run_with_frontend(with_frontend, audio)
    assert embedding.shape == expected.shape == (frontend.count_windows(samples), 64)
    np.testing.assert_allclose(embedding, expected, atol=1e-3 * np.abs(expected).max())


def test_the_frontend_alone_is_the_frontend_outside():
    """What is timed as an app's share: of fixed shapes, one window of 1 s."""
    interpreter = load(convert_frontend())
    samples = speechlike(16000) / np.float32(2**15)
    taken = interpreter.get_input_details()[0]
    assert taken["shape"].tolist() == [1, 16000]
    interpreter.set_tensor(taken["index"], samples[None])
    interpreter.invoke()
    given = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(given[..., 0], frontend.windows(samples), atol=2e-3)


def test_no_flex_operations(with_frontend):
    names = {operation["op_name"] for operation in load(with_frontend)._get_ops_details()}
    assert "RFFT2D" in names
    assert [name for name in names if name.startswith(("Flex", "CUSTOM"))] == []


@pytest.mark.parametrize("samples", [7000, 16000, 200000])
def test_the_embedder_takes_a_file_with_frontend(with_frontend, tmp_path, samples):
    """Compare pieces of any length with one call of LiteRT with all of the audio."""
    (tmp_path / "m.tflite").write_bytes(with_frontend)
    embedder = Embedder(tmp_path / "m.tflite")
    audio = speechlike(samples, seed=5)
    expected = run_with_frontend(with_frontend, audio)
    assert embedder.values == 64
    np.testing.assert_array_equal(embedder.embed(audio), expected)
    stream = embedder.stream()
    rows = [*map(stream.push, np.array_split(audio, 17)), stream.finish()]
    np.testing.assert_array_equal(np.concatenate(rows), expected)
    with pytest.raises(ValueError, match=r"m.tflite: takes samples"):
        embedder.embed_windows(np.zeros((1, 96, 64), np.float32))


@pytest.mark.parametrize("samples", [7000, 15600, 16000, 100000])
def test_the_file_of_one_second_gives_the_rows_of_any_length(
    student, with_frontend, tmp_path, samples
):
    second = convert_with_frontend(student, "float32", False, 16000)
    (tmp_path / "1s.tflite").write_bytes(second)
    audio = speechlike(samples, seed=7)
    expected = run_with_frontend(with_frontend, audio)
    embedded = Embedder(tmp_path / "1s.tflite").embed(audio)
    np.testing.assert_allclose(embedded, expected, atol=1e-5 * np.abs(expected).max())


def test_the_file_of_one_second_has_fixed_shapes(student):
    interpreter = load(convert_with_frontend(student, "float32", False, 16000))
    (entry,) = interpreter.get_input_details()
    (output,) = interpreter.get_output_details()
    assert entry["shape_signature"].tolist() == entry["shape"].tolist() == [1, 16000]
    assert output["shape_signature"].tolist() == output["shape"].tolist() == [1, 64]
    # What sizes depend on at run time is what GPU and NPU delegates refuse.
    names = {operation["op_name"] for operation in interpreter._get_ops_details()}
    assert not names & {"SHAPE", "RANGE", "REDUCE_PROD", "FLOOR_DIV"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "rank, qat, precision",
    [
        (None, 0, "float32"),
        (None, 1, "float32"),
        (20, 1, "float32"),
        (20, 0, "dynamic"),
        (20, 1, "int8"),
    ],
)
def test_convert_student(short_backbone, targets, tmp_path, rank, qat, precision):
    train(StudentSpec("tiny", 0.5, "gap", rank, bool(qat), 64), targets, tmp_path / "student")
    summary = convert_student(tmp_path / "student", precision, targets, LIMITS, tmp_path / "out")
    content = (tmp_path / "out/model.tflite").read_bytes()
    assert summary == json.loads((tmp_path / "out/summary.json").read_text())
    assert (summary["file_bytes"], summary["parity"]["windows"]) == (len(content), 8)
    details = load(content).get_tensor_details()
    bottleneck = [t for t in details if list(t["shape"]) in ([64, 128], [20, 128], [64, 20])]
    assert len(bottleneck) >= (1 if rank is None else 2)
    is_int8 = qat or precision in ("dynamic", "int8")
    assert {t["dtype"] for t in bottleneck} == {np.int8 if is_int8 else np.float32}
    assert (tmp_path / "out/float32.tflite").exists() == bool(qat or precision != "float32")
    if qat or precision != "float32":  # what it is compared with rounds nothing
        reference = load((tmp_path / "out/float32.tflite").read_bytes())
        assert {t["dtype"] for t in reference.get_tensor_details()} <= {np.float32, np.int32}
    if qat and precision == "float32":  # the rest stays as it was
        assert not [t["name"] for t in details if t["dtype"] == np.int8 and len(t["shape"]) == 4]
    student = load_student(tmp_path / "student")
    inside = run_with_frontend(
        convert_with_frontend(student, precision, bool(qat)), speechlike(40000)
    )
    outside = Embedder(tmp_path / "out/model.tflite").embed(speechlike(40000))
    norms = np.linalg.norm(inside, axis=1) * np.linalg.norm(outside, axis=1)
    cosine = np.sum(inside * outside, axis=1) / norms
    assert min(cosine) > (0.9 if precision == "int8" else 0.99)


@pytest.mark.slow
def test_a_file_beyond_the_limit_is_an_error(short_backbone, targets, tmp_path):
    train(StudentSpec("tiny", 0.5, "gap", None, False, 64), targets, tmp_path / "s")
    limits = Convert(min_cosine=0, min_cosine_quantised=1, min_cosine_int8=0)
    message = (
        r"s: the dynamic file's embedding has cosine [01]\.\d+ .* under params.yaml: "
        "convert.min_cosine_quantised = 1;"
    )
    with pytest.raises(UserError, match=message):
        convert_student(tmp_path / "s", "dynamic", targets, limits, tmp_path / "out")
