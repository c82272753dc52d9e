"""release/: the selected student as others use it.

frill.tflite              samples float32 [1, T] in [-1, 1], 16 kHz -> embedding float32
                          [windows, 2048]
frill_1s.tflite           samples float32 [1, 16000] -> embedding float32 [1, 2048]: the same of
                          fixed shapes. 1 s has one window
frill_nofrontend.tflite   log-mel windows float32 [1, 96, 64, 1] -> embedding float32 [1, 2048]
saved_model/              two signatures, samples float32 [B, T] -> 'embedding': [B * windows, 2048]
                          as the published FRILL, [B, windows, 2048]
example.py, Frill.kt      the shortest programs that embed audio: Python, Android
MODEL_CARD.md, SHA256SUMS

The .tflite files hold TFLite metadata. Two releases of one student have equal bytes.
"""

import hashlib
import json
import shutil
from dataclasses import replace
from operator import itemgetter
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras as keras

from frill.audio import frontend, frontend_tf
from frill.audio.clips import ClipStore
from frill.audio.waveform import SAMPLE_RATE_HZ
from frill.embed.embedder import Embedder
from frill.errors import UserError
from frill.frontier.results import StudentResult
from frill.release.examples import render_examples
from frill.release.tflite_metadata import ModelInfo, TensorInfo, add_metadata
from frill.scratch import content_hash
from frill.students.convert import compare_embeddings, convert_with_frontend, find_limit
from frill.students.weights import load_student

PARITY_CLIPS = 16
PARITY_S = 10
SAMPLES = TensorInfo(
    "samples",
    "Mono audio of any length; under 1 s it is padded.",
    ("batch", "samples"),
    SAMPLE_RATE_HZ,
    (-1.0, 1.0),
)
SECOND = replace(SAMPLES, description="Mono audio of 1 s.")
WINDOWS = TensorInfo(
    "windows",
    "Log-mel of 0.96 s: 96 frames of 10 ms, 64 mel bands.",
    ("batch", "frames", "mel bands", "channel"),
)
EMBEDDING = TensorInfo(
    "embedding", "One row for every 170 ms of audio, of 0.96 s each.", ("windows", "values")
)
WITH_FRONTEND = ("frill.tflite", "frill_1s.tflite")


class Module(tf.Module):
    """The student behind the log-mel frontend."""

    def __init__(self, student: keras.Model):
        super().__init__()
        # Variables and a closure: saving the Keras model would trace every layer once more.
        self.kept = student.variables
        self._embed = lambda windows: student(
            tf.reshape(windows, [-1, *student.input_shape[1:]]), training=False
        )

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, name="samples")])
    def __call__(self, samples):
        """Return {'embedding': [B * windows, D]} of float32 [B, T]."""
        return {"embedding": self._embed(frontend_tf.windows(samples))}

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, name="samples")])
    def time_resolved(self, samples):
        """Return {'embedding': [B, windows, D]} of float32 [B, T]."""
        windows = frontend_tf.windows(samples)
        rows = self._embed(windows)
        shape = [tf.shape(windows)[0], tf.shape(windows)[1], rows.shape[-1]]
        return {"embedding": tf.reshape(rows, shape)}


def write_models(
    selected: StudentResult, folder: Path, scored: bytes, licence: str, out: Path
) -> None:
    """Write the .tflite files and saved_model/ to `out`.

    `folder` has the trained student, `scored` is the .tflite file that was timed and scored,
    `licence` a sentence.
    """
    out.mkdir(parents=True, exist_ok=True)

    def write_tflite(name: str, model: bytes, entry: TensorInfo) -> None:
        about = f"Non-semantic speech embedding: {selected.name} of FRILL's family"
        version = hashlib.sha256(model).hexdigest()[:12]
        info = ModelInfo("frill", about, version, licence, entry, (EMBEDDING,))
        (out / name).write_bytes(add_metadata(model, info))

    any_length, second = convert_folder(folder, selected.precision)
    write_tflite("frill.tflite", any_length, SAMPLES)
    write_tflite("frill_1s.tflite", second, SECOND)
    write_tflite("frill_nofrontend.tflite", scored, WINDOWS)
    _save_model(load_student(folder), out / "saved_model")


def convert_folder(folder: Path, precision: str) -> tuple[bytes, bytes]:
    """Return a trained student's two files with frontend: of any length, and of 1 s."""
    network = load_student(folder, simulates_int8=precision != "int8")
    qat = json.loads((folder / "spec.json").read_text())["qat"] and precision != "int8"
    any_length = convert_with_frontend(network, precision, qat)
    second = convert_with_frontend(network, precision, qat, frontend.MIN_SAMPLES)
    return any_length, second


def choose_clips(corpora: list[Path]) -> list[np.ndarray]:
    """Return the beginnings of PARITY_CLIPS clips of every corpus, int16 [samples]."""
    clips = []
    for folder in corpora:
        store = ClipStore(folder)
        step = max(1, len(store) // PARITY_CLIPS)
        for index in range(0, len(store), step)[:PARITY_CLIPS]:
            clips.append(store.samples(index)[: PARITY_S * SAMPLE_RATE_HZ])
    return clips


def check_parity(selected: StudentResult, out: Path, clips: list[np.ndarray], limit: float) -> dict:
    """Return how alike the embeddings of the files with frontend are to the scored file's.

    `clips` int16 [samples]. As students.convert.compare_embeddings, of the file with the least
    cosine, with `clips`. Raises UserError where a window's cosine is under `limit`; then nothing is
    left in `out`.
    """

    def embed(name: str) -> np.ndarray:
        embedder = Embedder(out / name)
        return np.concatenate([embedder.embed(samples) for samples in clips])

    expected = embed("frill_nofrontend.tflite")
    parities = []
    for name in WITH_FRONTEND:
        parity = compare_embeddings(expected, embed(name)) | {"clips": len(clips)}
        if not parity["min_cosine"] >= limit:  # a NaN is beyond it too
            shutil.rmtree(out)
            key = find_limit(selected.precision, bool(selected.qat))
            raise UserError(
                f"{selected.name}: on a clip of a corpus the embedding of {name}, with frontend, "
                f"has cosine {parity['min_cosine']:.9g} with that of the file that was scored, "
                f"under params.yaml: convert.{key} = {limit:g}; choose another precision or lower "
                "the limit"
            )
        parities.append(parity)
    return min(parities, key=itemgetter("min_cosine"))


def write_texts(card: str, out: Path) -> None:
    """Write the examples, the card, and SHA256SUMS of all."""
    for name, text in render_examples(Embedder(out / "frill.tflite").values).items():
        (out / name).write_text(text)
    (out / "MODEL_CARD.md").write_text(card)
    _write_checksums(out)


def _save_model(student: keras.Model, folder: Path) -> None:
    module = Module(student)
    signatures = {
        "serving_default": module.__call__.get_concrete_function(),
        "time_resolved": module.time_resolved.get_concrete_function(),
    }
    tf.saved_model.save(module, str(folder), signatures=signatures)
    (folder / "fingerprint.pb").unlink(missing_ok=True)  # differs between equal models


def _write_checksums(folder: Path) -> None:
    lines = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        lines.append(f"{content_hash(path)}  {path.relative_to(folder).as_posix()}\n")
    (folder / "SHA256SUMS").write_text("".join(lines))
