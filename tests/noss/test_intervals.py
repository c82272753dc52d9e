"""Intervals: as the normal one of much data, and covering the truth where there is little."""

import numpy as np
import pytest
from example_results import task_scores

from frill.noss.intervals import (
    estimate_accuracy_interval,
    estimate_combination_interval,
    estimate_interval,
    resample,
)

NO_SPEAKERS = np.array([], int)
TRUTH = 70.0


def simulated(seed: int, tasks: list[tuple[int, int | None]]) -> list:
    """Return resampled accuracies of tasks, TRUTH on average.

    A task has so many clips, or so many speakers with up to so many clips.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for number, (members, clips) in enumerate(tasks):
        if clips is None:
            right = rng.random(members) < TRUTH / 100
            speakers = NO_SPEAKERS
        else:
            sizes = rng.integers(clips // 2, clips + 1, members)
            share = rng.beta(7, 3, members)  # mean 0.7: some speakers are easier
            right = np.concatenate(
                [rng.random(size) < p for size, p in zip(sizes, share, strict=True)]
            )
            speakers = np.repeat(np.arange(members), sizes)
        parts.append(resample(100.0 * right, speakers, seed + number))
    return parts


@pytest.mark.parametrize(
    "tasks",
    [[(200, None)], [(30, 20)], [(6, 40)], [(3, 40)], [(24, 60), (400, None), (6, 50), (90, 3)]],
    ids=["clips", "30", "6", "3", "four tasks"],
)
def test_coverage(tasks):
    inside = []
    for seed in range(400):
        low, high = estimate_interval(simulated(seed, tasks))
        inside.append(low <= TRUTH <= high)
    assert 0.90 < np.mean(inside) <= 0.99


def test_resampling_clips_where_there_are_speakers_would_cover_far_less():
    inside = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        right = np.repeat(rng.beta(7, 3, 8), 50) > rng.random(400)
        low, high = estimate_interval([resample(100.0 * right, NO_SPEAKERS, seed)])
        inside.append(low <= TRUTH <= high)
    assert np.mean(inside) < 0.75


def test_much_data_gives_the_normal_interval():
    rng = np.random.default_rng(0)
    right, other = rng.random(5000) < 0.7, rng.random(5000) < 0.6
    half = 1.96 * 100 * np.std(right) / 5000**0.5
    middle = 100 * right.mean()
    interval = estimate_accuracy_interval(right.astype(float), NO_SPEAKERS, 1)
    np.testing.assert_allclose(interval, [middle - half, middle + half], atol=0.1 * half)
    # Paired: the deviation is that of the differences.
    difference = right.astype(float) - other
    half = 1.96 * 100 * np.std(difference) / 5000**0.5
    middle = 100 * difference.mean()
    interval = compare(right, other)
    np.testing.assert_allclose(interval, [middle - half, middle + half], atol=0.1 * half)
    # Speakers of equal size: that of their means.
    half = 1.96 * 100 * np.std(difference.reshape(250, 20).mean(axis=1), ddof=1) / 250**0.5
    interval = compare(right, other, np.repeat(np.arange(250), 20))
    np.testing.assert_allclose(interval, [middle - half, middle + half], atol=0.1 * half)


def compare(right: np.ndarray, other: np.ndarray, speakers: np.ndarray = NO_SPEAKERS) -> list:
    """Return the interval of the difference of two models on one task."""
    pair = task_scores(right, speakers), task_scores(other, speakers)
    return estimate_combination_interval([pair], [1, -1], "test", 1)


def test_models_that_answer_alike_may_differ_on_other_clips():
    """By the exact rule of three: 1 - 0.025^(1/40) of 40 clips, in one of two tasks."""
    right = np.arange(40) % 3 > 0
    tasks = [task_scores(right), task_scores(right, np.arange(40) // 10)]
    interval = estimate_combination_interval([(task, task) for task in tasks], [1, -1], "test", 1)
    np.testing.assert_allclose(interval, [-8.81 / 2, 8.81 / 2], atol=0.01)


@pytest.mark.parametrize("clips, share", [(100, 0.01), (300, 0.005), (300, 0.02), (40, 0.05)])
def test_a_model_that_is_rarely_wrong_is_seldom_shown_to_be_no_worse(clips, share):
    """The other is right on a `share` of the clips that this one is wrong on, and never else."""
    shown, inside = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        other = rng.random(clips) < 0.8
        lost = rng.random(clips) < share
        low, high = compare(other & ~lost, other | lost)
        shown.append(low >= 0)
        inside.append(low <= -100 * share <= high)
    assert np.mean(shown) <= 0.025
    assert np.mean(inside) > 0.9


def test_of_one_speaker_clips_are_resampled():
    right, other = np.arange(40) % 3 > 0, np.arange(40) % 4 > 0
    interval = compare(right, other, np.zeros(40, int))
    assert interval == compare(right, other)
    assert interval[0] < 100 * (right.mean() - other.mean()) - 5


def bound_accuracy(right: np.ndarray, speakers: np.ndarray = NO_SPEAKERS, seed: int = 1) -> list:
    return estimate_accuracy_interval(right.astype(float), speakers, seed)


@pytest.mark.parametrize(
    "count, total, low, high",
    [(9, 10, 59.58, 98.21), (0, 10, 0.0, 27.75), (81, 263, 25.53, 36.62)],
)
def test_an_accuracys_interval_is_wilsons(count, total, low, high):
    """Newcombe 1998, table I, and closed form."""
    np.testing.assert_allclose(bound_accuracy(np.arange(total) < count), [low, high], atol=0.02)


def test_an_accuracys_interval_stays_within_0_and_100():
    right = np.ones(40) > 0
    assert bound_accuracy(right, np.arange(40) // 10) == bound_accuracy(right)
    one_of_three_is_wrong = np.arange(60) >= 20
    assert bound_accuracy(one_of_three_is_wrong, np.arange(60) // 20) == [0.0, 100.0]


@pytest.mark.parametrize("share, clips", [(0.97, 40), (0.99, 100), (0.7, 60)])
def test_accuracies_near_100_are_covered(share, clips):
    inside = []
    for seed in range(300):
        right = np.random.default_rng(seed).random(clips) < share
        low, high = bound_accuracy(right, seed=seed)
        inside.append(low <= 100 * share <= high)
    assert np.mean(inside) > 0.9
