"""Frontier and selection; quality against the published accuracies of FRILL and TRILL."""

import numpy as np
import pytest

from frill.frontier import assemble, pareto, pooled_latency_ms, quality, quality_interval, rank_agreement, seed_deviation, select
from frill.noss.score import mean_accuracy
from frill.params import Selection, validate

# frill/1 model card, accuracy in percent: released SavedModel, FRILL paper, TRILL
CARD = {
    "voxceleb1": (45.5, 44.5, 46.8),
    "voxforge": (78.8, 76.9, 84.5),
    "speech_commands": (81.2, 79.7, 81.7),
    "crema_d": (71.3, 70.9, 65.9),
    "savee": (63.3, 67.5, 70.0),
    "masked_speech": (68.0, 65.7, 65.8),
    "esc50_human": (87.9, 86.4, 86.4),
}


@pytest.mark.parametrize("column, tasks, expected", [(1, 5, -1.88), (1, 7, -1.36), (0, 5, -1.76), (0, 7, -0.73)])
def test_quality_of_the_published_models(column, tasks, expected):
    def result(column):
        scores = {task: {"test_accuracy": values[column]} for task, values in list(CARD.items())[:tasks]}
        return {"mean_test_accuracy": mean_accuracy(scores, "test"), "tasks": scores}

    assert quality(result(column), result(2), "test") == pytest.approx(expected, abs=0.005)


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
    assert pareto(*zip(*points, strict=True)) == on


def test_pareto_by_brute_force():
    points = np.random.default_rng(0).integers(0, 8, (60, 2))
    beaten = [any((b[0] <= a[0] and b[1] >= a[1]) and tuple(a) != tuple(b) for b in points) for a in points]
    assert pareto(points[:, 0], points[:, 1]) == [not x for x in beaten]


def paired(seed: int, clips=(300, 150), coin: float = 0.5, training: int = 0) -> tuple[dict, dict]:
    """Student and teacher on the same clips; in 15 % of them the student's answer is a coin's."""
    rng, rng_student = np.random.default_rng(seed), np.random.default_rng([seed, 1 + training])
    student, teacher = {}, {}
    for task, n in enumerate(clips):
        a = rng.random(n) < 0.8
        b = np.where(rng_student.random(n) < 0.85, a, rng_student.random(n) < coin)
        for scores, right in ((student, b), (teacher, a)):
            scores[str(task)] = {
                "test_correct": "".join("01"[int(x)] for x in right),
                "test_accuracy": 100 * right.mean(),
                "protocols": {"fast": {}},
                "speakers_in_train_and_test": task,
            }
    return tuple({"tasks": scores, "mean_test_accuracy": mean_accuracy(scores, "test")} for scores in (student, teacher))


def test_the_interval_is_the_normal_one_for_many_clips():
    for seed in range(5):
        student, teacher = paired(seed, (4000, 2000))
        variance = 0
        for task in student["tasks"]:
            difference = np.subtract(*[np.array(list(m["tasks"][task]["test_correct"]), int) for m in (student, teacher)])
            variance += difference.var() / len(difference)
        half = 1.96 * 100 * np.sqrt(variance) / 2
        middle = quality(student, teacher, "test")
        np.testing.assert_allclose(quality_interval(student, teacher, "test", 17), [middle - half, middle + half], atol=0.1 * half)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    truth = 100 * 0.15 * (0.5 - 0.8)  # b differs from a in 15 %, where it is a coin
    inside = [low <= truth <= high for low, high in (quality_interval(*paired(seed), "test", seed) for seed in range(300))]
    assert np.mean(inside) == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 300))


def test_seeds_widen_the_interval_by_students_t():
    student, teacher = paired(1, (4000, 2000))
    low, high = quality_interval(student, teacher, "test", 17)
    one = quality(student, teacher, "test")
    student["repeats"] = [{"mean_test_accuracy": student["mean_test_accuracy"] + points} for points in (1.0, 2.0)]
    assert quality(student, teacher, "test") == pytest.approx(one + 1) and seed_deviation(student, "test") == pytest.approx(1)
    half = 4.302653 / np.sqrt(3)  # t of 2 degrees of freedom at 97.5 %, in any table
    expected = [one + 1 - np.hypot(one - low, half), one + 1 + np.hypot(high - one, half)]
    np.testing.assert_allclose(quality_interval(student, teacher, "test", 17), expected, rtol=1e-6)


def test_the_interval_over_clips_and_seeds_covers_the_truth():
    """Seeds that move accuracy by 2 points (deviation): the interval of the clips alone misses the truth far more often than once in 20."""
    truth, inside, inside_alone = 100 * 0.15 * (0.5 - 0.8), [], []
    for trial in range(300):
        rng = np.random.default_rng(trial)
        trainings = [paired(trial, coin=coin, training=n) for n, coin in enumerate(0.5 + rng.normal(0, 2 / 15, 3))]
        (student, teacher), *repeats = trainings
        assert all(other == teacher for _, other in repeats)
        for kept, students in ((inside_alone, []), (inside, [repeat for repeat, _ in repeats])):
            low, high = quality_interval(student | {"repeats": students}, teacher, "test", trial)
            kept.append(low <= truth <= high)
    assert np.mean(inside_alone) < 0.85 and 0.93 < np.mean(inside) < 1


def test_a_model_is_as_good_as_itself():
    student, _ = paired(0)
    assert quality(student, student, "test") == 0 and quality_interval(student, student, "test", 1) == [0, 0]


def student(name, latency_ms, points, file_bytes=2**20, status="ok") -> dict:
    return {"name": name, "latency_ms": latency_ms, "quality": points, "file_bytes": file_bytes, "status": status}


