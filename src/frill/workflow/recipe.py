"""What every stage is made by: a hash of its code and, where there is one for each student, params.

DVC reads params.yaml anew for every stage that has `params`. So students' stages have none: what
they need of params.yaml stands beside the hash, in a small file that they depend on.
"""

from pathlib import Path

from ruamel.yaml import YAML

from frill.fingerprint import hash_code
from frill.params.schema import Student

# The script that writes the recipes.
OWN = "fingerprints"
# Sections of params.yaml that shape the stages of all students alike.
SHARED = {
    "distill": ("seed", "threads", "onednn", "distill"),
    "convert": ("convert",),
    "evaluate": ("seed", "noss"),
}
# Axes of each student that shape a stage of its own. A precision retrains nobody.
OF_A_STUDENT = {
    "distill": ("backbone", "width", "pooling", "rank", "qat", "seeds"),
    "convert": ("precision",),
}


# Settings of a device that say whose latencies these are, and with what runtime.
OF_AN_IDENTITY = ("kind", "serial", "xnnpack")
# Those that change no number: a phone's name and places, and how long it is waited for. What is run
# there is told by its sha256.
OF_NO_TIMING = ("serial", "folder", "tool", "run_model", "cool_down_s", "timeout_s", "discards")


def read_all(loaders: dict[str, str], root: Path = Path()) -> dict[str, dict]:
    """Return each stage's recipe, {"code": sha256, "params": values}, by the file's name.

    `download` has one for each of `loaders`, a module by the kind of audio that it reads; stages of
    a device have one for each, `distill` and `convert` for each student. Values are params.yaml's
    own: a default that frill adds to a section changes no recipe.
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
        elif name in ("identify", "benchmark", "benchmark_references"):
            for device, settings in values["devices"].items():
                own = _choose_settings(name, settings)
                recipes[f"{name}/{device}"] = {"code": hash_code(script), "params": own}
        else:
            own = {"code": hash_code(script)}
            if name in SHARED:
                own["params"] = {key: values[key] for key in SHARED[name]}
            if name in OF_A_STUDENT:
                recipes |= _add_students(name, own, values["students"])
            else:
                recipes[name] = own
    return recipes


def _choose_settings(stage: str, settings: dict) -> dict:
    """Return the settings of a device that change what a stage makes of it."""
    if stage == "identify":
        return {key: settings[key] for key in OF_AN_IDENTITY if key in settings}
    return {key: value for key, value in settings.items() if key not in OF_NO_TIMING}


def _add_students(stage: str, shared: dict, students: dict[str, dict]) -> dict[str, dict]:
    """Return a stage's recipe for each student. An axis with the value of its default is left out:
    written or not, the student is the same.
    """
    recipes = {}
    for name, values in students.items():
        axes = {}
        for axis in OF_A_STUDENT[stage]:
            default = Student.model_fields[axis].default
            value = values.get(axis, default)
            if value not in (default, "none"):
                axes[axis] = value
        recipes[f"{stage}/{name}"] = shared | {"student": axes}
    return recipes
