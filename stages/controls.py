"""The control with random weights: the student small 1.0 untrained. And the frontend alone.

The control is scored beside the students, and latencies are timed against it. The frontend is
timed: it is what an app computes before each of them.
"""

from pathlib import Path

from frill import tensorflow_setup
from frill.params.load import load_params
from frill.workflow.stage import stage

with stage("controls"):
    settings = load_params()
    tensorflow_setup.set_up(settings.threads, settings.seed, settings.onednn)
    from frill.students.build import StudentSpec, build
    from frill.students.convert import convert, convert_frontend

    student = build(StudentSpec("small", 1.0, "gap", None, False), None)
    path = Path("models/controls/random_weights.tflite")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(convert(student, "float32", qat=False))
    path.with_name("frontend.tflite").write_bytes(convert_frontend())
