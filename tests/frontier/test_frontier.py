"""The frontier, the cautious one, and what frontier.json holds."""

import numpy as np
import pytest
from examples import paired

from frill.frontier.assemble import assemble
from frill.frontier.pareto import Evidence, beaters, beats_beyond_doubt, place
from frill.params.load import validate


@pytest.mark.parametrize(
    "points, on",
    [
        ([(1, 0)], [True]),
        ([(1, 0), (2, 1), (3, 2)], [True, True, True]),
        ([(1, 2), (2, 1), (3, 0)], [True, False, False]),
        ([(1, 1), (1, 1), (2, 1)], [True, True, False]),  # equal points both stay
        ([(1, 1), (1, 2)], [False, True]),  # a tie in latency
        ([(2, 1), (1, 1)], [False, True]),  # a tie in quality
        ([(5, -3.0), (1, -9.0), (4, -3.5), (4.5, -2.0)], [False, True, True, True]),
    ],
)
def test_pareto(points, on):
    found = beaters(*zip(*points, strict=True))
    assert [not by for by in found] == on


def test_pareto_by_brute_force():
    points = np.random.default_rng(0).integers(0, 8, (60, 2))
    beaten = [
        any((b[0] <= a[0] and b[1] >= a[1]) and tuple(a) != tuple(b) for b in points)
        for a in points
    ]
    assert [bool(by) for by in beaters(points[:, 0], points[:, 1])] == beaten


def test_who_beats_whom():
    # b is beaten by a, c by nobody (a's equal), d by all three
    assert beaters([1, 2, 1, 3], [5, 5, 5, 4]) == [[], [0, 2], [], [0, 1, 2]]


class Known:
    """Evidence with given intervals, of every pair the same half widths."""

    def __init__(self, latency_ms: dict, quality: dict, factor: float, points: float):
        self._latency_ms, self._quality, self._factor, self._points = (
            latency_ms,
            quality,
            factor,
            points,
        )

    def latency_ratio(self, one, other):
        ratio = self._latency_ms[one] / self._latency_ms[other]
        return [ratio / self._factor, ratio * self._factor]

    def quality_difference(self, one, other):
        points = self._quality[one] - self._quality[other]
        return [points - self._points, points + self._points]


LATENCY_MS = {"a": 1.0, "b": 2.0, "c": 2.0, "d": 1.05, "broken": 9.0}
QUALITY = {"a": -2.0, "b": -5.0, "c": -2.5, "d": -5.0, "broken": -50.0}


@pytest.mark.parametrize(
    "factor, points, cautious",
    [
        (1.0, 0.0, "a"),  # nothing in doubt: the frontier itself
        (1.1, 1.0, "acd"),  # c is hardly worse, d hardly slower
        (1.01, 1.0, "ac"),
        (1.1, 0.1, "ad"),
        (3.0, 9.0, "abcd"),
        (1.0, 3.0, "ac"),  # b and d are worse by just the interval: no doubt is left
    ],
)
def test_a_student_leaves_the_cautious_frontier_only_beyond_both_intervals(
    factor, points, cautious
):
    students = [
        {
            "name": n,
            "status": "diverged" if n == "broken" else "ok",
            "latency_ms": LATENCY_MS[n],
            "quality": QUALITY[n],
        }
        for n in QUALITY
    ]
    place(students, Known(LATENCY_MS, QUALITY, factor, points))
    assert "".join(s["name"] for s in students if s["on_frontier"]) == "a"
    assert "".join(s["name"] for s in students if s["on_cautious_frontier"]) == cautious
    assert {s["name"]: "".join(s["beaten_by"]) for s in students} == {
        "a": "",
        "b": "acd",
        "c": "a",
        "d": "a",
        "broken": "",
    }


def measured(ratio: float, seed: int, spread: float = 0.05, rounds: int = 20) -> dict:
    """A host's result: rounds of about `ratio` to a control of 2 ms, on a machine that is slower for a while."""
    rng = np.random.default_rng(seed)
    control_ms = 2 * np.exp(rng.normal(0, 0.3, rounds))
    ratios = ratio * np.exp(rng.normal(0, spread, rounds))
    found = {
        "latency_ms": 1.0,
        "control_ms": float(np.median(control_ms)),
        "ratio": float(np.median(ratios)),
        "peak_memory_mib": 12.5,
    }
    found |= {
        "ratio_iqr": np.percentile(ratios, [25, 75]).tolist(),
        "round_ms": (ratios * control_ms).tolist(),
    }
    return found | {"control_round_ms": control_ms.tolist()}


