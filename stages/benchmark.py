"""benchmark.py NAME DEVICE: times one student on one device, interleaved with the control."""

import json
import sys
from pathlib import Path

from frill.device.measure import measure
from frill.params.load import load_params
from frill.workflow.stage import stage

name, device = sys.argv[1:]
with stage(f"benchmark@{name}-{device}"):
    settings = load_params()
    identity = json.loads(Path(f"results/identity/{device}.json").read_text())
    model, control = (
        Path("models/tflite", name, "model.tflite"),
        Path("models/controls/random_weights.tflite"),
    )
    result = measure(model, control, device, settings.devices[device], identity)
    out = Path("results/latency", device, f"{name}.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(
        f"{name} on {device}: {result['latency_ms']:.3f} ms, {result['ratio']:.3f} of the control"
    )
