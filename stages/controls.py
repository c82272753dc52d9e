"""The control with random weights: the student small 1.0 untrained. It is scored beside the students, and is what latencies are timed against."""

from pathlib import Path

from frill import tensorflow_setup
from frill.params.load import load_params
from frill.workflow.stage import stage

with stage("controls"):
    settings = load_params()
    tensorflow_setup.set_up(settings.threads, settings.seed)
    from frill.students import convert
    from frill.students.build import StudentSpec, build

    spec = StudentSpec("small", 1.0, "gap", None, False)
    folder = Path("models/controls")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "random_weights.tflite").write_bytes(
        convert.convert(build(spec, None), "float32", qat=False)
    )
