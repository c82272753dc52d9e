"""A trained student on disk: weights.npz and spec.json. Equal students have equal bytes.

weights.npz has every weight up to the embedding, keyed by layer and position.
"""

import json
from pathlib import Path

import numpy as np
import tf_keras as keras

from frill.students.build import HEAD, StudentSpec, build


def save_student(model: keras.Model, spec: StudentSpec, folder: Path) -> None:
    """Write both files; the head to the targets is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {}
    for layer in model.layers:
        if layer.name.endswith(HEAD):  # quantize_apply puts quant_ before names
            continue
        for number, value in enumerate(layer.get_weights()):
            weights[f"{layer.name}/{number}"] = value
    np.savez(folder / "weights.npz", **weights)
    (folder / "spec.json").write_text(json.dumps(spec.as_dict(), indent=1) + "\n")


def load_student(folder: Path) -> keras.Model:
    """Return the student of a folder: windows [B, 96, 64, 1] -> embedding [B, bottleneck]."""
    spec = StudentSpec(**json.loads((folder / "spec.json").read_text()))
    model = build(spec, None)
    with np.load(folder / "weights.npz") as file:
        for layer in model.layers:
            keys = [f"{layer.name}/{number}" for number in range(len(layer.weights))]
            layer.set_weights([file[key] for key in keys])
    return model
