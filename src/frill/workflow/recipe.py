"""What every stage is made by: a hash of its code and, where there is one for each student, params.

DVC reads params.yaml anew for every stage that has `params`. So students' stages have none: what
they share of params.yaml stands beside the hash, in the one small file that they all depend on.
"""

from pathlib import Path

from ruamel.yaml import YAML

from frill.fingerprint import hash_code

# The script that writes the recipes.
OWN = "fingerprints"
# Sections of params.yaml that shape the stages of all students alike.
SHARED = {
    "distill": ("seed", "threads", "onednn", "distill"),
    "convert": ("convert",),
    "evaluate": ("seed", "noss"),
}


def read_all(loaders: dict[str, str], root: Path = Path()) -> dict[str, dict]:
    """Return each stage's recipe, {"code": sha256, "params": values}, by the file's name.

    `download` has one for each of `loaders`, a module by the kind of audio that it reads;
    `benchmark` has one for each device. Values are params.yaml's own: a default that frill adds to
    a section changes no recipe.
    """
    values = YAML(typ="safe").load((root / "params.yaml").read_text())
    recipes = {}
    for script in sorted((root / "stages").glob("*.py")):
        name = script.stem
        if name == OWN:
            continue
        if name == "download":
            for source, loader in loaders.items():
                recipes[f"download_{source}"] = {"code": hash_code(script, loader)}
        elif name == "benchmark":
            for device, settings in values["devices"].items():
                recipes[f"benchmark/{device}"] = {"code": hash_code(script), "params": settings}
        else:
            recipes[name] = {"code": hash_code(script)}
            if name in SHARED:
                recipes[name]["params"] = {key: values[key] for key in SHARED[name]}
    return recipes
