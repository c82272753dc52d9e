"""MLflow holds every model once, by the content of its run, whatever happened to the database."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from example_results import accuracy_scores, frontier_result, model_scores, student_result

from frill.errors import UserError
from frill.frontier.results import Frontier, write_frontier
from frill.params.schema import Tracking
from frill.tracking import runs, store, sync
from frill.tracking.datasets import AudioSet
from frill.tracking.store import Target

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


SETS = {
    "keyword": AudioSet("keyword", "task", "0123456789ab", "folder", 60, 90.5, 4, 9, ["CC0-1.0"]),
    "speech": AudioSet("speech", "corpus", "ba9876543210", "folder", 600, 905.0, 0, 99, []),
}
FILES = {"tiny_050": {"file": "models/tflite/tiny_050/model.tflite", "file_sha256": "f" * 64}}


def made(frontier=FRONTIER, training=TRAINING, other_devices=None) -> sync.Results:
    names = [model.name for model in frontier.models]
    scores = model_scores({"keyword": accuracy_scores(80.0)})
    noss = dict.fromkeys(names, scores)
    curves = {name: CURVES["tiny_050"] for name in names if name != "teacher"}
    ratios = dict.fromkeys(names, 0.5)
    timed = {"tiny_050": {"init_ms": 7.5, "pixel_cadence_ms": None, "valid": True}}
    models = runs.make_model_runs(
        frontier, noss, curves, training, ratios, other_devices or {}, timed, FILES
    )
    for path in [path for run in models for path in run.artifacts]:  # as the stages leave them
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    frontier_run = runs.make_frontier_run(frontier, Path("frontier.json"))
    return sync.Results(models, frontier_run, frontier, lambda: SETS, 2048)


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
    results = made(other_devices={"pixel": {"tiny_050": 4.5}})
    student, teacher = results.models
    assert student.params["rank"] == "none"
    assert student.params["distill.patience"] == "none"
    assert student.params["distill.learning_rate"] == 0.002
    assert student.metrics["keyword_test_accuracy"] == 80
    assert student.metrics["keyword_validation_accuracy"] == 80
    assert student.tasks["keyword_test_accuracy"] == "keyword"
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
        "init_ms": 7.5,  # what was not measured is left out
        "valid": 1.0,
    }
    tags = {"kind": "student", "synthetic": "true", "device": "host", "status": "ok"}
    assert tags.items() <= student.tags.items()
    assert teacher.params == {}
    assert teacher.moving == {}
    assert teacher.tags["kind"] == "teacher"
    frontier_run = results.frontier_run
    assert frontier_run.params["selected"] == "tiny_050"
    assert frontier_run.metrics["students"] == 1
    assert frontier_run.metrics["quality"] == -2.5


def test_a_key_is_what_a_model_is_by_itself():
    student, teacher = made().models
    for frontier, training in (
        (changed(quality=-2.4), TRAINING),
        (changed(width=0.75), TRAINING),
        (FRONTIER, TRAINING | {"steps": 21}),
    ):
        other, same = made(frontier, training).models
        assert other.key != student.key
        assert same.key == teacher.key
    wider, _ = made(changed(width=0.75)).models
    assert wider.tags["spec_hash"] != student.tags["spec_hash"]
    better, _ = made(changed(quality=-2.4)).models
    assert better.tags["spec_hash"] == student.tags["spec_hash"]
    more = made(with_second(), other_devices={"pixel": {"tiny_050": 4.5}})
    assert more.models[0].key == student.key
    assert more.frontier_run.key != made().frontier_run.key


def test_a_store_that_is_not_there_misses_all(folder):
    for _ in range(2):
        stored = store.read(f"sqlite:///{folder}/mlflow.db", "frill")
        assert len(sync.plan(made().runs, stored).new) == 3
        (folder / "mlflow.db").write_bytes(b"")


def test_a_diverged_student_is_logged_without_what_is_no_number():
    student, _ = made(changed(quality=float("nan"), status="diverged")).models
    assert "quality" not in student.metrics
    assert student.tags["status"] == "diverged"


def synchronise(
    frontier: Frontier, uri: str, commit: str = "abc123", experiment: str | None = None
) -> dict[str, str]:
    """Bring the store to what a frontier says, and return the runs' ids by name."""
    stored = store.read(uri, "frill")
    written = sync.write(made(frontier), stored, Target(uri, "frill", experiment), commit)
    return {name: run.run_id for name, run in written.items()}


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
    assert sync.plan(made().runs, store.read(uri, "frill")).empty
    # A server would be asked by MLflow.
    assert store.read(uri, "frill").runs == store._read_mlflow(uri, "frill").runs
    api = mlflow.MlflowClient(uri)
    run = api.get_run(ids["tiny_050"])
    assert run.data.params["backbone"] == "tiny"
    assert run.data.metrics["quality"] == -2.5
    assert run.data.tags["git_commit"] == "abc123"
    assert "mlflow.parentRunId" not in run.data.tags  # the page would fold it
    curve = api.get_metric_history(ids["tiny_050"], "train_loss")
    assert [(point.step, point.value) for point in curve] == [(10, 0.9), (20, 0.5)]

    # One more student: one more run and another frontier.
    more = synchronise(with_second(), uri, "def456")
    assert more["tiny_050"] == ids["tiny_050"]
    assert len(store.read(uri, "frill").runs) == 5
    run = api.get_run(ids["tiny_050"])
    assert run.data.metrics["latency_ms"] == 0.31
    assert run.data.metrics["on_frontier"] == 0
    assert run.data.tags["git_commit"] == "abc123"
    frontiers = api.search_runs(["1"], "tags.kind = 'frontier'")
    assert sorted(each.data.tags["state"] for each in frontiers) == ["current", "superseded"]

    synchronise(changed(quality=-2.0), uri)  # the second is removed, the first trained again
    states = {run.run_id: run.tags["state"] for run in store.read(uri, "frill").runs.values()}
    assert states[more["tiny_075"]] == "removed"
    assert states[ids["tiny_050"]] == "superseded"
    assert states[ids["teacher"]] == "current"
    assert synchronise(with_second(), uri) == more  # and back: nothing is logged twice
    assert api.get_run(more["tiny_075"]).data.tags["state"] == "current"
    api.delete_run(more["tiny_075"])
    (new,) = sync.plan(made(with_second()).runs, store.read(uri, "frill")).new
    assert new.name == "tiny_075"
    (folder / "mlflow.db").unlink()
    assert len(sync.plan(made().runs, store.read(uri, "frill")).new) == 3


