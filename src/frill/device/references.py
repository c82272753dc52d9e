"""Latencies of what students are compared with: the random-weights control and the teacher.

And of the frontend, which an app computes before each of them.
"""

import json
from pathlib import Path

from frill.device.errors import ModelError
from frill.device.measure import measure
from frill.params.devices import Device
from frill.params.schema import FRONTEND, TEACHER


def measure_references(
    teacher: Path, controls: Path, name: str, device: Device, identity: dict
) -> dict[str, dict]:
    """Return the result of each by its name; the folders are models/teacher and models/controls.

    The teacher is timed with its frontend, on 1 s of samples. What does not run as TFLite on the
    device has the latency None, with a reason: students are selected without it.
    """
    control = controls / "random_weights.tflite"

    def measure_one(path: Path, reason: str) -> dict:
        if path.exists():
            try:
                return measure(path, control, name, device, identity)
            except ModelError as error:
                reason = str(error)
        return {"schema": 1, "latency_ms": None, "reason": reason}

    no_teacher = json.loads((teacher / "summary.json").read_text())["tflite"]
    return {
        "random_weights": measure(control, control, name, device, identity),
        FRONTEND: measure_one(controls / "frontend.tflite", "no such file"),
        TEACHER: measure_one(teacher / "teacher.tflite", no_teacher),
    }
