"""recipe.py STAGE [DEVICE]: what STAGE is made with for all students alike, as one small file that they depend on."""

import json
import sys
from pathlib import Path

from frill import recipe
from frill.stage import stage

name, *device = sys.argv[1:]
with stage("@".join([f"recipe_{name}", *device])):
    out = Path("data/recipes", "/".join([name, *device]) + ".json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(recipe.read(f"recipe_{name}", *device), indent=1) + "\n")