@pytest.mark.slow
def test_the_models_tab_has_each_current_model_once_with_its_metrics_and_tasks(folder):
    import mlflow

    uri = f"sqlite:///{folder}/mlflow.db"
    ids = synchronise(FRONTIER, uri)
    api = mlflow.MlflowClient(uri)

    def models() -> dict:
        return {model.name: model for model in api.search_logged_models(["1"])}

    student = models()["tiny_050"]
    assert set(models()) == {"tiny_050", "teacher"}
    assert student.source_run_id == ids["tiny_050"] and student.model_type == "student"
    assert student.params["backbone"] == "tiny"
    assert student.tags["file"] == "models/tflite/tiny_050/model.tflite"
    metrics = {metric.key: metric for metric in student.metrics}
    assert metrics["quality"].value == -2.5 and metrics["latency_ms"].value == 0.3
    measured = metrics["keyword_test_accuracy"]
    assert (measured.value, measured.dataset_name, measured.dataset_digest) == (
        80.0,
        "keyword",
        "0123456789ab",
    )
    files = [path.name for path in Path(student.artifact_location).rglob("*") if path.is_file()]
    assert files == ["MLmodel"]  # no copy of the weights
    signature = mlflow.models.Model.load(student.artifact_location).signature
    assert signature.inputs.inputs[0].shape == (-1, 96, 64, 1)
    assert signature.outputs.inputs[0].shape == (-1, 2048)
    inputs = api.get_run(ids["teacher"]).inputs.dataset_inputs
    assert {each.dataset.name: json.loads(each.dataset.profile)["num_rows"] for each in inputs} == {
        "keyword": 60,
        "speech": 600,
    }

    synchronise(with_second(), uri)
    moved = {metric.key: metric.value for metric in models()["tiny_050"].metrics}
    assert models()["tiny_050"].model_id == student.model_id and set(models()) == {
        "tiny_050",
        "tiny_075",
        "teacher",
    }
    assert moved["latency_ms"] == 0.31
    synchronise(changed(quality=-2.0), uri)
    assert set(models()) == {"tiny_050", "teacher"}
    assert models()["tiny_050"].model_id != student.model_id
    synchronise(with_second(), uri)
    assert set(models()) == {"tiny_050", "tiny_075", "teacher"}


