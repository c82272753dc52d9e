"""The selected model in MLflow's registry, as a function of waveforms.

It stands under the alias `champion`: models:/frill@champion.
"""

import contextlib
import os
import shutil
import tempfile
from importlib.metadata import requires
from pathlib import Path

import numpy as np

from frill.tracking.store import StoredRun, Target, connect
from frill.tracking.tags import ALIAS, EXTERNAL, MODEL_HASH, MODEL_ID

PACKAGE = Path(__file__).resolve().parents[1]
EMBEDS = ("audio", "embed")
WAVEFORM_MODEL = Path(__file__).with_name("waveform_model.py")


def promote(tflite: Path, sha256: str, run: StoredRun, target: Target) -> str:
    """Make the file, the model of a run, the champion and return its version.

    A file that was registered before gets the alias back. Raises StoreUnavailable or UserError.
    """
    name = target.experiment
    with connect(target.uri) as (mlflow, api):
        versions = api.search_model_versions(f"name = '{name}'")
        same = [each.version for each in versions if each.tags.get(MODEL_HASH) == sha256]
        version = same[0] if same else _register(mlflow, api, tflite, sha256, run, name)
        api.set_registered_model_alias(name, ALIAS, version)
        return str(version)


def _register(mlflow, api, tflite: Path, sha256: str, run: StoredRun, name: str) -> str:
    """Give the run's model its files, and register it."""
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ParamSchema, ParamSpec, Schema, TensorSpec

    model_id = run.tags[MODEL_ID]
    waveforms = TensorSpec(np.dtype("float32"), (-1, -1))
    embeddings = TensorSpec(np.dtype("float32"), (-1, -1, -1))
    rate = ParamSpec("sample_rate_hz", "long", 16000)
    signature = ModelSignature(Schema([waveforms]), Schema([embeddings]), ParamSchema([rate]))
    # Both report by print and warn of missing type hints, which the signature stands for.
    with (
        open(os.devnull, "w") as nowhere,
        contextlib.redirect_stderr(nowhere),
        contextlib.redirect_stdout(nowhere),
        tempfile.TemporaryDirectory() as folder,
    ):
        saved = Path(folder, "model")
        mlflow.pyfunc.save_model(
            saved,
            mlflow_model=Model(run_id=run.run_id, model_uuid=model_id, model_id=model_id),
            python_model=str(WAVEFORM_MODEL),
            artifacts={"model": str(tflite)},
            code_paths=[str(_copy_embedder(Path(folder)))],
            pip_requirements=[line for line in requires("frill") if "extra ==" not in line],
            signature=signature,
        )
        api.log_model_artifacts(model_id, str(saved))
        api.delete_logged_model_tag(model_id, EXTERNAL)
        return mlflow.register_model(f"models:/{model_id}", name, tags={MODEL_HASH: sha256}).version


def _copy_embedder(folder: Path) -> Path:
    """Copy what of this package embeds: a server takes the files one by one."""
    copy = folder / PACKAGE.name
    copy.mkdir()
    for path in PACKAGE.glob("*.py"):
        shutil.copy(path, copy)
    for room in EMBEDS:
        shutil.copytree(PACKAGE / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    return copy
