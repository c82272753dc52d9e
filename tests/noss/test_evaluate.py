"""All tasks of a model: each is scored as it would be alone, and one that cannot be is named."""

from pathlib import Path

import numpy as np
import pytest
from examples import write_clips

from frill.audio.clips import Clip, ClipStore
from frill.errors import UserError
from frill.noss import evaluate
from frill.noss.score import score_task
from frill.params.load import validate
from frill.params.schema import Params

VALUES = 8


@pytest.fixture
def params(default, tmp_path, monkeypatch) -> Params:
    """Write two tasks of 60 clips and three classes, the second with folds."""
    monkeypatch.setattr(evaluate, "TASKS", tmp_path)
    sets = {name: {"use": "task", "set": "mask", "clips": 60} for name in ("one", "two")}
    corpus = {"use": "corpus", "set": "distillation", "hours": 1}
    default["audio"]["espeak"] = sets | {"speech": corpus}
    write_task(tmp_path / "one", folds=0)
    write_task(tmp_path / "two", folds=3)
    return validate(default)


def write_task(folder: Path, folds: int, labels: str = "abc") -> None:
    """Write 60 clips that take turns in their labels; parts are a split each, or `folds` folds."""
    clips = []
    for index in range(60):
        label = labels[index % len(labels)]
        split = ("train", "validation", "test")[index // 3 % 3]
        part = {"fold": str(index // 3 % folds + 1)} if folds else {"split": split}
        clips.append(Clip(f"c{index}", np.full(4, index, np.int16), label=label, **part))
    write_clips(folder, clips)


def embed(store: ClipStore) -> np.ndarray:
    """Return noise around a class's centre, float32 [clips, VALUES]: classes overlap."""
    rng = np.random.default_rng(len(store.folder.name))
    centres = rng.normal(size=(3, VALUES))
    classes = ["abc".index(row["label"]) for row in store.rows]
    return (centres[classes] + rng.normal(size=(len(store), VALUES))).astype(np.float32)


@pytest.mark.parametrize("workers", ["1", "3"])
def test_tasks_side_by_side_are_scored_as_each_alone(params, tmp_path, monkeypatch, workers):
    monkeypatch.setenv("FRILL_WORKERS", workers)
    scored = evaluate.score(embed, "model", params)
    assert list(scored.tasks) == ["one", "two"]
    for task, scores in scored.tasks.items():
        store = ClipStore(tmp_path / task)
        alone = score_task(embed(store), list(store.rows), params.noss, params.seed)
        assert scores == alone
        assert 40 < scores.test_accuracy < 100
    accuracies = [scores.test_accuracy for scores in scored.tasks.values()]
    assert scored.mean_test_accuracy == np.mean(accuracies)  # tasks count alike


def test_a_task_that_cannot_be_scored_is_named(params, tmp_path):
    write_task(tmp_path / "two", folds=3, labels="a")
    with pytest.raises(UserError, match=r"^task two has 1 class \(a\); a task needs two or more$"):
        evaluate.score(embed, "model", params)
