"""results/noss/MODEL.json: what is read is what was written."""

import json
from dataclasses import replace

import numpy as np
from example_results import card_scores, model_scores, task_scores

from frill.noss.results import MeanAccuracies, read_scores, write_scores

RIGHT = np.array([True, False, True])


def test_what_is_read_was_written(tmp_path):
    task = task_scores(RIGHT, speakers=[0, 1, 1])
    large = replace(task, too_large_for=["model_card"])
    protocols = task.protocols | {"model_card": card_scores(70.0, 80.0)}
    scores = model_scores({"mask": replace(task, protocols=protocols), "voices": large})
    whole = replace(
        scores, accuracy_change={"validation": 0.5, "test": -0.5}, repeats=[MeanAccuracies(1, 2)]
    )
    for name, each in (("plain", scores), ("whole", whole)):
        write_scores(each, tmp_path / "new" / f"{name}.json")
        assert read_scores(tmp_path / "new" / f"{name}.json") == each
    text = (tmp_path / "new/plain.json").read_text()
    keys = ["schema", "model", "mean_validation_accuracy", "mean_test_accuracy", "tasks"]
    assert list(json.loads(text)) == keys  # neither accuracy_change nor repeats
    assert text.startswith('{\n "schema": 3,') and text.endswith("}\n")


def test_clips_are_kept_as_characters():
    scores = task_scores(RIGHT, speakers=[0, 10, 10])
    assert scores.test_correct == "101"
    np.testing.assert_array_equal(scores.correct("test"), [1.0, 0.0, 1.0])
    np.testing.assert_array_equal(scores.speakers("test"), [0, 10, 10])
    assert len(task_scores(RIGHT).speakers("test")) == 0


def test_mean_accuracies_begin_with_the_training_that_ships():
    scores = model_scores({"a": task_scores(RIGHT)}, repeats=[MeanAccuracies(50.0, 60.0)])
    assert scores.mean_accuracies("test") == [scores.mean_test_accuracy, 60.0]
