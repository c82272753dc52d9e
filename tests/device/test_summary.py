"""The numbers of a measurement are over its processes."""

import pytest

from frill.device.phone.summary import summarise
from frill.device.phone.tools.benchmark_model import Timing


def timing(mean: float, median: float | None = None, p95: float | None = None) -> Timing:
    return Timing("tflite", 1.0, 2.0 * mean, 50, mean, 0.9 * mean, median, p95, None, ())


def test_means_of_older_builds():
    models = [timing(4.0), timing(10.0), timing(3.0)]
    result = summarise(models, [timing(1.0), timing(2.0), timing(1.0)])
    assert (result["statistic"], result["runs"]) == ("mean", 150)
    assert (result["latency_ms"], result["control_ms"]) == (4.0, 1.0)
    assert result["ratio"] == 4.0  # of 4, 5, 3
    assert result["iqr_ms"] == [3.5, 7.0]
    assert result["ratio_iqr"] == [3.5, 4.5]
    assert result["min_ms"] == pytest.approx(2.7)
    assert result["p95_ms"] == pytest.approx(9.4)
    assert result["p95_over"] == "processes"


def test_medians_of_newer_builds():
    models = [timing(4.0, 3.9, 5.0), timing(9.0, 4.1, 7.0), timing(4.0, 4.0, 6.0)]
    result = summarise(models, [timing(1.0, 2.0, 3.0)] * 3)
    assert (result["statistic"], result["latency_ms"], result["ratio"]) == ("median", 4.0, 2.0)
    assert (result["p95_ms"], result["p95_over"]) == (6.0, "invocations")
