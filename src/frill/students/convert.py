"""Keras student -> TFLite files, and the measured difference between them.

windows float32 [1, 96, 64, 1] -> embedding float32 [1, 2048]          what is timed, scored and shipped without frontend
samples float32 [1, T]         -> embedding float32 [windows, 2048]    the same with the log-mel frontend inside, no Flex operations
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras as keras

from frill.audio import frontend_tf
from frill.embed.embedder import Embedder
from frill.errors import UserError
from frill.params.schema import Convert
from frill.students.weights import load_student
from frill.targets.store import load_split
from frill.tensorflow_setup import quiet_stderr

MODEL = "model.tflite"
REFERENCE = "float32.tflite"  # of a student whose file is quantised: what scoring measures the cost of that against
PARITY_WINDOWS = 64
CALIBRATION_WINDOWS = 200  # of the training set: whose ranges full int8 takes its scales from


def convert(
    student: keras.Model, precision: str, qat: bool, calibration: np.ndarray | None = None
) -> bytes:
    """The file without frontend. Its input and output are float32 at every `precision`:

    float32   float16 (weights)   dynamic (int8 weights, activations quantised as they come)
    int8      (weights and activations; scales from the windows `calibration` float32 [N, 96, 64], which this precision needs)
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


def convert_with_frontend(student: keras.Model, precision: str, qat: bool) -> bytes:
    """The file with frontend: `samples` [1, T] of any length, padded to 1 s inside. At int8 its weights alone are: a log-mel in int8 is none."""

    def embed(samples):
        windows = tf.reshape(frontend_tf.windows(samples), [-1, *student.input_shape[1:]])
        return {"embedding": student(windows, training=False)}

    weights = "dynamic" if precision == "int8" else precision
    return _convert(
        embed, tf.TensorSpec([1, None], tf.float32, name="samples"), student, weights, qat
    )


def _convert(
    function,
    spec: tf.TensorSpec,
    student: keras.Model,
    precision: str,
    qat: bool,
    calibration: np.ndarray | None = None,
) -> bytes:
    concrete = tf.function(function, input_signature=[spec]).get_concrete_function()
    owner = tf.Module()  # of the variables. The converter saves it; saving the Keras model itself would trace every layer once more
    owner.kept = student.variables
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], owner)
    # A qat bottleneck carries its own scales: DEFAULT stores it as int8 and leaves the unquantised rest alone.
    if precision != "float32" or qat:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if precision == "int8":
        converter.representative_dataset = lambda: (
            [window[None, ..., None]] for window in calibration
        )
    with quiet_stderr():
        return converter.convert()


def parity(student: keras.Model, path: Path, windows: np.ndarray) -> dict:
    """How far the file's embeddings are from Keras's on `windows` float32 [N, 96, 64]: cosine and relative error."""
    expected = student.predict(windows[..., None], verbose=0)
    found = Embedder(path).embed_windows(windows)
    norms = np.linalg.norm(expected, axis=1) * np.linalg.norm(found, axis=1)
    cosine = (expected * found).sum(axis=1) / np.maximum(norms, 1e-12)
    return {
        "windows": len(windows),
        "mean_cosine": float(cosine.mean()),
        "min_cosine": float(cosine.min()),
        "relative_error": float(
            np.linalg.norm(found - expected) / max(np.linalg.norm(expected), 1e-12)
        ),
    }


def convert_student(
    student_folder: Path, precision: str, targets: Path, limits: Convert, out: Path
) -> dict:
    """Writes out/model.tflite and out/summary.json (which it returns); where the file is quantised, out/float32.tflite too.

    A student trained from several seeds has out/repeat_N.tflite beside it, to be scored only. Raises UserError beyond the parity limit.
    """
    student = load_student(student_folder)
    trained = json.loads((student_folder / "summary.json").read_text())
    qat = json.loads((student_folder / "spec.json").read_text())["qat"]
    out.mkdir(parents=True, exist_ok=True)
    path = out / MODEL
    calibration = _spread(load_split(targets, "train")[0], CALIBRATION_WINDOWS)
    path.write_bytes(convert(student, precision, qat, calibration))
    for repeat in sorted(student_folder.glob("repeat_*")):
        (out / f"{repeat.name}.tflite").write_bytes(
            convert(load_student(repeat), precision, qat, calibration)
        )
    if qat or precision != "float32":
        (out / REFERENCE).write_bytes(convert(student, "float32", qat=False))
    measured = parity(student, path, _spread(load_split(targets, "validation")[0], PARITY_WINDOWS))
    key = _limit(precision, qat)
    if trained["status"] == "ok" and not measured["min_cosine"] >= getattr(
        limits, key
    ):  # a NaN is beyond it too
        raise UserError(
            f"{student_folder.name}: the {precision} file's embedding has cosine {measured['min_cosine']:.9g} with that of Keras on a real window, "
            f"under params.yaml: convert.{key} = {getattr(limits, key):g}; choose another precision or lower the limit"
        )
    summary = {
        "schema": 1,
        "status": trained["status"],
        "precision": precision,
        "file_bytes": path.stat().st_size,
    }
    summary |= {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    summary["parity"] = measured
    (out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    return summary


def _limit(precision: str, qat: bool) -> str:
    """The key of params.yaml's section `convert`."""
    if precision == "int8":
        return "min_cosine_int8"
    return "min_cosine_quantised" if qat or precision == "dynamic" else "min_cosine"


def _spread(windows: np.ndarray, count: int) -> np.ndarray:
    """About `count` of a store's windows, evenly over it: float32 [N, 96, 64]."""
    return windows[:: max(1, len(windows) // count)][:count].astype(np.float32)
