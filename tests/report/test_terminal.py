"""What `frill show` prints of frontier.json."""

from dataclasses import replace

import pytest
from example_results import frontier_result, student_result

from frill.frontier.results import (
    Effects,
    Frontier,
    RankAgreement,
    Regression,
    RunnerUp,
    Step,
    StudentResult,
    Weight,
)
from frill.report import terminal


def student(name: str, latency_ms: float, **values) -> StudentResult:
    intervals = {
        "latency_interval_ms": [0.9 * latency_ms, 1.25 * latency_ms],
        "quality_interval": [-4.0, 0.5],
    }
    return student_result(name, latency_ms, -2.0, **intervals | values)


@pytest.fixture
def frontier() -> Frontier:
    students = [
        student("big", 4.0, on_frontier=True, on_cautious_frontier=True),
        student("cut", 2.0, on_cautious_frontier=True),
        student("quick", 1.0, on_frontier=True, on_cautious_frontier=True, latency_ratios=3),
        student("worst", 8.0),
    ]
    several = Step("rank", "none", 100, 2, -0.5, [-1.5, 0.5], 0.5, [0.4, 0.62], 0.25)
    once = Step("qat", 0, 1, 1, -0.5, None, 0.5, None, 0.25)
    weight = Weight("width", "width", 0.5, [0.25, 0.75])
    regression = {
        "quality": Regression(0.875, 9, False, 3, [weight]),
        "latency_ms": Regression(1.0, 9, True, 3, []),
    }
    return frontier_result(
        students,
        over_budget={"worst": "8.000 ms > 5 ms"},
        runners_up=[RunnerUp("cut", -2.0, 2.0, 1000, "a bit lower")],
        effects=Effects(regression, [several, once], ["A note."]),
    )


def test_students_by_latency_with_both_intervals_and_where_they_stand(frontier):
    lines = terminal.format_table(frontier, {}).splitlines()
    begins = [line[:7].rstrip() for line in lines[1:6]]
    assert begins == ["| quick", ": cut", "* big", "  worst", "  teach"]
    assert "4.000 ms  3.600 .. 5.000" in lines[3]
    assert "-2.00  -4.00 .. +0.50" in lines[3]
    assert lines[4].endswith("8.000 ms > 5 ms")
    notes = (
        "A median of 3 measurements has no 95 % interval (six give one)",
        "a given rival does so wrongly in at most 2.5 % of cases, by the rounds and clips of this",
    )
    for note in notes:
        assert any(note in line for line in lines)
    beside = terminal.format_table(frontier, {"pixel": {"big": 9.5}}).splitlines()
    assert beside[0].index("pixel") + len("pixel") == beside[3].index("9.500 ms") + len("9.500 ms")


def test_how_alike_two_protocols_rank_the_models_is_said_where_both_ran(frontier):
    alone = terminal.list_notes(frontier)
    agreement = RankAgreement(["fast", "model_card"], 5, 0.6, None, 2, 40)
    both = terminal.list_notes(replace(frontier, rank_agreement=agreement))
    (note,) = (line for line in both if line not in alone)
    assert note == (
        "The fast probes and the model card's protocol rank the 5 models with Kendall's tau 0.60 "
        "on validation, none (no difference) by the card's best test accuracy; "
        "2 of 40 settings of the card's stopped before they converged."
    )


def test_the_selection_in_words(frontier):
    assert terminal.format_selection(frontier).splitlines() == [
        "Selected: big",
        "big is best",
        f"  {'cut':<24}a bit lower",
    ]


def test_what_each_choice_cost(frontier):
    text = terminal.format_effects(frontier)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[1] == (
        "rank none -> 100 2 pairs -0.50 points (-1.50 .. +0.50) "
        "latency x0.50 (0.40 .. 0.62) size x0.25"
    )
    assert lines[2] == "qat 0 -> 1 1 pair -0.50 points latency x0.50 size x0.25"
    assert lines[4:] == [
        "quality (R2 0.88) log latency_ms (R2 1.00)",
        "width +0.50 (+0.25 .. +0.75)",
        "A note.",
    ]
    assert terminal.format_effects(replace(frontier, effects=Effects({}, [], []))) == ""
