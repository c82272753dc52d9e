"""MLflow holds every model once: asked for by the content of what it logs, whatever happened to the database."""

import copy
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from frill.errors import UserError
from frill.tracking import runs, store, sync

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
    "selected": "tiny_0.5",
    "reason": "the only one",
    "students": [
        STUDENT
        | {
            "latency_ms": 0.3,
            "quality": -2.5,
            "quality_test": -3.0,
            "file_bytes": 2**20,
            "quality_interval": [-4.0, -1.0],
        }
    ],
    "references": [
        {
            "name": "teacher",
            "latency_ms": None,
            "quality": 0.0,
            "quality_test": 0.0,
            "mean_test_accuracy": 83.0,
        }
    ],
}
CURVES = {
    "tiny_0.5": [
        {"step": 10.0, "train_loss": 0.9, "validation_mse": 1.5},
        {"step": 20.0, "train_loss": 0.5, "validation_mse": 1.0},
    ]
}
TRAINING = {"steps": 20, "learning_rate": 0.002, "patience": None}


def made(frontier=FRONTIER, training=TRAINING, elsewhere=None) -> tuple[list[runs.Run], runs.Run]:
    """The models' runs, and their parent."""
    names = [model["name"] for model in frontier["students"] + frontier["references"]]
    noss = {
        name: {"tasks": {"keyword": {"test_accuracy": 83.0 if name == "teacher" else 80.0}}}
        for name in names
    }
    curves = {name: CURVES["tiny_0.5"] for name in names if name != "teacher"}
    found = runs.make_model_runs(
        frontier, noss, curves, training, dict.fromkeys(names, 0.5), elsewhere or {}
    )
    for model in frontier["students"]:  # artefacts as the stages leave them
        for path in next(run for run in found if run.name == model["name"]).artifacts:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({}))
    return found, runs.make_frontier_run(frontier, Path("frontier.json"))


def changed(**values) -> dict:
    """FRONTIER with other values of its student."""
    frontier = copy.deepcopy(FRONTIER)
    frontier["students"][0] |= values
    return frontier


def with_second() -> dict:
    """A faster student enters: the first leaves the frontier and, measured against another pool of controls, gets another latency."""
    frontier = changed(latency_ms=0.31, on_frontier=False)
    frontier["students"].append(
        frontier["students"][0]
        | {
            "name": "tiny_0.75",
            "width": 0.75,
            "latency_ms": 0.2,
            "on_frontier": True,
            "quality": -2.0,
        }
    )
    return frontier | {"selected": "tiny_0.75"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results/noss").mkdir(parents=True)
    (tmp_path / "results/noss/teacher.json").write_text("{}")
    (tmp_path / "frontier.json").write_text(json.dumps(FRONTIER))
    return tmp_path


def test_what_a_run_shows():
    (student, teacher), parent = made(elsewhere={"pixel": {"tiny_0.5": 4.5}})
    assert (
        student.params["rank"] == "none" == student.params["distill.patience"]
        and student.params["distill.learning_rate"] == 0.002
    )
    assert student.metrics["keyword_test_accuracy"] == 80 and (
        student.metrics["quality_low"],
        student.metrics["quality_high"],
    ) == (-4, -1)
    assert student.moving == {
        "latency_ms": 0.3,
        "pixel_latency_ms": 4.5,
        "on_frontier": 1.0,
        "selected": 1.0,
    }
    assert {key: student.tags[key] for key in ("kind", "synthetic", "device", "status")} == {
        "kind": "student", "synthetic": "true", "device": "host", "status": "ok",
    }  # fmt: skip
    assert teacher.params == {} == teacher.moving and teacher.tags["kind"] == "reference"
    assert (
        parent.params["selected"] == "tiny_0.5"
        and parent.metrics["students"] == 1
        and parent.metrics["quality"] == -2.5
    )


def test_a_key_is_what_a_model_is_by_itself():
    (student, teacher), _ = made()
    for frontier, training in (
        (changed(quality=-2.4), TRAINING),
        (changed(width=0.75), TRAINING),
        (FRONTIER, TRAINING | {"steps": 21}),
    ):
        (other, same), _ = made(frontier, training)
        assert other.key != student.key and same.key == teacher.key
    assert (
        made(changed(width=0.75))[0][0].tags["spec_hash"]
        != student.tags["spec_hash"]
        == made(changed(quality=-2.4))[0][0].tags["spec_hash"]
    )
    (first, _, _), parent = made(with_second(), elsewhere={"pixel": {"tiny_0.5": 4.5}})
    assert first.key == student.key and parent.key != made()[1].key


def test_a_store_that_is_not_there_misses_all(folder):
    for _ in range(2):
        held = store.read(f"sqlite:///{folder}/mlflow.db", "frill")
        assert len(sync.plan(*made(), held).new) == 3
        (folder / "mlflow.db").write_bytes(b"")


def test_a_diverged_student_is_logged_without_what_is_no_number():
    (student, _), _ = made(changed(quality=float("nan"), status="diverged"))
    assert "quality" not in student.metrics and student.tags["status"] == "diverged"


def synchronise(frontier: dict, uri: str, commit: str = "abc123") -> dict[str, str]:
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
    assert (
        store.read(uri, "frill").runs == store._read_mlflow(uri, "frill").runs
    )  # what a server would be asked for
    api = mlflow.MlflowClient(uri)
    run = api.get_run(ids["tiny_0.5"])
    assert (
        run.data.params["backbone"] == "tiny"
        and run.data.metrics["quality"] == -2.5
        and run.data.tags["git_commit"] == "abc123"
    )
    assert [
        (point.step, point.value) for point in api.get_metric_history(ids["tiny_0.5"], "train_loss")
    ] == [(10, 0.9), (20, 0.5)]
    parent = api.get_run(run.data.tags["mlflow.parentRunId"])
    assert mlflow.artifacts.load_dict(f"{parent.info.artifact_uri}/members.json") == ids
    assert ids["tiny_0.5"] in parent.data.tags["mlflow.note.content"]

    more = synchronise(
        with_second(), uri, "def456"
    )  # one more student: one more run and another parent
    assert more["tiny_0.5"] == ids["tiny_0.5"] and len(store.read(uri, "frill").runs) == 5
    run = api.get_run(ids["tiny_0.5"])
    assert (
        run.data.metrics["latency_ms"],
        run.data.metrics["on_frontier"],
        run.data.tags["git_commit"],
    ) == (0.31, 0, "abc123")
    assert (
        run.data.tags["mlflow.parentRunId"] != parent.info.run_id
        and api.get_run(parent.info.run_id).data.tags["state"] == "superseded"
    )

    synchronise(changed(quality=-2.0), uri)  # the second is removed, the first trained again
    states = {held.run_id: held.tags["state"] for held in store.read(uri, "frill").runs.values()}
    assert (states[more["tiny_0.75"]], states[ids["tiny_0.5"]], states[ids["teacher"]]) == (
        "removed",
        "superseded",
        "current",
    )
    assert synchronise(with_second(), uri) == more  # and back: nothing is logged twice
    assert api.get_run(more["tiny_0.75"]).data.tags["state"] == "current"
    api.delete_run(more["tiny_0.75"])
    assert [run.name for run in sync.plan(*made(with_second()), store.read(uri, "frill")).new] == [
        "tiny_0.75"
    ]
    (folder / "mlflow.db").unlink()
    assert len(sync.plan(*made(), store.read(uri, "frill")).new) == 3
