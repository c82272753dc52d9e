"""identify.py DEVICE: what the device's milliseconds depend on (CPU, or phone and its build).

A phone has to be attached; without it only its own stages wait.
"""

import json
import sys
from pathlib import Path

from frill.device.identity import read_identity
from frill.params.load import load_params
from frill.workflow.stage import stage

name = sys.argv[1]
with stage(f"identify@{name}"):
    identity = read_identity(name, load_params().devices[name])
    out = Path("results/identity", f"{name}.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(identity, indent=1) + "\n")
    known = [f"{key} {value}" for key, value in identity.items() if value]
    print(f"{name}: {', '.join(known)}")
