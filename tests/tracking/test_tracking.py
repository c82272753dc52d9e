"""MLflow holds every model once, by the content of its run, whatever happened to the database."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from example_results import accuracy_scores, frontier_result, model_scores, student_result

from frill.errors import UserError
from frill.frontier.results import Frontier, write_frontier
from frill.tracking import runs, store, sync

STUDENT = student_result(
    "tiny_050",
    0.3,
    -2.5,
    backbone="tiny",
    width=0.5,
    quality_interval=[-4.0, -1.0],
    on_frontier=True,
)
FRONTIER = frontier_result([STUDENT])
CURVES = {
    "tiny_050": [
        {"step": 10.0, "train_loss": 0.9, "validation_mse": 1.5},
        {"step": 20.0, "train_loss": 0.5, "validation_mse": 1.0},
    ]
}
TRAINING = {"steps": 20, "learning_rate": 0.002, "patience": None}


def made(
    frontier=FRONTIER, training=TRAINING, other_devices=None
) -> tuple[list[runs.Run], runs.Run]:
    """Return the models' runs, and their parent."""
    names = [model.name for model in frontier.models]
    scores = model_scores({"keyword": accuracy_scores(80.0)})
    noss = dict.fromkeys(names, scores)
    curves = {name: CURVES["tiny_050"] for name in names if name != "teacher"}
    ratios = dict.fromkeys(names, 0.5)
    models = runs.make_model_runs(frontier, noss, curves, training, ratios, other_devices or {})
    for path in [path for run in models for path in run.artifacts]:  # as the stages leave them
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    return models, runs.make_frontier_run(frontier, Path("frontier.json"))


def changed(**values) -> Frontier:
    """Return FRONTIER with other values of its student."""
    return replace(FRONTIER, students=[replace(STUDENT, **values)])


def with_second() -> Frontier:
    """Return FRONTIER with a second, faster student.

    The first leaves the frontier and gets another latency, against another pool of controls.
    """
    first = replace(STUDENT, latency_ms=0.31, latency_interval_ms=[0.28, 0.35], on_frontier=False)
    second = replace(STUDENT, name="tiny_075", width=0.75, latency_ms=0.2, quality=-2.0)
    return replace(FRONTIER, students=[first, second], selected="tiny_075")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_frontier(FRONTIER, tmp_path / "frontier.json")
    return tmp_path


def test_what_a_run_shows():
    (student, teacher), parent = made(other_devices={"pixel": {"tiny_050": 4.5}})
    assert student.params["rank"] == "none"
    assert student.params["distill.patience"] == "none"
    assert student.params["distill.learning_rate"] == 0.002
    assert student.metrics["keyword_test_accuracy"] == 80
    assert student.metrics["quality_low"] == -4
    assert student.metrics["quality_high"] == -1
    assert student.moving == {
        "latency_ms": 0.3,
        "latency_low_ms": pytest.approx(0.27),
        "latency_high_ms": pytest.approx(0.33),
        "pixel_latency_ms": 4.5,
        "on_frontier": 1.0,
        "on_cautious_frontier": 0.0,
        "selected": 1.0,
    }
    tags = {"kind": "student", "synthetic": "true", "device": "host", "status": "ok"}
    assert tags.items() <= student.tags.items()
    assert teacher.params == {}
    assert teacher.moving == {}
    assert teacher.tags["kind"] == "reference"
    assert parent.params["selected"] == "tiny_050"
    assert parent.metrics["students"] == 1
    assert parent.metrics["quality"] == -2.5


def test_a_key_is_what_a_model_is_by_itself():
    (student, teacher), _ = made()
    for frontier, training in (
        (changed(quality=-2.4), TRAINING),
        (changed(width=0.75), TRAINING),
        (FRONTIER, TRAINING | {"steps": 21}),
    ):
        (other, same), _ = made(frontier, training)
        assert other.key != student.key
        assert same.key == teacher.key
    (wider, _), _ = made(changed(width=0.75))
    assert wider.tags["spec_hash"] != student.tags["spec_hash"]
    (better, _), _ = made(changed(quality=-2.4))
    assert better.tags["spec_hash"] == student.tags["spec_hash"]
    (first, _, _), parent = made(with_second(), other_devices={"pixel": {"tiny_050": 4.5}})
    assert first.key == student.key
    assert parent.key != made()[1].key


