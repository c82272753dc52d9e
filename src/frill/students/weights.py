"""A trained student on disk: weights.npz and spec.json. Equal students have equal bytes.

weights.npz has every weight up to the embedding, keyed by layer and position.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import tf_keras as keras

from frill.students.build import HEAD, StudentSpec, build

WRAPPED = "quant_"  # before a layer's name: quantize_apply wrapped it


def save_student(model: keras.Model, spec: StudentSpec, folder: Path) -> None:
    """Write both files; the head to the targets is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {}
    for layer in model.layers:
        if layer.name in (HEAD, WRAPPED + HEAD):
            continue
        for number, value in enumerate(layer.get_weights()):
            weights[f"{layer.name}/{number}"] = value
    np.savez(folder / "weights.npz", **weights)
    (folder / "spec.json").write_text(json.dumps(spec.as_dict(), indent=1) + "\n")


def load_student(folder: Path, simulates_int8: bool = True) -> keras.Model:
    """Return the student of a folder: windows [B, 96, 64, 1] -> embedding [B, bottleneck].

    A qat student without `simulates_int8` has the same weights and no fake quantisation.
    """
    spec = StudentSpec(**json.loads((folder / "spec.json").read_text()))
    model = build(replace(spec, qat=spec.qat and simulates_int8), None)
    load_weights(model, folder)
    return model


def load_weights(model: keras.Model, folder: Path) -> None:
    """Give a student the weights of a folder of the same architecture."""
    with np.load(folder / "weights.npz") as file:
        for layer in model.layers:
            # A wrapped layer's own weights come first, its ranges behind them.
            wrapped = f"{WRAPPED}{layer.name}"
            name = wrapped if f"{wrapped}/0" in file else layer.name
            layer.set_weights([file[f"{name}/{number}"] for number in range(len(layer.weights))])
