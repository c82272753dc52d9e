"""What `frill show` prints of frontier.json."""

import pytest

from frill.report import terminal


def student(name: str, latency_ms: float, **values) -> dict:
    plain = {
        "name": name,
        "latency_ms": latency_ms,
        "latency_interval_ms": [0.9 * latency_ms, 1.25 * latency_ms],
        "quality": -2.0,
        "quality_interval": [-4.0, 0.5],
        "quality_test": -3.0,
        "mean_test_accuracy": 66.6,
        "file_bytes": 2 * 2**20,
        "status": "ok",
        "seeds": 1,
        "latency_ratios": 20,
        "on_frontier": False,
        "on_cautious_frontier": False,
    }
    return plain | values


@pytest.fixture
def frontier() -> dict:
    students = [
        student("big", 4.0, on_frontier=True, on_cautious_frontier=True),
        student("cut", 2.0, on_cautious_frontier=True),
        student("quick", 1.0, on_frontier=True, on_cautious_frontier=True, latency_ratios=3),
        student("worst", 8.0),
    ]
    teacher = {
        "name": "teacher",
        "latency_ms": None,
        "quality": 0.0,
        "quality_test": 0.0,
        "mean_test_accuracy": 70.0,
    }
    pair = {
        "axis": "rank",
        "from": "none",
        "to": 100,
        "pairs": 2,
        "quality_points": -0.5,
        "quality_interval": [-1.5, 0.5],
        "latency_ratio": 0.5,
        "latency_ratio_interval": [0.4, 0.62],
        "bytes_ratio": 0.25,
    }
    once = pair | {"axis": "qat", "from": 0, "to": 1, "pairs": 1}
    once |= {"quality_interval": None, "latency_ratio_interval": None}
    weights = [{"term": "width", "axis": "width", "weight": 0.5, "interval": [0.25, 0.75]}]
    regression = {
        "quality": {"r2": 0.875, "students": 9, "log": False, "weights": weights},
        "latency_ms": {"r2": 1.0, "students": 9, "log": True, "weights": []},
    }
    return {
        "students": students,
        "references": [teacher],
        "selected": "big",
        "reason": "big is best",
        "over_budget": {"worst": "8.000 ms > 5 ms"},
        "device": "host",
        "synthetic": True,
        "rank_agreement": None,
        "speakers_in_train_and_test": {},
        "runners_up": [{"name": "cut", "reason": "a bit lower"}],
        "effects": {"pairs": [pair, once], "regression": regression, "notes": ["A note."]},
    }


def test_students_by_latency_with_both_intervals_and_where_they_stand(frontier):
    lines = terminal.format_table(frontier, {}).splitlines()
    begins = [line[:7].rstrip() for line in lines[1:6]]
    assert begins == ["| quick", ": cut", "* big", "  worst", "  teach"]
    assert "4.000 ms  3.600 .. 5.000" in lines[3]
    assert "-2.00  -4.00 .. +0.50" in lines[3]
    assert lines[4].endswith("8.000 ms > 5 ms")
    note = "of 3 measurements are their range, which holds the median in 75% of cases"
    assert any(note in line for line in lines)
    beside = terminal.format_table(frontier, {"pixel": {"big": 9.5}}).splitlines()
    assert beside[0].index("pixel") + len("pixel") == beside[3].index("9.500 ms") + len("9.500 ms")


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
    frontier["effects"] = {"pairs": [], "regression": {}, "notes": []}
    assert terminal.format_effects(frontier) == ""
