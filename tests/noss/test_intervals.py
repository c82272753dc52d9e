"""Intervals: as the normal one where there is much, and covering the truth as often as they say where there is little."""

import numpy as np
import pytest

from frill.noss.intervals import accuracy_interval, difference_interval, interval, resample

TRUTH = 70.0


def simulated(seed: int, tasks: list[tuple[int, int | None]]) -> list:
    """Resampled accuracies of tasks of so many clips, or so many speakers with up to so many clips, whose accuracy is TRUTH on average."""
    rng, parts = np.random.default_rng(seed), []
    for number, (members, clips) in enumerate(tasks):
        if clips is None:
            parts.append(resample(100.0 * (rng.random(members) < TRUTH / 100), None, seed + number))
        else:
            sizes, share = (
                rng.integers(clips // 2, clips + 1, members),
                rng.beta(7, 3, members),
            )  # mean 0.7: some speakers are easier
            right = np.concatenate(
                [rng.random(size) < p for size, p in zip(sizes, share, strict=True)]
            )
            parts.append(
                resample(100.0 * right, np.repeat(np.arange(members), sizes), seed + number)
            )
    return parts


@pytest.mark.parametrize(
    "tasks",
    [[(200, None)], [(30, 20)], [(6, 40)], [(3, 40)], [(24, 60), (400, None), (6, 50), (90, 3)]],
    ids=["clips", "30", "6", "3", "four tasks"],
)
def test_coverage(tasks):
    inside = [
        low <= TRUTH <= high
        for low, high in (interval(simulated(seed, tasks)) for seed in range(400))
    ]
    assert 0.90 < np.mean(inside) <= 0.99


def test_resampling_clips_where_there_are_speakers_would_cover_far_less():
    inside = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        right = np.repeat(rng.beta(7, 3, 8), 50) > rng.random(400)
        low, high = interval([resample(100.0 * right, None, seed)])
        inside.append(low <= TRUTH <= high)
    assert np.mean(inside) < 0.75


def scores(right: np.ndarray, speakers: np.ndarray | None = None) -> dict:
    text = "" if speakers is None else " ".join(map(str, speakers))
    return {
        "test_correct": "".join("01"[int(r)] for r in right),
        "test_speakers": text,
        "test_accuracy": 100 * right.mean(),
    }


def test_much_data_gives_the_normal_interval():
    rng = np.random.default_rng(0)
    right, other = rng.random(5000) < 0.7, rng.random(5000) < 0.6
    half = 1.96 * 100 * np.std(right) / 5000**0.5
    np.testing.assert_allclose(
        accuracy_interval(scores(right), "test", 1),
        [100 * right.mean() - half, 100 * right.mean() + half],
        atol=0.1 * half,
    )
    # Paired: the deviation is that of the differences. Speakers of equal size: that of their means.
    both = [{"tasks": {"a": scores(values)}} for values in (right, other)]
    difference = right.astype(float) - other
    half = 1.96 * 100 * np.std(difference) / 5000**0.5
    middle = 100 * difference.mean()
    np.testing.assert_allclose(
        difference_interval(*both, "test", 1), [middle - half, middle + half], atol=0.1 * half
    )
    speakers = np.repeat(np.arange(250), 20)
    both = [{"tasks": {"a": scores(values, speakers)}} for values in (right, other)]
    half = 1.96 * 100 * np.std(difference.reshape(250, 20).mean(axis=1), ddof=1) / 250**0.5
    np.testing.assert_allclose(
        difference_interval(*both, "test", 1), [middle - half, middle + half], atol=0.1 * half
    )


def test_equal_models_differ_by_nothing():
    right = np.arange(40) % 3 > 0
    model = {"tasks": {"a": scores(right), "b": scores(right, np.arange(40) // 10)}}
    assert difference_interval(model, model, "test", 1) == [0, 0]


def test_of_one_speaker_clips_are_resampled():
    right, other = np.arange(40) % 3 > 0, np.arange(40) % 4 > 0
    models = [{"tasks": {"a": scores(values, np.zeros(40, int))}} for values in (right, other)]
    without = [{"tasks": {"a": scores(values)}} for values in (right, other)]
    assert difference_interval(*models, "test", 1) == difference_interval(*without, "test", 1)
    assert difference_interval(*models, "test", 1)[0] < 100 * (right.mean() - other.mean()) - 5


def test_an_accuracys_interval_is_wilsons_and_stays_within_0_and_100():
    for count, total, low, high in (
        (9, 10, 59.58, 98.21),
        (0, 10, 0.0, 27.75),
        (81, 263, 25.53, 36.62),
    ):  # Newcombe 1998, table I, and closed form
        found = accuracy_interval(scores(np.arange(total) < count), "test", 1)
        np.testing.assert_allclose(found, [low, high], atol=0.02)
    assert accuracy_interval(
        scores(np.ones(40) > 0, np.arange(40) // 10), "test", 1
    ) == accuracy_interval(scores(np.ones(40) > 0), "test", 1)
    low, high = accuracy_interval(
        scores(np.arange(60) >= 20, np.arange(60) // 20), "test", 1
    )  # one speaker of three is always wrong
    assert (low, high) == (0.0, 100.0)


@pytest.mark.parametrize("share, clips", [(0.97, 40), (0.99, 100), (0.7, 60)])
def test_accuracies_near_100_are_covered(share, clips):
    inside = []
    for seed in range(300):
        low, high = accuracy_interval(
            scores(np.random.default_rng(seed).random(clips) < share), "test", seed
        )
        inside.append(low <= 100 * share <= high)
    assert np.mean(inside) > 0.9