def with_validation(result: dict) -> dict:
    result["mean_validation_accuracy"] = result["mean_test_accuracy"]
    for scores in result["tasks"].values():
        scores["validation_correct"], scores["validation_accuracy"] = (
            scores["test_correct"],
            scores["test_accuracy"],
        )
    return result


def test_two_students_are_compared_clip_by_clip():
    """Both differ from the teacher on the same clips: against the teacher either interval is wide, between them there is nothing."""
    student, teacher = paired(3)
    noss = {"one": with_validation(student), "same": student, "teacher": with_validation(teacher)}
    evidence = Evidence({name: measured(1.0, 1) for name in noss}, noss, 17)
    assert evidence.quality_difference("one", "same") == [0, 0]
    low, high = evidence.quality_difference("one", "teacher")
    assert high - low > 1


def test_a_fast_student_beats_a_slow_equal_beyond_doubt():
    student, _ = paired(3)
    noss = {"fast": with_validation(student), "slow": student}
    evidence = Evidence({"fast": measured(1.0, 1), "slow": measured(1.5, 2)}, noss, 17)
    assert beats_beyond_doubt("fast", "slow", evidence) and not beats_beyond_doubt(
        "slow", "fast", evidence
    )
    near = Evidence({"fast": measured(1.0, 1), "slow": measured(1.01, 2)}, noss, 17)
    assert not beats_beyond_doubt("fast", "slow", near)


def test_assemble_leaves_diverged_students_off(default):
    names = list(default["students"])[:3]
    default["students"] = {name: default["students"][name] for name in names}
    params = validate(default)
    results, teacher = [paired(seed)[0] for seed in range(4)], paired(0)[1]
    for result in (*results, teacher):
        with_validation(result)
    noss = dict(zip(names, results, strict=False)) | {
        "teacher": teacher,
        "logmel_stats": results[3],
        "random_weights": results[3],
    }
    latency = {name: measured(0.1 * (i + 1), i) for i, name in enumerate(names)}
    trained = {
        name: {
            "status": "ok",
            "parameters": 1,
            "multiply_adds": 1,
            "weight_bytes": 4,
            "bottleneck_bytes": 4,
            "validation_r2": 0.5,
        }
        for name in names
    }
    trained[names[0]]["status"] = "diverged"
    noss[names[2]]["accuracy_change"] = {"validation": 0.5, "test": -0.25}
    tflite = {
        name: {"file_bytes": 1, "parity": {"min_cosine": 0.99, "relative_error": 0.1}}
        for name in names
    }
    frontier = assemble(params, latency, noss, tflite, trained)
    one, two, three = frontier["students"]
    assert (one["status"], one["on_frontier"]) == ("diverged", False) and two["on_frontier"]
    assert three["on_frontier"] == (three["quality"] > two["quality"])
    assert frontier["selected"] in names[1:] and [r["name"] for r in frontier["references"]] == [
        "teacher",
        "logmel_stats",
        "random_weights",
    ]
    assert frontier["references"][0]["latency_ms"] is None and two["latency_ms"] == pytest.approx(
        0.4, rel=0.1
    )
    assert (
        two["latency_interval_ms"][0] < two["latency_ms"] < two["latency_interval_ms"][1]
        and two["latency_ratios"] == 20
    )
    assert (two["peak_memory_mib"], one["on_cautious_frontier"]) == (12.5, False)
    assert [r["name"] for r in frontier["runners_up"]] == [
        n for n in names[1:] if n != frontier["selected"]
    ]
    assert frontier["effects"]["regression"] == {} and [
        row["axis"] for row in frontier["effects"]["pairs"]
    ] == ["pooling"]
    assert frontier["speakers_in_train_and_test"] == {"1": 1}
    points = three["tasks"]["0"]["test"]
    assert points["points"] == pytest.approx(
        results[2]["tasks"]["0"]["test_accuracy"] - teacher["tasks"]["0"]["test_accuracy"]
    )
    assert points["interval"][0] < points["points"] < points["interval"][1]
    assert (one["quantisation_points"], three["quantisation_points"], two["parity_min_cosine"]) == (
        None,
        -0.25,
        0.99,
    )
