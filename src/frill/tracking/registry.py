"""The selected model in MLflow's registry, as a function of waveforms.

It stands under the alias `champion`: models:/frill@champion.
"""

import contextlib
import os
from importlib.metadata import requires
from pathlib import Path

import numpy as np

from frill.tracking.store import connect
from frill.tracking.tags import ALIAS, MODEL_HASH

PACKAGE = Path(__file__).resolve().parents[1]
WAVEFORM_MODEL = Path(__file__).with_name("waveform_model.py")


def promote(tflite: Path, sha256: str, run_id: str, uri: str, name: str) -> str:
    """Make the file the champion and return its version.

    A file that was registered before gets the alias back. Raises StoreUnavailable or UserError.
    """
    with connect(uri) as (mlflow, api):
        versions = api.search_model_versions(f"name = '{name}'")
        same = [each.version for each in versions if each.tags.get(MODEL_HASH) == sha256]
        version = same[0] if same else _register(mlflow, tflite, sha256, run_id, name)
        api.set_registered_model_alias(name, ALIAS, version)
        return str(version)


def _register(mlflow, tflite: Path, sha256: str, run_id: str, name: str) -> str:
    from mlflow.models import ModelSignature
    from mlflow.types import ParamSchema, ParamSpec, Schema, TensorSpec

    waveforms = TensorSpec(np.dtype("float32"), (-1, -1))
    embeddings = TensorSpec(np.dtype("float32"), (-1, -1, -1))
    rate = ParamSpec("sample_rate_hz", "long", 16000)
    signature = ModelSignature(Schema([waveforms]), Schema([embeddings]), ParamSchema([rate]))
    # Both report by print and warn of missing type hints, which the signature stands for.
    with (
        open(os.devnull, "w") as nowhere,
        contextlib.redirect_stderr(nowhere),
        contextlib.redirect_stdout(nowhere),
        mlflow.start_run(run_id=run_id),
    ):
        logged = mlflow.pyfunc.log_model(
            name=name,
            python_model=str(WAVEFORM_MODEL),
            artifacts={"model": str(tflite)},
            code_paths=[str(PACKAGE)],
            pip_requirements=[line for line in requires("frill") if "extra ==" not in line],
            signature=signature,
        )
        return mlflow.register_model(logged.model_uri, name, tags={MODEL_HASH: sha256}).version
