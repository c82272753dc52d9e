"""Conversion of a Keras student to TFLite files, and the measured difference between them.

windows float32 [1, 96, 64, 1] -> embedding float32 [1, 2048]
    what is timed, scored and shipped without frontend
samples float32 [1, T]         -> embedding float32 [windows, 2048]
    the same with the log-mel frontend inside, without Flex operations
samples float32 [1, 16000]     -> embedding float32 [1, 2048]
    the same of fixed shapes, for runtimes that cannot resize an input
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras as keras

from frill.audio import frontend_tf
from frill.audio.frontend import MIN_SAMPLES, WINDOW_SHAPE
from frill.embed.embedder import Embedder
from frill.errors import UserError
from frill.params.schema import Convert
from frill.students.weights import load_student, load_weights
from frill.targets.store import load_split, spread
from frill.tensorflow_setup import quiet_stderr

MODEL = "model.tflite"
REFERENCE = "float32.tflite"  # beside a quantised file: what scoring measures the cost against
PARITY_WINDOWS = 64
CALIBRATION_WINDOWS = 200  # of the training set: full int8 takes its scales from their ranges


def convert(
    student: keras.Model, precision: str, qat: bool, calibration: np.ndarray | None = None
) -> bytes:
    """Return the file without frontend. Its input and output are float32 at every `precision`.

    float32, float16 (weights), dynamic (int8 weights, activations quantised as they come), int8
    (weights and activations). int8 takes its scales from the windows `calibration`, float32
    [N, 96, 64], and needs them.
    """
    spec = tf.TensorSpec([1, *student.input_shape[1:]], tf.float32, name="windows")
    return _convert(
        lambda windows: {"embedding": student(windows, training=False)},
        spec,
        student,
        precision,
        qat,
        calibration,
    )


def convert_with_frontend(
    student: keras.Model, precision: str, qat: bool, samples: int | None = None
) -> bytes:
    """Return the file with frontend. It takes [1, `samples`].

    None is any length, padded to 1 s inside.
    At int8 only its weights are int8: a log-mel in int8 is useless. Those of a student with fake
    quantisation would stay float32 outside of the bottleneck: give one without, and `qat` False.
    """

    def embed(audio):
        windows = tf.reshape(frontend_tf.windows(audio), [-1, *student.input_shape[1:]])
        return {"embedding": student(windows, training=False)}

    spec = tf.TensorSpec([1, samples], tf.float32, name="samples")
    weights = "dynamic" if precision == "int8" else precision
    return _convert(embed, spec, student, weights, qat)


def convert_frontend() -> bytes:
    """Return the log-mel frontend alone, of 1 s: samples [1, 16000] -> windows [1, 96, 64, 1]."""
    spec = tf.TensorSpec([1, MIN_SAMPLES], tf.float32, name="samples")

    def compute(samples):
        return {"windows": tf.reshape(frontend_tf.windows(samples), [1, *WINDOW_SHAPE])}

    return _convert(compute, spec, None, "float32", qat=False)


def _convert(
    function: Callable,
    spec: tf.TensorSpec,
    student: keras.Model | None,
    precision: str,
    qat: bool,
    calibration: np.ndarray | None = None,
) -> bytes:
    concrete = tf.function(function, input_signature=[spec]).get_concrete_function()
    # The converter saves the owner of the variables; to save the Keras model itself would trace
    # every layer once more.
    owner = tf.Module()
    owner.kept = student.variables if student is not None else []
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], owner)
    # A qat bottleneck carries its own scales: DEFAULT stores it as int8 and leaves the rest alone.
    if precision != "float32" or qat:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]

    def representative() -> Iterator[list[np.ndarray]]:
        for window in calibration:
            yield [window[None, ..., None]]

    if precision == "int8":
        converter.representative_dataset = representative
    with quiet_stderr():
        return converter.convert()


def measure_parity(student: keras.Model, path: Path, windows: np.ndarray) -> dict:
    """Return how far the file's embeddings are from Keras's on `windows` float32 [N, 96, 64]."""
    expected = student(windows[..., None], training=False).numpy()
    return compare_embeddings(expected, Embedder(path).embed_windows(windows))


def compare_embeddings(expected: np.ndarray, embedded: np.ndarray) -> dict:
    """Return how alike embeddings [windows, D] are to the expected ones: cosines and the error.

    `relative_error` is the length of the whole difference over that of what was expected.
    """
    norms = np.linalg.norm(expected, axis=1) * np.linalg.norm(embedded, axis=1)
    cosine = (expected * embedded).sum(axis=1) / np.maximum(norms, 1e-12)
    error = np.linalg.norm(embedded - expected) / max(np.linalg.norm(expected), 1e-12)
    return {
        "windows": len(expected),
        "mean_cosine": float(cosine.mean()),
        "min_cosine": float(cosine.min()),
        "relative_error": float(error),
    }


def convert_student(
    student_folder: Path, precision: str, targets: Path, limits: Convert, out: Path
) -> dict:
    """Write out/model.tflite and out/summary.json, and return the summary.

    A quantised file has out/float32.tflite beside it. A student trained from several seeds has
    out/repeat_N.tflite, which are only scored. Raises UserError beyond the parity limit.
    """
    student = load_student(student_folder)
    trained = json.loads((student_folder / "summary.json").read_text())
    qat = json.loads((student_folder / "spec.json").read_text())["qat"]
    out.mkdir(parents=True, exist_ok=True)
    path = out / MODEL
    calibration = spread(load_split(targets, "train")[0], CALIBRATION_WINDOWS)
    path.write_bytes(convert(student, precision, qat, calibration))
    validation = spread(load_split(targets, "validation")[0], PARITY_WINDOWS)
    measured = measure_parity(student, path, validation)
    cosine = measured["min_cosine"]
    key = find_limit(precision, qat)
    limit = getattr(limits, key)
    if trained["status"] == "ok" and not cosine >= limit:  # a NaN is beyond it too
        raise UserError(
            f"{student_folder.name}: the {precision} file's embedding has cosine {cosine:.9g} with "
            f"that of Keras on a real window, under params.yaml: convert.{key} = {limit:g}; choose "
            "another precision or lower the limit"
        )
    if qat or precision != "float32":
        floats = load_student(student_folder, simulates_int8=False) if qat else student
        (out / REFERENCE).write_bytes(convert(floats, "float32", qat=False))
    for folder in sorted(student_folder.glob("repeat_*")):
        load_weights(student, folder)  # to build one more would take as long as to convert it
        repeat = convert(student, precision, qat, calibration)
        (out / f"{folder.name}.tflite").write_bytes(repeat)
    summary = {
        "schema": 1,
        "status": trained["status"],
        "precision": precision,
        "file_bytes": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "parity": measured,
    }
    (out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    return summary


def find_limit(precision: str, qat: bool) -> str:
    """Return the key of params.yaml's section `convert` that limits such a file."""
    if precision == "int8":
        return "min_cosine_int8"
    return "min_cosine_quantised" if qat or precision == "dynamic" else "min_cosine"
