"""Latency as ratios to the control, and its intervals."""

import numpy as np
import pytest

from frill.frontier.latency import (
    median_interval,
    pooled_latency_ms,
    range_confidence,
    ratio_interval,
    ratios,
)


def test_latencies_are_ratios_times_the_controls_median():
    measured = {name: {"latency_ms": ms, "control_ms": control, "ratio": ms / control} for name, ms, control in
                (("a", 2.0, 1.0), ("slow round", 5.0, 2.0), ("c", 0.5, 1.1))}  # fmt: skip
    measured["untimed"] = {"latency_ms": None}
    assert pooled_latency_ms(measured) == pytest.approx({"a": 2.2, "slow round": 2.75, "c": 0.5})


def test_ratios_are_of_rounds_on_the_host_and_of_processes_on_a_phone():
    assert ratios({"round_ms": [2, 6], "control_round_ms": [1, 2]}).tolist() == [2, 3]
    assert ratios({"process_ms": [2, 6], "control_process_ms": [1, 2], "runs": 9}).tolist() == [
        2,
        3,
    ]


@pytest.mark.parametrize(
    "count, low, high", [(6, 1, 6), (8, 1, 8), (9, 2, 8), (15, 4, 12), (20, 6, 15), (25, 8, 18)]
)
def test_the_interval_of_a_median_has_the_ranks_of_the_sign_tests_table(count, low, high):
    """Any table of the sign test at 5 %, two-sided: critical values 0, 0, 1, 3, 5, 7."""
    assert median_interval(np.random.default_rng(count).permutation(count) + 1.0) == [low, high]


def test_of_few_values_it_is_their_range_and_says_how_sure_that_is():
    assert median_interval([3.0, 1.0, 2.0]) == [1, 3]
    assert [range_confidence(n) for n in (3, 5)] == [0.75, 0.9375]


def test_the_interval_of_a_ratio_covers_the_truth_as_often_as_it_says():
    """Rounds on a machine that slows both models of a pair; now and then it slows one alone."""
    inside = []
    for seed in range(400):
        rng = np.random.default_rng(seed)

        def result(ratio, rng=rng):
            control_ms = np.exp(rng.normal(0, 0.4, 20))
            spikes = np.where(rng.random(20) < 0.05, 3.0, 1.0)
            return {
                "round_ms": ratio * np.exp(rng.normal(0, 0.05, 20)) * spikes * control_ms,
                "control_round_ms": control_ms,
            }

        low, high = ratio_interval(result(3.0), result(2.0))
        inside.append(low <= 1.5 <= high)
    assert 0.95 - 3 * np.sqrt(0.95 * 0.05 / 400) < np.mean(inside) < 0.99
