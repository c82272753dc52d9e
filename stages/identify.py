"""identify.py DEVICE: what the device's milliseconds depend on (CPU, or phone and its build). A phone has to be attached; without it only its own stages wait."""

import json
import sys
from pathlib import Path

from frill.device.identity import identity
from frill.params.load import load_params
from frill.workflow.stage import stage

name = sys.argv[1]
with stage(f"identify@{name}"):
    found = identity(name, load_params().devices[name])
    out = Path("results/identity", f"{name}.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{name}: {', '.join(f'{key} {value}' for key, value in found.items() if value)}")
