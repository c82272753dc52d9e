"""What `frill show` prints of frontier.json."""

import io
from dataclasses import replace

import pytest
from example_results import frontier_result, student_result
from rich.console import Console

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


def test_the_frontier_then_the_others_by_latency_with_both_intervals(frontier):
    lines = terminal.format_table(frontier, {}).plain.splitlines()
    begins = [line[:7].rstrip() for line in lines[1:6]]
    assert begins == ["| quick", "* big", ": cut", "  worst", "  teach"]
    assert " ".join(lines[2].split()) == "* big 4.000 3.600-5.000 0.00 -2.00 -4.0..+0.5 -3.00 68.0"
    assert "over the budget: worst (8.000 ms > 5 ms)" in lines
    text = " ".join(lines)
    notes = (
        "A median of 3 measurements has no 95 % interval (six give one)",
        "a given rival does so wrongly in at most 2.5 % of cases, by the rounds and clips of this",
    )
    for note in notes:
        assert note in text
    beside = terminal.format_table(frontier, {"pixel": {"big": 9.5}}).plain.splitlines()
    assert beside[0].index("pixel") + len("pixel") == beside[2].index("9.500") + len("9.500")


def test_144_students_fit_100_columns(frontier):
    longest = "small_050_flatten_rank100_qat"
    students = [student_result(f"{longest[:-3]}{n:03}", 11.0, -11.72) for n in range(144)]
    many = replace(frontier, students=students, selected=students[0].name)
    many = replace(many, over_budget={s.name: "11.000 ms > 5 ms" for s in students[1:]})
    lines = terminal.format_table(many, {}).plain.splitlines()
    assert max(map(len, lines)) <= 100
    text = " ".join(lines)
    assert f"{students[5].name} (11.000 ms > 5 ms) and 138 more" in text


def test_colours_are_for_terminals_that_have_them(frontier):
    table = terminal.format_table(frontier, {})
    written = {}
    for kind in (None, "standard"):
        console = Console(file=io.StringIO(), color_system=kind, force_terminal=kind is not None)
        console.print(table, soft_wrap=True)
        written[kind] = console.file.getvalue()
    assert "\x1b[1;32m* big" in written["standard"]
    assert written[None] == table.plain + "\n"


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
    agreement = replace(agreement, left_out=["voxceleb1"])
    more = terminal.list_notes(replace(frontier, rank_agreement=agreement))
    (note,) = (line for line in more if line not in both)
    assert note == (
        "Scored by the fast probes alone, as too large for the card's protocol: voxceleb1."
    )


def test_the_selection_in_words(frontier):
    assert terminal.format_selection(frontier).splitlines() == [
        "Selected: big",
        "big is best",
        "  cut a bit lower",
    ]


def test_what_each_choice_cost(frontier):
    text = terminal.format_effects(frontier)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[1] == "pairs points latency size"
    assert lines[2] == "rank none -> 100 2 -0.50 (-1.50..+0.50) x0.50 (0.40..0.62) x0.25"
    assert lines[3] == "qat 0 -> 1 1 -0.50 x0.50 x0.25"
    assert lines[5:] == [
        "quality (R2 0.88) log latency_ms (R2 1.00)",
        "width +0.50 (+0.25..+0.75)",
        "A note.",
    ]
    assert terminal.format_effects(replace(frontier, effects=Effects({}, [], []))) == ""
