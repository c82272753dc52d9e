"""MLflow holds every model once: asked for by the content of what it logs, whatever happened to the database."""

import copy
import json

import pytest

from frill import tracking

STUDENT = {
    "name": "tiny_0.5",
    "backbone": "tiny",
    "width": 0.5,
    "pooling": "gap",
    "rank": None,
    "qat": 0,
    "precision": "float32",
    "seeds": 1,
    "status": "ok",
    "on_frontier": True,
}
FRONTIER = {
    "synthetic": True,
    "device": "host",
    "students": [STUDENT | {"latency_ms": 0.3, "quality": -2.5, "quality_test": -3.0, "file_bytes": 1000, "mean_test_accuracy": 80.0}],
    "references": [{"name": "teacher", "latency_ms": None, "quality": 0.0, "quality_test": 0.0, "mean_test_accuracy": 83.0}],
}
NOSS = {"tiny_0.5": {"tasks": {"keyword": {"test_accuracy": 80.0}}}, "teacher": {"tasks": {"keyword": {"test_accuracy": 83.0}}}}
CURVES = {"tiny_0.5": [{"step": 10.0, "train_loss": 0.9, "validation_mse": 1.5}, {"step": 20.0, "train_loss": 0.5, "validation_mse": 1.0}]}
TRAINING = {"steps": 20, "learning_rate": 0.002}


def made(frontier=FRONTIER, training=TRAINING) -> list[tracking.Run]:
    return tracking.runs(frontier, NOSS, CURVES, training, {"pixel": {"tiny_0.5": 4.5}})


def changed(key: str, value) -> dict:
    frontier = copy.deepcopy(FRONTIER)
    frontier["students"][0][key] = value
    return frontier


@pytest.fixture
def artifacts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in ("results/noss/tiny_0.5.json", "results/noss/teacher.json", "models/tflite/tiny_0.5/model.tflite"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(json.dumps({}))
    return tmp_path


def test_what_a_run_shows():
    student, teacher = made()
    assert student.params["rank"] == "none" and student.params["distill.learning_rate"] == 0.002
    assert student.metrics["keyword_test_accuracy"] == 80 and student.metrics["on_frontier"] == 1
    assert student.tags == {"kind": "student", "synthetic": "true", "device": "host", "status": "ok"}
    assert teacher.params == {} and "latency_ms" not in teacher.metrics and teacher.tags["kind"] == "reference"


def test_a_key_is_the_content():
    (student, teacher), (again, _) = made(), made()
    assert student.key == again.key != teacher.key
    for other in (made(changed("quality", -2.4)), made(changed("width", 0.75)), made(training=TRAINING | {"steps": 21})):
        assert other[0].key != student.key and other[1].key == teacher.key


def test_a_store_that_is_not_there_misses_all(tmp_path):
    assert len(tracking.missing(made(), f"sqlite:///{tmp_path}/mlflow.db")) == 2
    (tmp_path / "mlflow.db").write_bytes(b"")
    assert len(tracking.missing(made(), f"sqlite:///{tmp_path}/mlflow.db")) == 2


@pytest.mark.slow
def test_runs_are_logged_once_and_again_when_the_store_is_lost(artifacts):
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{artifacts}/mlflow.db"
    tracking.log(tracking.missing(made(), uri), uri, "abc123")
    assert tracking.missing(made(), uri) == []
    assert {run.key for run in made()} == tracking._mlflow_keys(uri)  # what another kind of store would be asked for
    (run,) = mlflow.search_runs(experiment_names=["frill"], filter_string="attributes.run_name = 'tiny_0.5'", output_format="list")
    assert run.data.params["backbone"] == "tiny" and run.data.metrics["quality"] == -2.5 and run.data.tags["git_commit"] == "abc123"
    history = mlflow.MlflowClient(uri).get_metric_history(run.info.run_id, "train_loss")
    assert [(point.step, point.value) for point in history] == [(10, 0.9), (20, 0.5)]
    better = made(changed("quality", -2.0))
    assert [run.name for run in tracking.missing(better, uri)] == ["tiny_0.5"]
    tracking.log(tracking.missing(better, uri), uri, "abc123")
    assert tracking.missing(better, uri) == [] == tracking.missing(made(), uri)
    mlflow.delete_run(run.info.run_id)
    assert [run.name for run in tracking.missing(made(), uri)] == ["tiny_0.5"]
    (artifacts / "mlflow.db").unlink()
    assert len(tracking.missing(made(), uri)) == 2