FOUR = [student("a", 1, -5.0), student("b", 2, -3.0, 4 * 2**20), student("c", 9, -1.0, 8 * 2**20), student("d", 1.5, 5.0, status="diverged")]


@pytest.mark.parametrize(
    "latency_ms, file_bytes, selected",
    [("none", "none", "c"), (9.0, "none", "c"), (8.99, "none", "b"), (2.0, 4 * 2**20, "b"), (2.0, 4 * 2**20 - 1, "a"), (0.5, "none", None)],
)
def test_the_best_within_the_budget(latency_ms, file_bytes, selected):
    choice = select(FOUR, Selection(device="phone", latency_ms=latency_ms, file_bytes=file_bytes))
    assert choice.selected == selected
    assert (selected or "no student is within 0.5 ms on phone; raise selection in params.yaml") in choice.reason


def test_why_students_are_over_the_budget():
    choice = select(FOUR, Selection(device="phone", latency_ms=1.5, file_bytes=2**20))
    assert choice.over_budget == {"b": "2.000 ms > 1.5 ms", "c": "9.000 ms > 1.5 ms"}
    assert select(FOUR, Selection(device="phone", latency_ms="none", file_bytes=2**20)).over_budget["b"] == "4.0 MiB > 1.0 MiB"


def test_ties_go_to_the_faster_and_diverged_is_never_selected():
    budget = Selection(device="phone", latency_ms="none", file_bytes="none")
    assert select([student("slow", 3, 1.0), student("fast", 2, 1.0)], budget).selected == "fast"
    assert select([student("x", 1, 9.0, status="diverged")], budget).selected is None


def test_latencies_are_ratios_times_the_controls_median():
    measured = {name: {"latency_ms": ms, "control_ms": control, "ratio": ms / control} for name, ms, control in
                (("a", 2.0, 1.0), ("slow round", 5.0, 2.0), ("c", 0.5, 1.1))}  # fmt: skip
    measured["untimed"] = {"latency_ms": None}
    assert pooled_latency_ms(measured) == pytest.approx({"a": 2.2, "slow round": 2.75, "c": 0.5})


def test_rank_agreement_is_kendalls_tau():
    def model(fast, card, best):
        protocols = {"fast": {"validation_accuracy": fast, "test_accuracy": fast},
                     "frill": {"validation_accuracy": card, "best_test_accuracy": best, "unconverged": ["lr"], "settings": 3}}  # fmt: skip
        return {"tasks": {"a": {"protocols": protocols}}}

    # Of the six pairs of 1 2 3 4 against 1 3 2 4 one is turned: tau = (5 - 1) / 6; against 4 3 2 1 all are.
    noss = {str(i): model(a, b, c) for i, (a, b, c) in enumerate(zip([1, 2, 3, 4], [1, 3, 2, 4], [4, 3, 2, 1], strict=True))}
    found = rank_agreement(noss)
    assert found["kendall_validation"] == pytest.approx(4 / 6) and found["kendall_best_test"] == pytest.approx(-1)
    assert (found["models"], found["unconverged_settings"], found["settings"]) == (4, 4, 12)
    for one in noss.values():
        del one["tasks"]["a"]["protocols"]["frill"]
    assert rank_agreement(noss) is None


def test_assemble_leaves_diverged_students_off(default):
    names = list(default["students"])[:3]
    default["students"] = {name: default["students"][name] for name in names}
    params = validate(default)
    results, teacher = [paired(seed)[0] for seed in range(4)], paired(0)[1]
    for result in (*results, teacher):
        result["mean_validation_accuracy"] = result["mean_test_accuracy"]
        for scores in result["tasks"].values():
            scores["validation_correct"], scores["validation_accuracy"] = scores["test_correct"], scores["test_accuracy"]
    noss = dict(zip(names, results, strict=False)) | {"teacher": teacher, "logmel_stats": results[3], "random_weights": results[3]}
    latency = {name: {"latency_ms": 1.0, "control_ms": 1.0, "ratio": 0.1 * (i + 1), "ratio_iqr": [0.1, 0.2]} for i, name in enumerate(names)}
    trained = {
        name: {"status": "ok", "parameters": 1, "multiply_adds": 1, "weight_bytes": 4, "bottleneck_bytes": 4, "validation_r2": 0.5} for name in names
    }
    trained[names[0]]["status"] = "diverged"
    noss[names[2]]["accuracy_change"] = {"validation": 0.5, "test": -0.25}
    tflite = {name: {"file_bytes": 1, "parity": {"min_cosine": 0.99, "relative_error": 0.1}} for name in names}
    frontier = assemble(params, latency, noss, tflite, trained)
    one, two, three = frontier["students"]
    assert (one["status"], one["on_frontier"]) == ("diverged", False) and two["on_frontier"]
    assert three["on_frontier"] == (three["quality"] > two["quality"])
    assert frontier["selected"] in names[1:] and [r["name"] for r in frontier["references"]] == ["teacher", "logmel_stats", "random_weights"]
    assert frontier["references"][0]["latency_ms"] is None and two["latency_ms"] == pytest.approx(0.2)
    assert frontier["speakers_in_train_and_test"] == {"1": 1}
    points = three["tasks"]["0"]["test"]
    assert points["points"] == pytest.approx(results[2]["tasks"]["0"]["test_accuracy"] - teacher["tasks"]["0"]["test_accuracy"])
    assert points["interval"][0] < points["points"] < points["interval"][1]
    assert (one["quantisation_points"], three["quantisation_points"], two["parity_min_cosine"]) == (None, -0.25, 0.99)
