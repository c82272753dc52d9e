"""Scores: what must be right is right, chance is chance, and a result's parts agree."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from frill.noss import score
from frill.noss.evaluate import zero_not_finite
from frill.noss.score import Task, score_task
from frill.noss.splits import Split
from frill.params.schema import Noss

PROBES = ["ridge", "lda"]


def settings(probes: list[str] = PROBES) -> Noss:
    return Noss(protocol=["fast"], forests=0, probes=probes, pooling="mean", validation_share=0.2)


def task(count: int, classes: int, folds: int = 0, seed: int = 0) -> tuple[np.ndarray, list[dict]]:
    y = np.random.default_rng(seed).permutation(np.arange(count) % classes)
    split = ["train" if i % 5 < 3 else "validation" if i % 5 == 3 else "test" for i in range(count)]
    rows = [
        {
            "label": f"class{c}",
            "speaker": "",
            "split": "" if folds else split[i],
            "fold": str(i % folds + 1) if folds else "",
        }
        for i, c in enumerate(y)
    ]
    return y, rows


def noise(rows: int, values: int = 16) -> np.ndarray:
    return np.random.default_rng(9).normal(size=(rows, values)).astype(np.float32)


@pytest.mark.parametrize("folds", [0, 5])
@pytest.mark.parametrize("probes", [["ridge"], ["lda"], PROBES])
def test_separable_classes_score_100(probes, folds):
    y, rows = task(100, 4, folds)
    result = score_task(noise(100) + 20 * np.eye(16)[y], rows, settings(probes), 17)
    assert result.validation_accuracy == result.test_accuracy == 100
    assert result.test_correct == "1" * (100 if folds else 20)
    tested = [c for c, row in zip(y, rows, strict=True) if folds or row["split"] == "test"]
    assert result.test_confusion == np.diag(np.bincount(tested)).tolist()
    assert len(result.chosen) == max(1, folds)


def test_noise_scores_chance():
    _, rows = task(4000, 4)
    result = score_task(noise(4000), rows, settings(), 17)
    assert result.test_accuracy == pytest.approx(25, abs=4 * 100 * np.sqrt(0.25 * 0.75 / 800))


@pytest.mark.parametrize("folds", [0, 4])
def test_the_parts_of_a_result_agree(folds):
    y, rows = task(200, 5, folds)
    result = score_task(noise(200) + 1.2 * np.eye(16)[y], rows, settings(), 17)
    confusion = np.array(result.test_confusion)
    tested = [i for i in range(200) if folds or rows[i]["split"] == "test"]
    assert result.labels == [f"class{c}" for c in range(5)]
    assert 20 < result.test_accuracy < 100
    for part in ("validation", "test"):
        right = getattr(result, f"{part}_correct")
        assert set(right) == {"0", "1"} and len(right) == (200 if folds else 40)
        assert result.accuracy(part) == pytest.approx(100 * right.count("1") / len(right))
    assert np.trace(confusion) == result.test_correct.count("1")
    np.testing.assert_array_equal(
        confusion.sum(axis=1), np.bincount(y[tested], minlength=5)
    )  # rows are the true classes


def test_correct_is_in_the_manifests_order():
    y, rows = task(100, 2, folds=5)
    x = noise(100) + 20 * np.eye(16)[y]
    wrong = [3, 50, 98]
    x[wrong] = 20 * np.eye(16)[1 - y[wrong]]
    result = score_task(x, rows, settings(["lda"]), 17)
    assert [i for i, c in enumerate(result.test_correct) if c == "0"] == wrong


def test_the_setting_is_chosen_on_validation_and_ties_go_to_the_weakest():
    y, rows = task(100, 4)
    x = noise(100) + 20 * np.eye(16)[y]
    assert score_task(x, rows, settings(), 17).chosen == ["ridge 1.0e-04"]
    assert score_task(x, rows, settings(["lda", "ridge"]), 17).chosen == ["lda 0.001"]
    # Test labels do not take part in the choice.
    x = noise(100) + 0.8 * np.eye(16)[y]
    chosen = score_task(x, rows, settings(), 17).chosen
    for row in rows:
        if row["split"] == "test":
            row["label"] = "class0"
    assert score_task(x, rows, settings(), 17).chosen == chosen


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_embeddings_that_are_not_finite_are_found_and_scored_as_0(value):
    y, rows = task(100, 2)
    x = (noise(100) + 20 * np.eye(16)[y]).astype(np.float32)
    spoiled = x.copy()
    spoiled[[3, 50], 5] = value
    cleaned, broken = zero_not_finite(spoiled)
    assert list(broken) == [3, 50] and not cleaned[broken].any()
    np.testing.assert_array_equal(np.delete(cleaned, broken, axis=0), np.delete(x, broken, axis=0))
    assert zero_not_finite(x)[0] is x
    zeros, _ = zero_not_finite(np.full_like(x, value))
    assert 0 <= score_task(zeros, rows, settings(), 17).test_accuracy <= 100


def test_one_clip_per_class_and_classes_missing_from_train_are_scored():
    rows = [
        {
            "label": str(i % 6),
            "speaker": "",
            "split": "train" if i < 4 else "validation" if i < 10 else "test",
            "fold": "",
        }
        for i in range(16)
    ]
    y = np.array([int(row["label"]) for row in rows])
    x = 20 * np.random.default_rng(2).normal(size=(6, 32))[y] + noise(16, 32)
    for probe in PROBES:  # classes 4 and 5 have no training clip
        result = score_task(x, rows, settings([probe]), 17)
        assert result.test_accuracy == pytest.approx(100 * np.mean(y[10:] < 4))
        assert np.array(result.test_confusion)[:, 4:].sum() == 0


def test_speakers_are_kept_for_resampling_and_those_in_train_and_test_are_counted():
    rows = [
        {
            "label": "ab"[i % 2],
            "speaker": f"s{i // 10}",
            "split": ("train", "validation", "test")[i // 20],
            "fold": "",
        }
        for i in range(60)
    ]
    rows[59]["speaker"] = "s0"
    y = np.arange(60) % 2
    result = score_task(noise(60) + 3 * np.eye(16)[y], rows, settings(), 17)
    assert (
        result.test_speakers.split() == ["1"] * 10 + ["2"] * 9 + ["0"]
        and result.speakers_in_train_and_test == 1
    )
    rows[5]["speaker"] = ""
    assert score_task(noise(60), rows, settings(), 17).validation_speakers != ""
    for row in rows:
        row["speaker"] = ""
    result = score_task(noise(60), rows, settings(), 17)
    assert result.test_speakers == "" and result.speakers_in_train_and_test == 0


def test_metrics_are_scikit_learns():
    y, rows = task(300, 3)
    result = score_task(noise(300) + 1.5 * np.eye(16)[y], rows, settings(), 17)
    index = [i for i, row in enumerate(rows) if row["split"] == "test"]
    confusion = np.array(result.test_confusion)
    predicted = np.concatenate([np.repeat(np.arange(3), row) for row in confusion])
    assert result.test_unweighted_average_recall == pytest.approx(
        100 * balanced_accuracy_score(np.sort(y[index]), predicted)
    )


@pytest.mark.parametrize("folds", [0, 4])
def test_the_first_protocol_decides_and_every_one_is_reported(folds):
    y, rows = task(200, 4, folds)
    for i, row in enumerate(rows):
        row["speaker"] = f"s{i % 7}"
    x = noise(200) + 1.5 * np.eye(16)[y]
    both = settings().model_copy(update={"protocol": ["model_card", "fast"]})
    result, fast = score_task(x, rows, both, 17), score_task(x, rows, settings(), 17)
    card = result.protocols["model_card"]
    assert result.test_accuracy == pytest.approx(card.test_accuracy)
    assert result.validation_accuracy == pytest.approx(card.validation_accuracy)
    assert card.best_test_accuracy >= card.test_accuracy and result.chosen == card.chosen
    assert result.protocols["fast"] == fast.protocols["fast"]
    assert fast.test_accuracy == pytest.approx(fast.protocols["fast"].test_accuracy)
    assert "model_card" not in fast.protocols


def test_a_task_too_large_for_the_card_is_scored_by_fast_alone_and_says_so(monkeypatch):
    y, rows = task(200, 4)  # 120 training clips
    x = noise(200) + 1.5 * np.eye(16)[y]
    both = settings().model_copy(update={"protocol": ["model_card", "fast"]})
    card_alone = settings().model_copy(update={"protocol": ["model_card"]})
    monkeypatch.setattr(score, "MOST_FOR_CARD", 480)
    assert score_task(x, rows, both, 17).too_large_for == []
    monkeypatch.setattr(score, "MOST_FOR_CARD", 479)
    fast = score_task(x, rows, settings(), 17)
    for protocol in (both, card_alone):
        result = score_task(x, rows, protocol, 17)
        assert result == replace(fast, too_large_for=["model_card"])
    assert fast.too_large_for == []  # nobody asked for more


@pytest.mark.parametrize(
    "clips, classes, is_too_large",
    [(134_000, 1_252, True), (85_511, 12, False), (176_438, 6, False)],
    ids=["voxceleb", "speech_commands", "voxforge"],
)
def test_of_the_papers_tasks_voxceleb_alone_is_too_large(clips, classes, is_too_large):
    """Training clips are as frill.planning.audio has them; classes as TFDS's builders."""
    split = Split(*(np.zeros(clips, int),) * 3)
    whole = Task(np.empty((0, 1)), np.zeros(0), np.zeros(0), classes, [split])
    assert score.is_too_large_for_card(whole) == is_too_large


@pytest.mark.parametrize("speakers, settings_tried", [("classes", 8), ("others", 16)])
def test_where_speakers_are_the_classes_none_is_normalised_by_speaker(speakers, settings_tried):
    y, rows = task(200, 4)
    for i, row in enumerate(rows):
        row["speaker"] = row["label"] if speakers == "classes" else f"s{i % 7}"
    card = settings().model_copy(update={"protocol": ["model_card"]})
    result = score_task(noise(200) + 1.5 * np.eye(16)[y], rows, card, 17)
    # lr, lr_balanced, lda and lr_regularised; none or l2, each with and without speakers.
    assert result.protocols["model_card"].settings == settings_tried


def test_scoring_a_student_does_not_import_tensorflow():
    code = (
        "import sys, frill.noss.evaluate, frill.noss.baselines, frill.workflow.stage; "
        "sys.exit('tensorflow' in sys.modules or 'tf_keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
