"""identify.py DEVICE: what its milliseconds depend on (CPU and runtime, or phone and build).

A phone has to be attached; without it only its own stages wait. Another device than the recorded
one is refused. Another runtime is recorded, and every model is timed with it.
"""

import json
import sys
from pathlib import Path

from frill.device.identity import describe_identity, read_identity, refuse_other_device
from frill.params.load import load_params
from frill.workflow.stage import stage

name = sys.argv[1]
with stage(f"identify@{name}"):
    identity = read_identity(name, load_params().devices[name])
    out = Path("results/identity", f"{name}.json")
    if out.exists():
        refuse_other_device(name, json.loads(out.read_text()), identity)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(identity, indent=1) + "\n")
    print(f"{name}: {describe_identity(identity)}")
