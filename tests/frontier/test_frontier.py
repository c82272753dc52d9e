"""The frontier, the cautious one, and what frontier.json holds."""

import json
from dataclasses import replace

import numpy as np
import pytest
from example_results import frontier_result, paired, student_result

from frill.frontier.assemble import assemble
from frill.frontier.latency import Timing
from frill.frontier.pareto import Evidence, beats_beyond_doubt, find_beaters, place
from frill.frontier.results import (
    Difference,
    Effects,
    RankAgreement,
    Regression,
    RunnerUp,
    Step,
    TaskDifferences,
    Weight,
    as_dict,
    read_frontier,
    write_frontier,
)
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
    beaten_by = find_beaters(*zip(*points, strict=True))
    assert [not beaters for beaters in beaten_by] == on


def test_pareto_by_brute_force():
    points = np.random.default_rng(0).integers(0, 8, (60, 2))
    beaten = [
        any((b[0] <= a[0] and b[1] >= a[1]) and tuple(a) != tuple(b) for b in points)
        for a in points
    ]
    assert [bool(beaters) for beaters in find_beaters(points[:, 0], points[:, 1])] == beaten


def test_who_beats_whom():
    # b is beaten by a, c by nobody (a's equal), d by all three
    assert find_beaters([1, 2, 1, 3], [5, 5, 5, 4]) == [[], [0, 2], [], [0, 1, 2]]


class Known:
    """Evidence with given intervals, of every pair the same half widths."""

    def __init__(self, latency_ms: dict, quality: dict, factor: float, points: float):
        self._latency_ms = latency_ms
        self._quality = quality
        self._factor = factor
        self._points = points

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
    students = []
    for name, quality in QUALITY.items():
        status = "diverged" if name == "broken" else "ok"
        students.append(student_result(name, LATENCY_MS[name], quality, status=status))
    placed = place(students, Known(LATENCY_MS, QUALITY, factor, points))
    assert [s.name for s in placed] == list(QUALITY)
    assert "".join(s.name for s in placed if s.on_frontier) == "a"
    assert "".join(s.name for s in placed if s.on_cautious_frontier) == cautious
    beaten_by = {s.name: "".join(s.beaten_by) for s in placed}
    assert beaten_by == {"a": "", "b": "acd", "c": "a", "d": "a", "broken": ""}


def timed(ratio: float, seed: int) -> Timing:
    """Return rounds of about `ratio` to a control of 2 ms."""
    rng = np.random.default_rng(seed)
    ratios = ratio * np.exp(rng.normal(0, 0.05, 20))
    quartiles = np.percentile(ratios, [25, 75]).tolist()
    return Timing({}, 2.0, float(np.median(ratios)), quartiles, ratios, peak_memory_mib=12.5)


def test_two_students_are_compared_clip_by_clip():
    """Both differ from the teacher on the same clips.

    So against the teacher either interval is wide, between them there is nothing.
    """
    student, teacher = paired(3)
    noss = {"one": student, "same": student, "teacher": teacher}
    evidence = Evidence({name: timed(1.0, 1) for name in noss}, noss, 17)
    assert evidence.quality_difference("one", "same") == [0, 0]
    low, high = evidence.quality_difference("one", "teacher")
    assert high - low > 1


def test_a_fast_student_beats_a_slow_equal_beyond_doubt():
    student, _ = paired(3)
    noss = {"fast": student, "slow": student}
    far = Evidence({"fast": timed(1.0, 1), "slow": timed(1.5, 2)}, noss, 17)
    assert beats_beyond_doubt("fast", "slow", far)
    assert not beats_beyond_doubt("slow", "fast", far)
    near = Evidence({"fast": timed(1.0, 1), "slow": timed(1.01, 2)}, noss, 17)
    assert not beats_beyond_doubt("fast", "slow", near)
    rarely = replace(far.timings["slow"], ratios=far.timings["slow"].ratios[:5])
    few = Evidence(far.timings | {"slow": rarely}, noss, 17)
    assert few.latency_ratio("fast", "slow") is None
    assert not beats_beyond_doubt("fast", "slow", few)


