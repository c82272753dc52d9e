"""Each model as MLflow's own object, so that the page's Models tab is the table of students.

It holds no copy of the file: its tags say where that is, and its sha256. Metrics are those of the
model's run, tied to the task that they were measured on.
"""

import tempfile
import time
from pathlib import Path

import numpy as np

from frill.audio.frontend import WINDOW_SHAPE
from frill.tracking.datasets import AudioSet
from frill.tracking.runs import Run
from frill.tracking.tags import EXTERNAL, KIND, MODEL_ID


def log_model(
    api, experiment_id: str, run_id: str, run: Run, sets: dict[str, AudioSet], values: int
) -> str:
    """Log the model of a run with all its metrics, and return its id.

    `values` are those of a student's embedding.
    """
    from mlflow.entities import LoggedModelOutput

    params = {key: str(value) for key, value in run.params.items()}
    model = api.create_logged_model(
        experiment_id,
        name=run.name,
        source_run_id=run_id,
        tags=run.tags | run.model_tags | {EXTERNAL: "true"},
        params=params,
        model_type=run.tags[KIND],
    )
    model_id = model.model_id
    api.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])
    if run.tags[KIND] == "student":
        _log_signature(api, model, values)
    metrics = make_metrics(run, run.metrics | run.moving, model_id, sets)
    api.log_batch(run_id, metrics=metrics)
    api.finalize_logged_model(model_id, "READY")
    api.set_tag(run_id, MODEL_ID, model_id)
    return model_id


def make_metrics(
    run: Run, values: dict[str, float], model_id: str | None, sets: dict[str, AudioSet]
) -> list:
    """Return metrics of a run and its model, each with the dataset that it was measured on."""
    from mlflow.entities import Metric

    now_ms = int(time.time() * 1000)
    metrics = []
    for key, value in values.items():
        task = sets.get(run.tasks.get(key))
        name, digest = (task.name, task.digest) if task else (None, None)
        metrics.append(Metric(key, value, now_ms, 0, model_id, name, digest))
    return metrics


def _log_signature(api, model, values: int) -> None:
    """Write what the page and the registry read a signature from; it names no weights."""
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema, TensorSpec

    windows = TensorSpec(np.dtype("float32"), (-1, *WINDOW_SHAPE))
    embedding = TensorSpec(np.dtype("float32"), (-1, values))
    described = Model(
        artifact_path=model.artifact_location,
        run_id=model.source_run_id,
        signature=ModelSignature(Schema([windows]), Schema([embedding])),
        model_uuid=model.model_id,
        model_id=model.model_id,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "MLmodel")
        described.save(str(path))
        api.log_model_artifact(model.model_id, str(path))
