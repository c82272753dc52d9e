"""Scores: what must be right is right, what is chance is chance, and the parts of a result agree with each other."""

import numpy as np
import pytest

from frill.noss.score import mean_accuracy, score_task

PROBES = ["ridge", "lda"]


def task(count: int, classes: int, folds: int = 0, seed: int = 0) -> tuple[np.ndarray, list[dict]]:
    y = np.random.default_rng(seed).permutation(np.arange(count) % classes)
    split = ["train" if i % 5 < 3 else "validation" if i % 5 == 3 else "test" for i in range(count)]
    rows = [
        {"label": f"class{c}", "speaker": "", "split": "" if folds else split[i], "fold": str(i % folds + 1) if folds else ""}
        for i, c in enumerate(y)
    ]
    return y, rows


def noise(rows: int, values: int = 16) -> np.ndarray:
    return np.random.default_rng(9).normal(size=(rows, values)).astype(np.float32)


@pytest.mark.parametrize("folds", [0, 5])
@pytest.mark.parametrize("probes", [["ridge"], ["lda"], PROBES])
def test_separable_classes_score_100(probes, folds):
    y, rows = task(100, 4, folds)
    result = score_task(noise(100) + 20 * np.eye(16)[y], rows, probes, 0.2, 17)
    assert result["validation_accuracy"] == result["test_accuracy"] == 100
    assert result["test_correct"] == "1" * (100 if folds else 20)
    assert result["test_confusion"] == (np.eye(4, dtype=int) * (25 if folds else 5)).tolist() or folds == 0
    assert len(result["chosen"]) == max(1, folds)


def test_noise_scores_chance():
    _, rows = task(4000, 4)
    result = score_task(noise(4000), rows, PROBES, 0.2, 17)
    assert result["test_accuracy"] == pytest.approx(25, abs=4 * 100 * np.sqrt(0.25 * 0.75 / 800))


@pytest.mark.parametrize("folds", [0, 4])
def test_the_parts_of_a_result_agree(folds):
    y, rows = task(200, 5, folds)
    result = score_task(noise(200) + 1.2 * np.eye(16)[y], rows, PROBES, 0.2, 17)
    confusion = np.array(result["test_confusion"])
    tested = [i for i in range(200) if folds or rows[i]["split"] == "test"]
    assert result["labels"] == [f"class{c}" for c in range(5)]
    assert 20 < result["test_accuracy"] < 100
    for part in ("validation", "test"):
        right = result[f"{part}_correct"]
        assert set(right) == {"0", "1"} and len(right) == (200 if folds else 40)
        assert result[f"{part}_accuracy"] == pytest.approx(100 * right.count("1") / len(right))
    assert np.trace(confusion) == result["test_correct"].count("1")
    np.testing.assert_array_equal(confusion.sum(axis=1), np.bincount(y[tested], minlength=5))  # rows are the true classes


def test_correct_is_in_the_manifests_order():
    y, rows = task(100, 2, folds=5)
    x = noise(100) + 20 * np.eye(16)[y]
    wrong = [3, 50, 98]
    x[wrong] = 20 * np.eye(16)[1 - y[wrong]]
    result = score_task(x, rows, ["lda"], 0.2, 17)
    assert [i for i, c in enumerate(result["test_correct"]) if c == "0"] == wrong


def test_the_setting_is_chosen_on_validation_and_ties_go_to_the_weakest():
    y, rows = task(100, 4)
    x = noise(100) + 20 * np.eye(16)[y]
    assert score_task(x, rows, PROBES, 0.2, 17)["chosen"] == ["ridge 1.0e-04"]
    assert score_task(x, rows, ["lda", "ridge"], 0.2, 17)["chosen"] == ["lda 0.001"]
    # Test labels do not take part in the choice.
    x = noise(100) + 0.8 * np.eye(16)[y]
    chosen = score_task(x, rows, PROBES, 0.2, 17)["chosen"]
    for row in rows:
        if row["split"] == "test":
            row["label"] = "class0"
    assert score_task(x, rows, PROBES, 0.2, 17)["chosen"] == chosen


def test_mean_accuracy_counts_tasks_alike():
    assert mean_accuracy({"a": {"test_accuracy": 50.0}, "b": {"test_accuracy": 100.0}}, "test") == 75


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_embeddings_of_a_diverged_student_are_scored(value):
    y, rows = task(100, 2)
    x = noise(100) + 20 * np.eye(16)[y]
    x[:, 5] = value
    assert 0 <= score_task(x, rows, PROBES, 0.2, 17)["test_accuracy"] <= 100
