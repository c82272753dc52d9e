"""Quality and its intervals; against the published accuracies of FRILL and TRILL."""

from dataclasses import replace

import numpy as np
import pytest
from example_results import accuracy_scores, card_scores, model_scores, paired, task_scores
from examples import CARD

from frill.frontier.quality import (
    compare_rankings,
    estimate_quality_interval,
    measure_quality,
    measure_seed_deviation,
)
from frill.noss.results import FastScores, MeanAccuracies, ModelScores


@pytest.mark.parametrize(
    "column, tasks, expected", [(1, 5, -1.88), (1, 7, -1.36), (0, 5, -1.76), (0, 7, -0.73)]
)
def test_quality_of_the_published_models(column, tasks, expected):
    def published(column: int) -> ModelScores:
        rows = list(CARD.items())[:tasks]
        return model_scores({task: accuracy_scores(values[column]) for task, values in rows})

    quality = measure_quality(published(column), published(2), "test")
    assert quality == pytest.approx(expected, abs=0.005)


def test_as_many_right_answers_in_other_tasks_are_a_tie():
    """100 * 50/96 and 100 * 51/96 have no exact float: their sums differ in the last digit."""

    def right(*counts: int) -> ModelScores:
        tasks = {str(task): task_scores(np.arange(96) < n) for task, n in enumerate(counts)}
        return model_scores(tasks)

    teacher = right(96, 96, 96)
    one, two = right(50, 50, 60), right(51, 49, 60)
    assert measure_quality(one, teacher, "test") == measure_quality(two, teacher, "test")


def test_the_interval_is_the_normal_one_for_many_clips():
    for seed in range(5):
        student, teacher = paired(seed, (4000, 2000))
        variance = 0
        for task, scores in student.tasks.items():
            difference = scores.correct("test") - teacher.tasks[task].correct("test")
            variance += difference.var() / len(difference)
        half = 1.96 * 100 * np.sqrt(variance) / 2
        middle = measure_quality(student, teacher, "test")
        interval = estimate_quality_interval(student, teacher, "test", 17)
        np.testing.assert_allclose(interval, [middle - half, middle + half], atol=0.1 * half)


def test_a_model_does_not_differ_from_itself():
    _, teacher = paired(1)
    assert estimate_quality_interval(teacher, teacher, "test", 17) == [0, 0]


def test_the_interval_covers_the_truth_as_often_as_it_says():
    truth = 100 * 0.15 * (0.5 - 0.8)  # b differs from a in 15 %, where it is a coin
    inside = []
    for seed in range(300):
        low, high = estimate_quality_interval(*paired(seed), "test", seed)
        inside.append(low <= truth <= high)
    assert np.mean(inside) == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 300))


def repeat(accuracy: float) -> MeanAccuracies:
    return MeanAccuracies(accuracy, accuracy)


def test_seeds_widen_the_interval_by_students_t():
    student, teacher = paired(1, (4000, 2000))
    low, high = estimate_quality_interval(student, teacher, "test", 17)
    one = measure_quality(student, teacher, "test")
    repeats = [repeat(student.mean_test_accuracy + points) for points in (1.0, 2.0)]
    student = replace(student, repeats=repeats)
    assert measure_quality(student, teacher, "test") == pytest.approx(one + 1)
    assert measure_seed_deviation(student, "test") == pytest.approx(1)
    half = 4.302653 / np.sqrt(3)  # t of 2 degrees of freedom at 97.5 %, in any table
    expected = [one + 1 - np.hypot(one - low, half), one + 1 + np.hypot(high - one, half)]
    interval = estimate_quality_interval(student, teacher, "test", 17)
    np.testing.assert_allclose(interval, expected, rtol=1e-6)


def test_the_interval_over_clips_and_seeds_covers_the_truth():
    """Seeds move accuracy by 2 points (deviation).

    So the interval of the clips alone misses the truth far more often than once in 20.
    """
    truth = 100 * 0.15 * (0.5 - 0.8)
    inside, inside_alone = [], []
    for trial in range(300):
        rng = np.random.default_rng(trial)
        coins = 0.5 + rng.normal(0, 2 / 15, 3)
        trainings = [paired(trial, coin=coin, training=n) for n, coin in enumerate(coins)]
        (student, teacher), *others = trainings
        assert all(other == teacher for _, other in others)
        repeats = [repeat(other.mean_test_accuracy) for other, _ in others]
        for covered, each in ((inside_alone, []), (inside, repeats)):
            student = replace(student, repeats=each)
            low, high = estimate_quality_interval(student, teacher, "test", trial)
            covered.append(low <= truth <= high)
    assert np.mean(inside_alone) < 0.85 and 0.93 < np.mean(inside) < 1


def test_a_model_is_as_good_as_itself():
    student, _ = paired(0)
    assert measure_quality(student, student, "test") == 0
    assert estimate_quality_interval(student, student, "test", 1) == [0, 0]


def test_rank_agreement_is_kendalls_tau():
    # Of the six pairs of 1 2 3 4 against 1 3 2 4 one is turned: tau = (5 - 1) / 6; against 4 3 2 1
    # all are.
    by_protocol, by_fast = {}, {}
    for fast, card, best in zip([1, 2, 3, 4], [1, 3, 2, 4], [4, 3, 2, 1], strict=True):
        protocols = {"fast": FastScores([], fast, fast)}
        task = task_scores(np.ones(1), protocols=protocols)
        by_fast[str(fast)] = model_scores({"a": task})
        large = replace(task, too_large_for=["model_card"])  # counts in no ranking
        task = replace(task, protocols=protocols | {"model_card": card_scores(card, best)})
        by_protocol[str(fast)] = model_scores({"large": large, "a": task})
    agreement = compare_rankings(by_protocol)
    assert agreement.kendall_validation == pytest.approx(4 / 6)
    assert agreement.kendall_best_test == pytest.approx(-1)
    assert agreement.left_out == ["large"]
    assert (agreement.models, agreement.unconverged_settings, agreement.settings) == (4, 4, 12)
    assert compare_rankings(by_fast) is None
