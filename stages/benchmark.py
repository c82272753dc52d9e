"""benchmark.py NAME DEVICE: times one student on one device, interleaved with the control."""

import json
import sys
from pathlib import Path

from frill.device.measure import measure
from frill.params.load import load_params
from frill.workflow.stage import stage

name, device = sys.argv[1:]
with stage(f"benchmark@{name}-{device}"):
    settings = load_params().devices[device]
    model = Path("models/tflite", name, "model.tflite")
    control = Path("models/controls/random_weights.tflite")
    identity = json.loads(Path(f"results/identity/{device}.json").read_text())
    result = measure(model, control, device, settings, identity)
    out = Path("results/latency", device, f"{name}.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n")
    latency_ms, ratio = result["latency_ms"], result["ratio"]
    print(f"{name} on {device}: {latency_ms:.3f} ms, {ratio:.3f} of the control")
