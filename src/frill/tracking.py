"""Every model of the table as an MLflow run, written from the artefacts, by nobody but the stage `track`.

A run's key is a hash of all that it logs as params and metrics, kept in its tag `frill.key`: the same results are logged once, whatever ran,
was restored from a cache or pulled. The store itself is asked what it has, and mlflow (3 s to import) is loaded only to write.
"""

import hashlib
import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path

KEY = "frill.key"
EXPERIMENT = "frill"


@dataclass(frozen=True)
class Run:
    """One model: what MLflow shows of it."""

    name: str
    params: dict[str, str | int | float]
    metrics: dict[str, float]
    tags: dict[str, str]
    artifacts: list[Path]
    curve: list[dict]

    @property
    def key(self) -> str:
        content = json.dumps([self.name, self.params, self.metrics, self.curve], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:24]


def runs(frontier: dict, noss: dict[str, dict], curves: dict[str, list[dict]], training: dict, elsewhere: dict[str, dict[str, float]]) -> list[Run]:
    """A run for every student and reference of frontier.json. `training` is the section `distill` of params.yaml, `elsewhere` latency_ms on the
    devices that do not decide, by device and model."""
    axes = ("backbone", "width", "pooling", "rank", "qat", "precision", "seeds")
    whole = ("latency_ms", "quality", "quality_test", "file_bytes", "mean_test_accuracy", "parameters", "multiply_adds", "weight_bytes")
    whole += ("validation_r2", "parity_min_cosine", "parity_relative_error", "quantisation_points", "seed_deviation")
    result = []
    for model in frontier["students"] + frontier["references"]:
        name, is_student = model["name"], "backbone" in model
        params = {axis: "none" if model[axis] is None else model[axis] for axis in axes} if is_student else {}
        params |= {f"distill.{key}": value for key, value in training.items()} if is_student else {}
        metrics = {key: float(model[key]) for key in whole if model.get(key) is not None}
        metrics |= {f"{task}_test_accuracy": scores["test_accuracy"] for task, scores in noss[name]["tasks"].items()}
        metrics |= {f"{device}_latency_ms": times[name] for device, times in elsewhere.items() if name in times}
        if is_student:
            metrics["on_frontier"] = float(model["on_frontier"])
        kind = "student" if is_student else "reference"
        tags = {"kind": kind, "synthetic": str(frontier["synthetic"]).lower(), "device": frontier["device"]}
        tags |= {"status": model["status"]} if is_student else {}
        artifacts = [Path(f"results/noss/{name}.json")]
        artifacts += [Path(f"models/tflite/{name}/model.tflite")] if is_student else []
        result.append(Run(name, params, metrics, tags, artifacts, curves.get(name, [])))
    return result


def missing(runs: list[Run], uri: str) -> list[Run]:
    """Those the store does not hold."""
    keys = _sqlite_keys(Path(uri.removeprefix("sqlite:///"))) if uri.startswith("sqlite:///") else _mlflow_keys(uri)
    return [run for run in runs if run.key not in keys]


def _sqlite_keys(path: Path) -> set[str]:
    if not path.exists():
        return set()
    query = (
        "select tags.value from tags join runs using (run_uuid) where tags.key = ? and runs.lifecycle_stage = 'active' and runs.status = 'FINISHED'"
    )
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30) as database:
            return {value for (value,) in database.execute(query, [KEY])}
    except sqlite3.OperationalError:  # a file that MLflow has not yet made its tables in
        return set()


def _mlflow_keys(uri: str) -> set[str]:
    import mlflow

    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return set()
    found = mlflow.search_runs([experiment.experiment_id], "attributes.status = 'FINISHED'", output_format="list", max_results=50_000)
    return {run.data.tags[KEY] for run in found if KEY in run.data.tags}


def log(runs: list[Run], uri: str, commit: str) -> None:
    """Writes the runs, one after another: simultaneous writers lose runs on sqlite."""
    import mlflow

    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment(EXPERIMENT)
    for run in runs:
        with mlflow.start_run(run_name=run.name, tags=run.tags | {"git_commit": commit}):
            mlflow.log_params(run.params)
            for point in run.curve:
                mlflow.log_metrics({key: value for key, value in point.items() if key != "step"}, step=int(point["step"]))
            mlflow.log_metrics(run.metrics)
            for path in run.artifacts:
                mlflow.log_artifact(str(path))
            mlflow.set_tag(KEY, run.key)  # last: a run that was cut off does not count as logged