def test_assemble_leaves_diverged_students_off(default):
    names = list(default["students"])[:3]
    default["students"] = {name: default["students"][name] for name in names}
    results, teacher = [paired(seed)[0] for seed in range(4)], paired(0)[1]
    noss = dict(zip(names, results, strict=False))
    noss |= {"teacher": teacher, "logmel_stats": results[3], "random_weights": results[3]}
    noss[names[2]] = replace(results[2], accuracy_change={"validation": 0.5, "test": -0.25})
    timings = {name: timed(0.1 * (i + 1), i) for i, name in enumerate(names)}
    counted = {"parameters": 1, "multiply_adds": 1, "weight_bytes": 4, "bottleneck_bytes": 4}
    trained = {name: counted | {"status": "ok", "validation_r2": 0.5} for name in names}
    trained[names[0]] |= {"status": "diverged", "validation_r2": float("nan")}
    parity = {"min_cosine": 0.99, "relative_error": 0.1}
    tflite = {name: {"file_bytes": 1, "parity": parity} for name in names}
    tflite[names[0]]["parity"] = dict.fromkeys(parity, float("nan"))
    frontier = assemble(validate(default), timings, noss, tflite, trained)
    one, two, three = frontier.students
    assert (one.status, one.on_frontier, one.on_cautious_frontier) == ("diverged", False, False)
    assert two.on_frontier and three.on_frontier == (three.quality > two.quality)
    assert frontier.selected in names[1:]
    references = ["teacher", "logmel_stats", "random_weights"]
    assert [r.name for r in frontier.references] == references
    assert frontier.references[0].latency_ms is None
    assert two.latency_ms == pytest.approx(0.4, rel=0.1)
    low, high = two.latency_interval_ms
    assert low < two.latency_ms < high and two.latency_ratios == 20
    assert two.peak_memory_mib == 12.5
    others = [name for name in names[1:] if name != frontier.selected]
    assert [r.name for r in frontier.runners_up] == others
    assert frontier.effects.regression == {}
    assert [step.axis for step in frontier.effects.pairs] == ["pooling"]
    assert frontier.speakers_in_train_and_test == {"1": 1}
    test = three.tasks["0"].test
    expected = results[2].tasks["0"].test_accuracy - teacher.tasks["0"].test_accuracy
    assert test.points == pytest.approx(expected)
    assert test.interval[0] < test.points < test.interval[1]
    assert (one.quantisation_points, three.quantisation_points) == (None, -0.25)
    assert two.parity_min_cosine == 0.99
    values = (one.parity_min_cosine, one.parity_relative_error, one.validation_r2)
    assert values == (None, None, None)
    json.dumps(as_dict(frontier), allow_nan=False)  # nothing else is a NaN either


def test_what_is_read_was_written(tmp_path):
    difference = Difference(1.5, [1.0, 2.0])
    tasks = {"mask": TaskDifferences(difference, difference)}
    student = student_result(tasks=tasks, beaten_by=["another"])
    regression = Regression(0.5, 9, True, 3, [Weight("rank=100", "rank", 0.5, [0.25, 0.75])])
    step = Step("rank", "none", 100, 1, -0.5, None, 0.5, None, 0.25)
    whole = frontier_result(
        [student],
        runners_up=[RunnerUp("another", -5.0, 1.0, 1000, "slower")],
        rank_agreement=RankAgreement(["fast", "model_card"], 5, 0.5, 0.25, 1, 20),
        effects=Effects({"latency_ms": regression}, [step], ["A note."]),
    )
    for frontier in (whole, frontier_result([student])):
        write_frontier(frontier, tmp_path / "frontier.json")
        assert read_frontier(tmp_path / "frontier.json") == frontier
    write_frontier(whole, tmp_path / "frontier.json")
    (pair,) = json.loads((tmp_path / "frontier.json").read_text())["effects"]["pairs"]
    assert list(pair)[:4] == ["axis", "from", "to", "pairs"]
