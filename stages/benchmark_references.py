"""benchmark_references.py DEVICE: times the teacher (with its frontend, on 1 s of samples) where it runs as TFLite, and the random-weights control."""

import json
import sys
from pathlib import Path

from frill import params
from frill.device.measure import measure
from frill.stage import stage

device = sys.argv[1]
with stage(f"benchmark_references@{device}"):
    settings = params.load()
    control = Path("models/controls/random_weights.tflite")
    identity = json.loads(Path(f"results/identity/{device}.json").read_text())
    out = Path("results/latency", device)
    out.mkdir(parents=True, exist_ok=True)
    for name, model in ((params.TEACHER, Path("models/teacher/teacher.tflite")), ("random_weights", control)):
        if model.exists():
            result = measure(model, control, device, settings.devices[device], identity)
            print(f"{name} on {device}: {result['latency_ms']:.3f} ms")
        else:
            reason = json.loads(Path("models/teacher/summary.json").read_text())["tflite"]
            result = {"schema": 1, "latency_ms": None, "reason": reason}
            print(f"{name} on {device}: not timed, {reason}")
        (out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
