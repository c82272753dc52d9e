"""Latency as ratios to the control, and its intervals."""

import json
from pathlib import Path

import numpy as np
import pytest

from frill.device.intervals import estimate_median_interval, estimate_ratio_interval
from frill.frontier.latency import (
    Timing,
    pool_latency_ms,
    read_timing,
    read_timings,
)


def timing(ratios: np.ndarray, control_ms: float = 2.0) -> Timing:
    quartiles = np.percentile(ratios, [25, 75]).tolist()
    return Timing({}, control_ms, float(np.median(ratios)), quartiles, np.asarray(ratios), None)


def test_latencies_are_ratios_times_the_controls_median():
    timings = {
        "a": timing([2.0], control_ms=1.0),
        "slow round": timing([2.5], control_ms=2.0),
        "c": timing([0.5 / 1.1], control_ms=1.1),
    }
    assert pool_latency_ms(timings) == pytest.approx({"a": 2.2, "slow round": 2.75, "c": 0.5})


def write(folder: Path, name: str, **content) -> None:
    plain = {
        "identity": {"kind": "host"},
        "latency_ms": 2.0,
        "control_ms": 1.0,
        "ratio": 2.5,
        "ratio_iqr": [2.0, 3.0],
    }
    (folder / f"{name}.json").write_text(json.dumps(plain | content))


def test_ratios_are_of_rounds_on_the_host_and_of_processes_on_a_phone(tmp_path):
    write(tmp_path, "host", round_ms=[2, 6], control_round_ms=[1, 2], peak_memory_mib=5.5)
    write(tmp_path, "phone", process_ms=[2, 6], control_process_ms=[1, 2], runs=9)
    host, phone = (read_timing(tmp_path / f"{name}.json") for name in ("host", "phone"))
    assert host.ratios.tolist() == phone.ratios.tolist() == [2, 3]
    assert (host.peak_memory_mib, phone.peak_memory_mib) == (5.5, None)


def test_models_that_were_not_timed_are_left_out(tmp_path):
    write(tmp_path, "timed", round_ms=[2], control_round_ms=[1])
    untimed = {"schema": 1, "latency_ms": None, "reason": "no TFLite"}
    (tmp_path / "teacher.json").write_text(json.dumps(untimed))
    assert list(read_timings(tmp_path, ["teacher", "timed", "not there"])) == ["timed"]


@pytest.mark.parametrize(
    "count, low, high", [(6, 1, 6), (8, 1, 8), (9, 2, 8), (15, 4, 12), (20, 6, 15), (25, 8, 18)]
)
def test_the_interval_of_a_median_has_the_ranks_of_the_sign_tests_table(count, low, high):
    """Any table of the sign test at 5 %, two-sided: critical values 0, 0, 1, 3, 5, 7."""
    values = np.random.default_rng(count).permutation(count) + 1.0
    assert estimate_median_interval(values) == [low, high]


@pytest.mark.parametrize("count", [1, 3, 5])
def test_few_values_have_no_interval(count):
    """Five miss the median in 2 (1/2)^5 = 6.25 % of cases, were their whole range the interval."""
    assert estimate_median_interval(np.arange(float(count))) is None


def test_the_interval_of_a_ratio_covers_the_truth_as_often_as_it_says():
    """Rounds on a machine that now and then slows one model of a pair alone."""
    inside = []
    for seed in range(400):
        rng = np.random.default_rng(seed)

        def draw(ratio, rng=rng):
            spikes = np.where(rng.random(20) < 0.05, 3.0, 1.0)
            return ratio * np.exp(rng.normal(0, 0.05, 20)) * spikes

        low, high = estimate_ratio_interval(draw(3.0), draw(2.0))
        inside.append(low <= 1.5 <= high)
    assert 0.95 - 3 * np.sqrt(0.95 * 0.05 / 400) < np.mean(inside) < 0.99