def test_a_store_that_is_not_there_misses_all(folder):
    for _ in range(2):
        stored = store.read(f"sqlite:///{folder}/mlflow.db", "frill")
        assert len(sync.plan(*made(), stored).new) == 3
        (folder / "mlflow.db").write_bytes(b"")


def test_a_diverged_student_is_logged_without_what_is_no_number():
    (student, _), _ = made(changed(quality=float("nan"), status="diverged"))
    assert "quality" not in student.metrics
    assert student.tags["status"] == "diverged"


def synchronise(frontier: Frontier, uri: str, commit: str = "abc123") -> dict[str, str]:
    models, parent = made(frontier)
    return sync.write(models, parent, frontier, store.read(uri, "frill"), uri, "frill", commit)


@pytest.mark.slow
def test_a_database_that_is_held_or_damaged_is_never_taken_for_empty(folder, monkeypatch):
    uri = f"sqlite:///{folder}/mlflow.db"
    synchronise(FRONTIER, uri)
    monkeypatch.setattr(store, "BUSY_S", 0.1)
    with closing(sqlite3.connect("mlflow.db", isolation_level=None)) as other:
        other.execute("begin exclusive")
        with pytest.raises(store.StoreUnavailable, match="database is locked"):
            store.read(uri, "frill")
        other.execute("rollback")
        assert len(store.read(uri, "frill").runs) == 3
    whole = Path("mlflow.db").read_bytes()
    for damaged in (b"no database" * 1000, whole[: len(whole) // 2]):
        Path("mlflow.db").write_bytes(damaged)
        with pytest.raises(UserError, match="tracking.uri = sqlite:///.*move the file away"):
            synchronise(FRONTIER, uri)


@pytest.mark.slow
def test_a_store_follows_the_table(folder):
    import mlflow

    uri = f"sqlite:///{folder}/mlflow.db"
    ids = synchronise(FRONTIER, uri)
    assert sync.plan(*made(), store.read(uri, "frill")).empty
    # A server would be asked by MLflow.
    assert store.read(uri, "frill").runs == store._read_mlflow(uri, "frill").runs
    api = mlflow.MlflowClient(uri)
    run = api.get_run(ids["tiny_050"])
    assert run.data.params["backbone"] == "tiny"
    assert run.data.metrics["quality"] == -2.5
    assert run.data.tags["git_commit"] == "abc123"
    curve = api.get_metric_history(ids["tiny_050"], "train_loss")
    assert [(point.step, point.value) for point in curve] == [(10, 0.9), (20, 0.5)]
    parent = api.get_run(run.data.tags["mlflow.parentRunId"])
    assert mlflow.artifacts.load_dict(f"{parent.info.artifact_uri}/members.json") == ids
    assert ids["tiny_050"] in parent.data.tags["mlflow.note.content"]

    # One more student: one more run and another parent.
    more = synchronise(with_second(), uri, "def456")
    assert more["tiny_050"] == ids["tiny_050"]
    assert len(store.read(uri, "frill").runs) == 5
    run = api.get_run(ids["tiny_050"])
    assert run.data.metrics["latency_ms"] == 0.31
    assert run.data.metrics["on_frontier"] == 0
    assert run.data.tags["git_commit"] == "abc123"
    assert run.data.tags["mlflow.parentRunId"] != parent.info.run_id
    assert api.get_run(parent.info.run_id).data.tags["state"] == "superseded"

    synchronise(changed(quality=-2.0), uri)  # the second is removed, the first trained again
    states = {run.run_id: run.tags["state"] for run in store.read(uri, "frill").runs.values()}
    assert states[more["tiny_075"]] == "removed"
    assert states[ids["tiny_050"]] == "superseded"
    assert states[ids["teacher"]] == "current"
    assert synchronise(with_second(), uri) == more  # and back: nothing is logged twice
    assert api.get_run(more["tiny_075"]).data.tags["state"] == "current"
    api.delete_run(more["tiny_075"])
    (new,) = sync.plan(*made(with_second()), store.read(uri, "frill")).new
    assert new.name == "tiny_075"
    (folder / "mlflow.db").unlink()
    assert len(sync.plan(*made(), store.read(uri, "frill")).new) == 3
