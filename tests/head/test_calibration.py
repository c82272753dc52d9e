"""Temperatures and calibration errors against closed forms."""

import numpy as np
import pytest
from scipy.special import softmax

from frill.head.calibration import (
    estimate_calibration_error,
    find_probabilities,
    fit_temperature,
)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 5.0])
def test_the_temperature_that_drew_the_labels_is_found(temperature):
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 3, (20000, 4))
    chances = softmax(scores / temperature, axis=1)
    y = (chances.cumsum(axis=1) < rng.random((20000, 1))).sum(axis=1)
    assert fit_temperature(scores, y) == pytest.approx(temperature, rel=0.05)


def test_few_clips_that_are_all_right_do_not_make_certain():
    """Of n right answers of two classes a uniform prior makes (n + 1) / (n + 2): Laplace's rule."""
    scores = np.array([[1.0, -1.0]] * 4 + [[-1.0, 1.0]] * 4)
    y = np.array([0] * 4 + [1] * 4)
    temperature = fit_temperature(scores, y)
    assert find_probabilities(scores, temperature).max() == pytest.approx(9 / 10, abs=1e-4)


def test_a_class_that_a_fit_never_saw_does_not_break_it():
    scores = np.array([[2.0, 0.0, -np.inf], [0.0, 2.0, -np.inf], [1.0, 0.0, -np.inf]])
    assert np.isfinite(fit_temperature(scores, np.array([0, 1, 2])))


def test_the_calibration_error_is_confidence_minus_accuracy():
    """80 % sure and right in 6 of 10; 55 % sure and right in 10 of 10: (10 * 20 + 10 * 45) / 20."""
    probabilities = np.array([[0.8, 0.2]] * 10 + [[0.45, 0.55]] * 10)
    y = np.array([0] * 6 + [1] * 4 + [1] * 10)
    assert estimate_calibration_error(probabilities, y) == pytest.approx(32.5)
    certain = np.eye(2)[y]
    assert estimate_calibration_error(certain, y) == pytest.approx(0)
