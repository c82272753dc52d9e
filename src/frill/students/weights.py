"""A trained student on disk: weights.npz (every weight up to the embedding, keyed by layer and position) and spec.json. Equal students, equal bytes."""

import json
from pathlib import Path

import numpy as np
import tf_keras as keras

from frill.students.build import HEAD, StudentSpec, build


def save_student(model: keras.Model, spec: StudentSpec, folder: Path) -> None:
    """Writes both files; the head to the targets is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    layers = (
        layer for layer in model.layers if layer.weights and not layer.name.endswith(HEAD)
    )  # quantize_apply puts quant_ before names
    np.savez(
        folder / "weights.npz",
        **{
            f"{layer.name}/{i}": value
            for layer in layers
            for i, value in enumerate(layer.get_weights())
        },
    )
    (folder / "spec.json").write_text(json.dumps(spec.as_dict(), indent=1) + "\n")


def load_student(folder: Path) -> keras.Model:
    """Windows [B, 96, 64, 1] -> embedding [B, bottleneck]."""
    model = build(StudentSpec(**json.loads((folder / "spec.json").read_text())), None)
    with np.load(folder / "weights.npz") as file:
        for layer in model.layers:
            if layer.weights:
                layer.set_weights([file[f"{layer.name}/{i}"] for i in range(len(layer.weights))])
    return model
