"""A small model with frontend as a release."""

from pathlib import Path

import pytest
import tf_keras as keras

from frill.head.source import Source, read_source
from frill.students.build import StudentSpec, build
from frill.students.weights import save_student


@pytest.fixture(scope="module")
def source(short_backbone, tmp_path_factory) -> Source:
    """Return a student of 24 values, converted from its folder."""
    keras.utils.set_random_seed(17)  # the same weights whichever tests ran before
    spec = StudentSpec("tiny", 0.5, "gap", None, False, 24)
    folder = tmp_path_factory.mktemp("project") / "models/students/small"
    save_student(build(spec, None), spec, folder)
    return read_source(folder)


@pytest.fixture(scope="module")
def release(source, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("release")
    (folder / "frill.tflite").write_bytes(source.any_length)
    (folder / "frill_1s.tflite").write_bytes(source.second)
    (folder / "MODEL_CARD.md").write_text("# small_gap: a non-semantic speech embedding\n\nIt.\n")
    return folder
