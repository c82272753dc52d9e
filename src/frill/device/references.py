"""Latencies of what students are compared with: the random-weights control and the teacher."""

import json
from pathlib import Path

from frill.device.errors import ModelError
from frill.device.measure import measure
from frill.params.devices import Device
from frill.params.schema import TEACHER


def measure_references(
    teacher: Path, control: Path, name: str, device: Device, identity: dict
) -> dict[str, dict]:
    """Return the result of each by its name; `teacher` is the folder models/teacher.

    The teacher is timed with its frontend, on 1 s of samples. If it does not run as TFLite, its
    latency is None, with a reason: students are selected without it.
    """
    results = {"random_weights": measure(control, control, name, device, identity)}
    path = teacher / "teacher.tflite"
    reason = json.loads((teacher / "summary.json").read_text())["tflite"]
    if path.exists():
        try:
            return results | {TEACHER: measure(path, control, name, device, identity)}
        except ModelError as error:
            reason = str(error)
    return results | {TEACHER: {"schema": 1, "latency_ms": None, "reason": reason}}
