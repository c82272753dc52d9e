"""Recall and equal error rate against scikit-learn, and where the answer is known."""

import warnings
from statistics import NormalDist

import numpy as np
import pytest
from scipy.optimize import brentq
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, recall_score, roc_curve

from frill.noss.metrics import equal_error_rate, unweighted_average_recall


def reference_equal_error_rate(scores: np.ndarray, positive: np.ndarray) -> float:
    """Percent: the root, along scikit-learn's ROC curve, of false alarms minus misses."""
    false_alarms, hits, _ = roc_curve(positive, scores, drop_intermediate=False)
    steps = np.arange(len(hits))
    along = brentq(
        lambda step: np.interp(step, steps, false_alarms) - (1 - np.interp(step, steps, hits)),
        0,
        steps[-1],
        xtol=1e-12,
    )
    return 100 * float(np.interp(along, steps, false_alarms))


@pytest.mark.parametrize("seed", range(5))
def test_recall_is_scikit_learns(seed):
    random = np.random.default_rng(seed)
    true = np.concatenate([np.arange(7), random.choice(7, 200, p=np.arange(1, 8) / 28)])
    predicted = np.where(random.random(len(true)) < 0.6, true, random.integers(0, 7, len(true)))
    result = unweighted_average_recall(confusion_matrix(true, predicted))
    assert result == pytest.approx(100 * balanced_accuracy_score(true, predicted), abs=1e-10)
    assert result == pytest.approx(100 * recall_score(true, predicted, average="macro"), abs=1e-10)


def test_recall_leaves_out_classes_without_clips():
    true, predicted = np.array([0, 0, 0, 2, 2, 4]), np.array([0, 1, 0, 2, 3, 4])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # classes predicted that no clip has
        expected = 100 * balanced_accuracy_score(true, predicted)
    assert unweighted_average_recall(
        confusion_matrix(true, predicted, labels=range(5))
    ) == pytest.approx(expected, abs=1e-10)
    assert expected == pytest.approx(100 * (2 / 3 + 1 / 2 + 1) / 3)


def test_recall_where_it_is_known():
    assert unweighted_average_recall(np.diag([1, 20, 300])) == 100
    assert unweighted_average_recall([[0, 5], [7, 0]]) == 0
    assert (
        unweighted_average_recall([[90, 0], [10, 0]]) == 50
    )  # always the larger class: 90 % accuracy
    assert type(unweighted_average_recall([[1]])) is float


@pytest.mark.parametrize(
    ("confusion", "message"),
    [
        (np.zeros((3, 3)), "no clips"),
        (np.zeros((0, 0)), "no clips"),
        (np.ones((2, 3)), r"shape \[2, 3\]"),
        (np.ones(4), r"shape \[4\]"),
        ([[1, -1], [0, 1]], "negative"),
        ([[1, np.nan], [0, 1]], "not finite"),
    ],
)
def test_recall_refuses_what_it_cannot_measure(confusion, message):
    with pytest.raises(ValueError, match=message):
        unweighted_average_recall(confusion)


@pytest.mark.parametrize("levels", [None, 40, 4, 2])  # how many different scores; few make ties
@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("clips", [7, 60, 501])
@pytest.mark.parametrize("seed", range(3))
def test_equal_error_rate_is_scikit_learns(levels, classes, clips, seed):
    random = np.random.default_rng(seed)
    y = np.concatenate(
        [
            np.arange(classes),
            random.choice(
                classes,
                clips - classes,
                p=np.arange(1, classes + 1) / (classes * (classes + 1) / 2),
            ),
        ]
    )
    scores = random.normal(size=(clips, classes)) + np.eye(classes)[y]
    if levels:
        scores = np.floor(np.clip((scores + 3) / 7, 0, 0.999) * levels)
    expected = np.mean([reference_equal_error_rate(scores[:, k], y == k) for k in range(classes)])
    assert equal_error_rate(scores, y) == pytest.approx(expected, abs=1e-8)


def test_equal_error_rate_where_it_is_known():
    y = np.arange(60) % 3
    right = np.eye(3)[y]
    assert equal_error_rate(right, y) == 0
    assert equal_error_rate(-right, y) == 100
    assert equal_error_rate(np.zeros((60, 3)), y) == 50
    assert equal_error_rate([[1, 0], [1, 0], [0, 1]], [0, 1, 1]) == pytest.approx(
        100 / 3
    )  # (0, 1), (1/2, 0) meets the diagonal at 1/3
    assert type(equal_error_rate(right, y)) is float


def test_equal_error_rate_of_normal_scores():
    # Two normal distributions of unit deviation, d apart: both errors are Phi(-d / 2) half-way.
    random, y = np.random.default_rng(0), np.arange(400_000) % 2
    scores = random.normal(size=(len(y), 2)) + 1.5 * np.eye(2)[y]
    assert equal_error_rate(scores, y) == pytest.approx(100 * NormalDist().cdf(-0.75), abs=0.3)


def test_equal_error_rate_depends_on_order_alone():
    random = np.random.default_rng(1)
    y = random.integers(0, 3, 200)
    scores = np.round(random.normal(size=(200, 3)) + np.eye(3)[y], 1)
    shuffled = random.permutation(200)
    assert (
        equal_error_rate(scores, y)
        == equal_error_rate(np.exp(scores), y)
        == equal_error_rate(scores[shuffled], y[shuffled])
    )
    lowest = np.where(scores == scores.min(axis=0), -np.inf, scores)  # log 0
    assert equal_error_rate(lowest, y) == equal_error_rate(scores, y)


def test_equal_error_rate_leaves_out_classes_without_clips():
    random = np.random.default_rng(2)
    y = random.choice([0, 2], 50)
    scores = random.normal(size=(50, 4))
    expected = np.mean([reference_equal_error_rate(scores[:, k], y == k) for k in (0, 2)])
    assert equal_error_rate(scores, y) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(
    ("scores", "y", "message"),
    [
        (np.zeros((4, 2)), [1, 1, 1, 1], "clips of 1 class; an equal error rate needs two"),
        (np.zeros((0, 2)), np.zeros(0, int), "clips of 0 class"),
        (np.zeros((4, 2)), [0, 1, 2, -1], r"outside 0 to 1, the columns of scores: \[-1, 2\]"),
        (np.zeros((4, 2)), [0, 1], r"shape \[4, 2\] and y \[2\]"),
        (np.zeros(4), [0, 1, 0, 1], r"shape \[4\]"),
        ([[0, np.nan], [0, 0]], [0, 1], "1 values that are NaN"),
    ],
)
def test_equal_error_rate_refuses_what_it_cannot_measure(scores, y, message):
    with pytest.raises(ValueError, match=message):
        equal_error_rate(scores, y)
