"""benchmark_references.py DEVICE: times the teacher, the random-weights control, the frontend."""

import json
import sys
from pathlib import Path

from frill.device.references import measure_references
from frill.params.load import load_params
from frill.workflow.stage import stage

device = sys.argv[1]
with stage(f"benchmark_references@{device}"):
    settings = load_params().devices[device]
    teacher, controls = Path("models/teacher"), Path("models/controls")
    identity = json.loads(Path(f"results/identity/{device}.json").read_text())
    results = measure_references(teacher, controls, device, settings, identity)
    out = Path("results/latency", device)
    out.mkdir(parents=True, exist_ok=True)
    for name, result in results.items():
        latency_ms = result["latency_ms"]
        text = f"not timed, {result['reason']}" if latency_ms is None else f"{latency_ms:.3f} ms"
        print(f"{name} on {device}: {text}")
        (out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
