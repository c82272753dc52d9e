"""Quality and its intervals; against the published accuracies of FRILL and TRILL."""

import numpy as np
import pytest
from examples import CARD, paired

from frill.frontier.quality import quality, quality_interval, rank_agreement, seed_deviation
from frill.noss.score import mean_accuracy


@pytest.mark.parametrize(
    "column, tasks, expected", [(1, 5, -1.88), (1, 7, -1.36), (0, 5, -1.76), (0, 7, -0.73)]
)
def test_quality_of_the_published_models(column, tasks, expected):
    def result(column):
        scores = {
            task: {"test_accuracy": values[column]} for task, values in list(CARD.items())[:tasks]
        }
        return {"mean_test_accuracy": mean_accuracy(scores, "test"), "tasks": scores}

    assert quality(result(column), result(2), "test") == pytest.approx(expected, abs=0.005)


def test_the_interval_is_the_normal_one_for_many_clips():
    for seed in range(5):
        student, teacher = paired(seed, (4000, 2000))
        variance = 0
        for task in student["tasks"]:
            difference = np.subtract(
                *[np.array(list(m["tasks"][task]["test_correct"]), int) for m in (student, teacher)]
            )
            variance += difference.var() / len(difference)
        half = 1.96 * 100 * np.sqrt(variance) / 2
        middle = quality(student, teacher, "test")
        np.testing.assert_allclose(
            quality_interval(student, teacher, "test", 17),
            [middle - half, middle + half],
            atol=0.1 * half,
        )


def test_the_interval_covers_the_truth_as_often_as_it_says():
    truth = 100 * 0.15 * (0.5 - 0.8)  # b differs from a in 15 %, where it is a coin
    inside = [
        low <= truth <= high
        for low, high in (quality_interval(*paired(seed), "test", seed) for seed in range(300))
    ]
    assert np.mean(inside) == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 300))


def test_seeds_widen_the_interval_by_students_t():
    student, teacher = paired(1, (4000, 2000))
    low, high = quality_interval(student, teacher, "test", 17)
    one = quality(student, teacher, "test")
    student["repeats"] = [
        {"mean_test_accuracy": student["mean_test_accuracy"] + points} for points in (1.0, 2.0)
    ]
    assert quality(student, teacher, "test") == pytest.approx(one + 1) and seed_deviation(
        student, "test"
    ) == pytest.approx(1)
    half = 4.302653 / np.sqrt(3)  # t of 2 degrees of freedom at 97.5 %, in any table
    expected = [one + 1 - np.hypot(one - low, half), one + 1 + np.hypot(high - one, half)]
    np.testing.assert_allclose(quality_interval(student, teacher, "test", 17), expected, rtol=1e-6)


def test_the_interval_over_clips_and_seeds_covers_the_truth():
    """Seeds that move accuracy by 2 points (deviation): the interval of the clips alone misses the truth far more often than once in 20."""
    truth, inside, inside_alone = 100 * 0.15 * (0.5 - 0.8), [], []
    for trial in range(300):
        rng = np.random.default_rng(trial)
        trainings = [
            paired(trial, coin=coin, training=n)
            for n, coin in enumerate(0.5 + rng.normal(0, 2 / 15, 3))
        ]
        (student, teacher), *repeats = trainings
        assert all(other == teacher for _, other in repeats)
        for kept, students in ((inside_alone, []), (inside, [repeat for repeat, _ in repeats])):
            low, high = quality_interval(student | {"repeats": students}, teacher, "test", trial)
            kept.append(low <= truth <= high)
    assert np.mean(inside_alone) < 0.85 and 0.93 < np.mean(inside) < 1


def test_a_model_is_as_good_as_itself():
    student, _ = paired(0)
    assert quality(student, student, "test") == 0 and quality_interval(
        student, student, "test", 1
    ) == [0, 0]


def test_rank_agreement_is_kendalls_tau():
    def model(fast, card, best):
        protocols = {"fast": {"validation_accuracy": fast, "test_accuracy": fast},
                     "frill": {"validation_accuracy": card, "best_test_accuracy": best, "unconverged": ["lr"], "settings": 3}}  # fmt: skip
        return {"tasks": {"a": {"protocols": protocols}}}

    # Of the six pairs of 1 2 3 4 against 1 3 2 4 one is turned: tau = (5 - 1) / 6; against 4 3 2 1 all are.
    noss = {
        str(i): model(a, b, c)
        for i, (a, b, c) in enumerate(zip([1, 2, 3, 4], [1, 3, 2, 4], [4, 3, 2, 1], strict=True))
    }
    found = rank_agreement(noss)
    assert found["kendall_validation"] == pytest.approx(4 / 6) and found[
        "kendall_best_test"
    ] == pytest.approx(-1)
    assert (found["models"], found["unconverged_settings"], found["settings"]) == (4, 4, 12)
    for one in noss.values():
        del one["tasks"]["a"]["protocols"]["frill"]
    assert rank_agreement(noss) is None
