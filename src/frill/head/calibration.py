"""Probabilities that are to be taken at their word: a temperature, and how far off they are.

A temperature divides the scores before the softmax and changes no answer: Guo et al., On
Calibration of Modern Neural Networks, ICML 2017, sections 2 (the error) and 4.2.
"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

BINS = 15  # of the error, as Guo et al.
LOG_LIMITS = (-7.0, 9.0)  # of the temperature
LEAST_LOG = -30.0  # of a probability: one of 0 would outweigh all other clips


def fit_temperature(scores: np.ndarray, y: np.ndarray) -> float:
    """Return the temperature with the least log loss of held-out `scores` [clips, classes].

    `y` int [clips]. Where a few clips are all right, the least loss is at certainty. So each
    target's mass is (n + 1)/(n + classes) on its class and the rest on the others: what a uniform
    prior makes of n right answers (Platt, Probabilistic Outputs for SVMs, 1999, section 2.2).
    """
    clips, classes = scores.shape
    targets = np.full(scores.shape, 1 / (clips + classes))
    targets[np.arange(clips), y] = (clips + 1) / (clips + classes)

    def log_loss(log_temperature: float) -> float:
        logs = log_softmax(scores / np.exp(log_temperature), axis=1)
        return -float(np.mean(np.sum(targets * np.maximum(logs, LEAST_LOG), axis=1)))

    return float(np.exp(minimize_scalar(log_loss, bounds=LOG_LIMITS, method="bounded").x))


def find_probabilities(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities [..., classes] of scores [..., classes]."""
    return softmax(scores / temperature, axis=-1)


def estimate_calibration_error(probabilities: np.ndarray, y: np.ndarray) -> float:
    """Return the expected calibration error in points.

    That is the mean difference between the greatest of `probabilities` [clips, classes] and the
    share of right answers, over BINS of equal width, weighted by their clips.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == y
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    sums = np.bincount(bins, confidence - right, BINS)
    return 100 * float(np.abs(sums).sum() / len(y))
