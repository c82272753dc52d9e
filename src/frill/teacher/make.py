"""Making of models/teacher, whatever its source: nothing behind this stage knows which it was."""

import json
import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf

from frill.params.schema import TRAINS, Teacher
from frill.scratch import content_hash
from frill.teacher import saved_model, tfhub, triplet
from frill.teacher.load import PYTHON, SAVED_MODEL, find_model, is_python, load_teacher
from frill.teacher.python import PythonTeacher
from frill.tensorflow_setup import quiet_stderr

TFLITE = "teacher.tflite"


def make_teacher(spec: Teacher, corpus: Path, out: Path, seed: int) -> dict:
    """Write the SavedModel, its TFLite form where it converts, and summary.json, and return that.

    summary.json has `source`, the `version` of a TF-Hub handle, `sha256` of the SavedModel's folder
    or the Python file (frill.scratch.content_hash), `level` of the output (saved_model.Teacher,
    python.PythonTeacher), `values` in a row of it, `tflite` ("converted", or why not). If it was
    trained here, also the `loss` and
    `label_classes`: how many classes of which labels, none where it is not supervised.
    Raises TeacherError.
    """
    out.mkdir(parents=True, exist_ok=True)
    folder = out / SAVED_MODEL
    trained = None
    if is_python(spec.source):
        shutil.copyfile(spec.source, out / PYTHON)
    elif spec.source == TRAINS:
        stores = sorted(path for path in corpus.iterdir() if path.is_dir())
        trained = triplet.train(stores, spec.training, seed)
        saved_model.export(trained.network, folder)
    else:
        source = tfhub.find_folder(spec.source)
        shutil.copytree(source, folder, copy_function=shutil.copyfile, dirs_exist_ok=True)
    teacher = load_teacher(out, spec.output)
    summary = {"schema": 1, "source": spec.source}
    if tfhub.is_handle(spec.source):
        summary["version"] = tfhub.version(spec.source)
    summary |= {
        "sha256": content_hash(find_model(out)),
        "output": spec.output,
        "level": teacher.level,
        "values": teacher.values,
        "tflite": _convert(teacher, spec.output, out / TFLITE),
    }
    if trained:
        first, last = float(np.mean(trained.losses[:50])), float(np.mean(trained.losses[-50:]))
        summary["loss"] = {"first_50": first, "last_50": last}
        summary["label_classes"] = trained.classes
    (out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    return summary


def _convert(teacher: saved_model.Teacher | PythonTeacher, output: str, path: Path) -> str:
    """Write the teacher on the samples of one row as a .tflite file, for its latency.

    Returns "converted", or why it cannot be.
    """
    if isinstance(teacher, PythonTeacher):
        return "a Python function: no latency is claimed for it"
    spec = tf.TensorSpec([teacher.call_samples], tf.float32, name="samples")

    @tf.function(input_signature=[spec])
    def one_window(samples):
        return {output: tf.reshape(teacher.outputs(samples[None]), [-1, teacher.values])}

    try:
        concrete = one_window.get_concrete_function()
        converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], teacher.module)
        with quiet_stderr():  # the converter prints the whole graph of what it cannot convert
            path.write_bytes(converter.convert())
    except Exception as error:  # whatever the converter raises: a teacher need not run on a phone
        # Its first line, without the place in the code: a path of this machine.
        said = str(error).strip().partition("\n")[0].rpartition("error: ")[2]
        return f"not convertible: {said or type(error).__name__}"
    return "converted"
