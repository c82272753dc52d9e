"""models/teacher of a SavedModel and of a handle: what summary.json says of it."""

import json

import conventions
import pytest
import tensorflow as tf

from frill.params.schema import Teacher
from frill.scratch import content_hash
from frill.teacher.make import make_teacher

TRAINING = {
    "steps": 1,
    "batch_windows": 8,
    "learning_rate": 0.001,
    "margin": 0.2,
    "positive_hops": 4,
    "label_weight": 0,
}


@pytest.mark.parametrize("source", ["given", "tfhub.dev/google/trillsson3/1"])
@pytest.mark.parametrize(
    "module, level, values", [(conventions.Trill, "time", 4), (conventions.Trillsson, "clip", 3)]
)
def test_the_summary_names_the_teacher_by_its_content(
    tmp_path, monkeypatch, source, module, level, values
):
    monkeypatch.chdir(tmp_path)
    conventions.save(module(), tmp_path / source)
    spec = Teacher(source=source, output="embedding", training=TRAINING)
    summary = make_teacher(spec, tmp_path, tmp_path / "out", 17)
    assert summary == json.loads((tmp_path / "out/summary.json").read_text())
    assert (summary["source"], summary["level"], summary["values"]) == (source, level, values)
    assert summary.get("version") == ("1" if "/" in source else None)
    assert summary["sha256"] == content_hash(tmp_path / source)
    assert summary["sha256"] == content_hash(tmp_path / "out/saved_model")
    assert (tmp_path / "out/teacher.tflite").exists() == (summary["tflite"] == "converted")


class Growing(conventions.OneClip):
    """Keeps its rows in a list that grows, as LSTMs over a clip do: TFLite has no such list."""

    @tf.function
    def __call__(self, samples, sample_rate):
        rows = super().__call__(samples, sample_rate)["embedding"]
        grown = tf.TensorArray(tf.float32, size=tf.shape(rows)[0], dynamic_size=True)
        for row in tf.range(tf.shape(rows)[0]):
            grown = grown.write(row, rows[:row])
        return {"embedding": grown.concat()[: tf.shape(rows)[0]]}


def test_what_tflite_cannot_run_is_said_in_a_line_without_a_path(tmp_path):
    conventions.save(Growing(), tmp_path / "source")
    spec = Teacher(source=str(tmp_path / "source"), output="embedding", training=TRAINING)
    summary = make_teacher(spec, tmp_path, tmp_path / "out", 17)
    assert summary["tflite"].startswith("not convertible: 'tf.TensorList")
    assert "/" not in summary["tflite"] and "\n" not in summary["tflite"]
    assert not (tmp_path / "out/teacher.tflite").exists()