@pytest.mark.slow
def test_an_experiment_adds_its_runs_and_changes_nothing_until_it_is_applied(folder):
    import mlflow

    uri = f"sqlite:///{folder}/mlflow.db"
    ids = synchronise(FRONTIER, uri)
    api = mlflow.MlflowClient(uri)
    before = api.get_run(ids["teacher"]).to_dictionary()
    tried = synchronise(with_second(), uri, "def456", "tall-ruin")
    assert api.get_run(ids["teacher"]).to_dictionary() == before
    assert api.get_run(ids["tiny_050"]).data.metrics["latency_ms"] == 0.3
    tags = api.get_run(tried["tiny_075"]).data.tags
    assert (tags["state"], tags["dvc_experiment"]) == ("experiment", "tall-ruin")
    synchronise(FRONTIER, uri)
    assert api.get_run(tried["tiny_075"]).data.tags["state"] == "experiment"
    assert synchronise(with_second(), uri) == tried
    assert api.get_run(tried["tiny_075"]).data.tags["state"] == "current"


@pytest.mark.slow
def test_a_project_that_moved_or_was_copied_says_what_to_do(folder):
    synchronise(FRONTIER, f"sqlite:///{folder}/mlflow.db")
    copy = folder / "copy"
    copy.mkdir()
    (copy / "mlflow.db").write_bytes((folder / "mlflow.db").read_bytes())
    with pytest.raises(UserError, match=f"mlflow.db keeps its files in {folder}/mlruns") as error:
        store.read(f"sqlite:///{copy}/mlflow.db", "frill")
    assert f"`mv {copy}/mlflow.db {copy}/mlflow.db.old` and then `dvc repro" in str(error.value)


def test_a_relative_database_is_the_one_of_the_project_that_began_the_workspace(
    folder, monkeypatch
):
    tracking = Tracking(uri="sqlite:///mlflow.db", experiment="frill")
    for workspace in (".", ".presets/paper", ".dvc/tmp/exps/tmp1234"):
        (folder / workspace).mkdir(parents=True, exist_ok=True)
        monkeypatch.chdir(folder / workspace)
        monkeypatch.setenv("DVC_EXP_NAME", "tall-ruin")
        target = store.find_target(tracking)
        assert target.uri == f"sqlite:///{folder}/mlflow.db"
        assert target.dvc_experiment == ("tall-ruin" if "exps" in workspace else None)
    server = Tracking(uri="http://127.0.0.1:1", experiment="frill")
    assert store.find_target(server).uri == "http://127.0.0.1:1"


def test_an_experiment_that_was_deleted_names_the_ways_out(folder):
    import mlflow

    uri = f"sqlite:///{folder}/mlflow.db"
    synchronise(FRONTIER, uri)
    api = mlflow.MlflowClient(uri)
    experiment_id = api.get_experiment_by_name("frill").experiment_id
    api.delete_experiment(experiment_id)
    with pytest.raises(UserError, match=f"restore --experiment-id {experiment_id}` brings it"):
        synchronise(FRONTIER, uri)
    api.restore_experiment(experiment_id)
    synchronise(FRONTIER, uri)
