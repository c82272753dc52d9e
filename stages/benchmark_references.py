"""benchmark_references.py DEVICE: times the teacher (with its frontend, on 1 s of samples) where it runs as TFLite, and the random-weights control."""

import json
import sys
from pathlib import Path

from frill.device.errors import ModelError
from frill.device.measure import measure
from frill.params.load import load_params
from frill.params.schema import TEACHER
from frill.workflow.stage import stage

device = sys.argv[1]
with stage(f"benchmark_references@{device}"):
    settings = load_params()
    control = Path("models/controls/random_weights.tflite")
    identity = json.loads(Path(f"results/identity/{device}.json").read_text())
    out = Path("results/latency", device)
    out.mkdir(parents=True, exist_ok=True)
    teacher, reason = (
        Path("models/teacher/teacher.tflite"),
        json.loads(Path("models/teacher/summary.json").read_text())["tflite"],
    )
    results = {
        "random_weights": measure(control, control, device, settings.devices[device], identity)
    }
    try:
        timed = (
            measure(teacher, control, device, settings.devices[device], identity)
            if teacher.exists()
            else None
        )
    except ModelError as error:  # students are selected without it
        timed, reason = None, str(error)
    results[TEACHER] = timed or {"schema": 1, "latency_ms": None, "reason": reason}
    for name, result in results.items():
        print(
            f"{name} on {device}: "
            + (
                f"not timed, {reason}"
                if result["latency_ms"] is None
                else f"{result['latency_ms']:.3f} ms"
            )
        )
        (out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
