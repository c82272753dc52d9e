"""What each axis costs: against certified regressions and data with known effects."""

from itertools import product

import numpy as np
import pytest
from example_results import model_scores, student_result, task_scores
from scipy import stats

from frill.frontier.effects import compare_pairs, estimate_effects, fit, regress
from frill.frontier.pareto import Evidence
from frill.frontier.results import StudentResult

# Longley, NIST StRD, certified to 15 digits.
# Columns: employed; deflator, GNP, unemployed, armed forces, population, year.
LONGLEY = np.array([
    [60323, 83.0, 234289, 2356, 1590, 107608, 1947],
    [61122, 88.5, 259426, 2325, 1456, 108632, 1948],
    [60171, 88.2, 258054, 3682, 1616, 109773, 1949],
    [61187, 89.5, 284599, 3351, 1650, 110929, 1950],
    [63221, 96.2, 328975, 2099, 3099, 112075, 1951],
    [63639, 98.1, 346999, 1932, 3594, 113270, 1952],
    [64989, 99.0, 365385, 1870, 3547, 115094, 1953],
    [63761, 100.0, 363112, 3578, 3350, 116219, 1954],
    [66019, 101.2, 397469, 2904, 3048, 117388, 1955],
    [67857, 104.6, 419180, 2822, 2857, 118734, 1956],
    [68169, 108.4, 442769, 2936, 2798, 120445, 1957],
    [66513, 110.8, 444546, 4681, 2637, 121950, 1958],
    [68655, 112.6, 482704, 3813, 2552, 123366, 1959],
    [69564, 114.2, 502601, 3931, 2514, 125368, 1960],
    [69331, 115.7, 518173, 4806, 2572, 127852, 1961],
    [70551, 116.9, 554894, 4007, 2827, 130081, 1962],
])  # fmt: skip
CERTIFIED = [
    15.0618722713733,
    -0.0358191792925910,
    -2.02022980381683,
    -1.03322686717359,
    -0.0511041056535807,
    1829.15146461355,
]
DEVIATIONS = [
    84.9149257747669,
    0.0334910077722432,
    0.488399681651699,
    0.214274163161675,
    0.226073200069370,
    455.478499142212,
]


def test_weights_intervals_and_r2_are_the_certified_ones():
    longley = fit(LONGLEY[:, 1:], LONGLEY[:, 0])
    np.testing.assert_allclose(longley.weights, CERTIFIED, rtol=1e-7)
    quantile = 2.262157  # Student's t of 9 degrees of freedom at 97.5 %, in any table
    np.testing.assert_allclose(longley.half_widths, quantile * np.array(DEVIATIONS), rtol=1e-6)
    assert longley.r2 == pytest.approx(0.995479004577296, rel=1e-9) and longley.freedom == 9


def test_a_column_that_repeats_others_is_not_given_a_weight():
    x = LONGLEY[:, 1:4]
    repeated = fit(np.column_stack([x, x[:, 0] + 2 * x[:, 1]]), LONGLEY[:, 0])
    alone = fit(x, LONGLEY[:, 0])
    assert np.isnan(repeated.weights[[0, 1, 3]]).all()
    assert repeated.weights[2] == pytest.approx(alone.weights[2])
    assert repeated.half_widths[2] == pytest.approx(alone.half_widths[2])
    assert repeated.r2 == pytest.approx(alone.r2) and repeated.freedom == alone.freedom


def no_clips(weights: dict[str, float]) -> tuple[float, float]:
    """Say that other clips would move nothing: qualities are known."""
    return 0.0, 0.0


def student(
    backbone="small", width=1.0, pooling="gap", rank=None, qat=0, **values
) -> StudentResult:
    axes = {"backbone": backbone, "width": width, "pooling": pooling, "rank": rank, "qat": qat}
    return student_result(**axes | values)


POINTS = {"tiny": -2.0, "small": 0.0, "large": 1.5}
FACTORS = {"tiny": 0.5, "small": 1.0, "large": 3.0}


def grid(noise: float, seed: int = 0) -> list[StudentResult]:
    """FRILL's 144 with effects that are known: points of quality, factors of latency and bytes."""
    rng = np.random.default_rng(seed)
    students = []
    widths = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
    axes = (POINTS, widths, ("flatten", "gap"), (None, 100), (0, 1))
    for backbone, width, pooling, rank, qat in product(*axes):
        points, factor = POINTS[backbone] + 0.8 * width, FACTORS[backbone] * np.exp(1.2 * width)
        if pooling == "gap":
            points, factor = points - 0.3, factor * 0.4
        if rank:
            points, factor = points - 2.5, factor * 0.3
        if qat:
            points, factor = points - 0.1, factor * 0.25
        points += rng.normal(0, noise)
        factor *= np.exp(rng.normal(0, noise))
        measured = {"quality": points, "latency_ms": factor, "file_bytes": 1e6 * factor**0.5}
        students.append(student(backbone, width, pooling, rank, qat, **measured))
    return students


def test_known_effects_are_found():
    students = grid(noise=0.0)
    regressions, notes = regress(students, no_clips)
    assert regressions["quality"].r2 == pytest.approx(1)
    assert regressions["latency_ms"].students == 144
    assert regressions["latency_ms"].freedom == 137
    logs = {outcome: regression.log for outcome, regression in regressions.items()}
    assert logs == {"quality": False, "latency_ms": True, "file_bytes": True}
    deviation = np.std([s.quality for s in students])
    weights = {w.term: w.weight for w in regressions["quality"].weights}
    # An indicator that is 1 in a share p deviates by sqrt(p (1 - p)).
    assert weights["rank=100"] == pytest.approx(-2.5 * 0.5 / deviation)
    assert weights["backbone=large"] == pytest.approx(3.5 * np.sqrt(2 / 9) / deviation)
    width_deviation = np.std([s.width for s in students])
    assert weights["width"] == pytest.approx(0.8 * width_deviation / deviation)
    assert notes == ["The same in every student, so nothing is said of it: precision."]
    axes = [w.axis for w in regressions["quality"].weights]
    assert axes == ["width", "backbone", "backbone", "pooling", "rank", "qat"]


def test_intervals_hold_the_known_effects_as_often_as_they_say():
    inside, inside_pairs = [], []
    for seed in range(200):
        students = grid(noise=0.5, seed=seed)
        regressions, _ = regress(students, no_clips)
        weight = next(w for w in regressions["latency_ms"].weights if w.term == "qat=1")
        truth = np.log(0.25) * 0.5 / np.std(np.log([s.latency_ms for s in students]))
        inside.append(weight.interval[0] <= truth <= weight.interval[1])
        rank = next(step for step in compare_pairs(students, no_clips) if step.axis == "rank")
        low, high = rank.quality_interval
        inside_pairs.append(low <= -2.5 <= high)
    for covered in (inside, inside_pairs):
        assert np.mean(covered) == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 200))


def scored_on_shared_clips(seed: int, clips: int = 300) -> tuple[list[StudentResult], Evidence]:
    """Make pairs with and without a rank, in quality 12 points apart on all clips there are.

    All students answer the same clips. One in five of those that dense students get right, three
    quarters of all, is beyond any student with a rank; few answers are a student's own. So which
    clips were drawn decides how far apart the pairs appear, all of them together.
    """
    rng = np.random.default_rng(seed)
    easy = rng.random(clips) < 0.75
    beyond = rng.random(clips) < 0.2
    students, scores = [], {}
    for width in (0.5, 0.75, 1.0, 1.25, 1.5, 2.0):
        for rank in (None, 100):
            right = easy & ~beyond if rank else easy
            right = right ^ (rng.random(clips) < 0.03)
            name = f"{width} {rank}"
            scores[name] = model_scores({"task": task_scores(right)}, name)
            quality = scores[name].mean_validation_accuracy
            students.append(student(width=width, rank=rank, name=name, quality=quality))
    return students, Evidence({}, scores, seed)


def test_shared_clips_are_in_the_intervals():
    truth = -100 * 0.75 * 0.2 * (1 - 2 * 0.03)
    inside = {"pairs": [], "pairs alone": [], "regression": [], "regression alone": []}
    for seed in range(200):
        students, evidence = scored_on_shared_clips(seed)
        share = 0.5 / np.std([s.quality for s in students])
        for suffix, clips in (("", evidence.clip_distances), (" alone", no_clips)):
            step = next(step for step in compare_pairs(students, clips) if step.axis == "rank")
            low, high = step.quality_interval
            inside[f"pairs{suffix}"].append(low <= truth <= high)
            weights = regress(students, clips)[0]["quality"].weights
            low, high = next(w.interval for w in weights if w.term == "rank=100")
            inside[f"regression{suffix}"].append(low <= truth * share <= high)
    covered = {name: np.mean(each) for name, each in inside.items()}
    assert covered["pairs"] >= 0.92 and covered["regression"] >= 0.92, covered
    # What this is for: without the clips they hold it far too rarely.
    assert covered["pairs alone"] < 0.6 and covered["regression alone"] < 0.6, covered


def test_one_axis_is_scipys_linregress():
    rng = np.random.default_rng(2)
    students = []
    for width in np.linspace(0.5, 2, 9):
        quality, latency_ms = width + rng.normal(), np.exp(width + rng.normal())
        measured = {"quality": quality, "latency_ms": latency_ms, "file_bytes": 1000 * width}
        students.append(student(width=width, **measured))
    regressions, notes = regress(students, no_clips)
    widths = [s.width for s in students]
    outcomes = {
        "quality": [s.quality for s in students],
        "latency_ms": np.log([s.latency_ms for s in students]),
    }
    for outcome, y in outcomes.items():
        line = stats.linregress(widths, y)
        (weight,) = regressions[outcome].weights
        assert weight.weight == pytest.approx(line.rvalue)  # standardised: r
        assert regressions[outcome].r2 == pytest.approx(line.rvalue**2)
        half = 2.364624 * line.stderr * line.rvalue / line.slope  # t of 7 degrees of freedom
        limits = [line.rvalue - half, line.rvalue + half]
        np.testing.assert_allclose(weight.interval, limits, rtol=1e-6)
    assert notes[-1] == (
        "9 students leave 7 degrees of freedom beside the weights: "
        "R2 is flattered, intervals are wide."
    )


def test_axes_that_vary_together_are_named():
    students = [s for s in grid(noise=0.1) if (s.rank is None) == (s.qat == 0)]
    regressions, notes = regress(students, no_clips)
    terms = [w.term for w in regressions["quality"].weights]
    assert terms == ["width", "backbone=small", "backbone=large", "pooling=gap"]
    together = (
        "These vary together among the students, so no weight of their own can be given: "
        "rank=100, qat=1."
    )
    assert together in notes
    alone = "No two students differ in one of these alone: rank, qat."
    assert alone in estimate_effects(students, no_clips).notes


def test_too_few_students_and_none():
    few = [student(width=0.5), student(width=1.0)]
    regressions, notes = regress(few, no_clips)
    assert regressions == {}
    assert notes[-1] == (
        "No regression: 2 students leave no degree of freedom beside width and a constant; "
        "the pairs need none."
    )
    assert (
        estimate_effects([], no_clips).pairs == []
        and estimate_effects(few[:1], no_clips).regression == {}
    )


def test_what_does_not_vary_is_not_explained():
    regressions, notes = regress(
        [student(width=w, quality=w**2) for w in (0.5, 1.0, 1.5, 2.0)], no_clips
    )
    assert set(regressions) == {"quality"}
    assert "No regression of latency_ms: it is the same in every student." in notes


def test_matched_pairs_of_a_full_grid():
    rows = {(row.axis, row.from_, row.to): row for row in compare_pairs(grid(noise=0.0), no_clips)}
    expected = {
        ("backbone", "tiny", "small"): (48, 2.0, 2.0),
        ("backbone", "small", "large"): (48, 1.5, 3.0),
        ("pooling", "flatten", "gap"): (72, -0.3, 0.4),
        ("rank", "none", 100): (72, -2.5, 0.3),
        ("qat", 0, 1): (72, -0.1, 0.25),
        ("width", 0.5, 0.75): (24, 0.2, np.exp(0.3)),
        ("width", 1.5, 2.0): (24, 0.4, np.exp(0.6)),
    }
    assert len(rows) == 5 + 2 + 1 + 1 + 1
    for key, (count, points, factor) in expected.items():
        row = rows[key]
        means = (row.quality_points, row.latency_ratio, row.bytes_ratio)
        assert row.pairs == count and means == pytest.approx((points, factor, factor**0.5))


def test_pairs_differ_in_one_axis_alone():
    students = [
        student(quality=-4.0),
        student(qat=1, quality=-5.0, latency_ms=0.5, file_bytes=250),
        student(qat=1, width=2.0),
        student(seeds=3),
    ]
    rows = compare_pairs(students, no_clips)
    assert [(row.axis, row.from_, row.to, row.pairs) for row in rows] == [
        ("width", 1.0, 2.0, 1),
        ("qat", 0, 1, 1),
    ]
    qat = rows[1]
    means = (qat.quality_points, qat.latency_ratio, qat.bytes_ratio)
    assert means == pytest.approx((-1.0, 0.5, 0.25))
    assert qat.quality_interval is None and qat.latency_ratio_interval is None
    note = "A single pair has no interval: it says what happened once."
    assert note in estimate_effects(students, no_clips).notes


def test_the_interval_over_pairs_is_students_t():
    changes = [(-1.0, 0.5), (-2.0, 0.4), (-4.5, 0.2)]
    students = [student(width=w) for w in (0.5, 1.0, 2.0)]
    students += [
        student(width=s.width, rank=100, quality=-5 + points, latency_ms=r)
        for s, (points, r) in zip(students, changes, strict=True)
    ]
    row = next(row for row in compare_pairs(students, no_clips) if row.axis == "rank")
    assert row.latency_ratio == pytest.approx((0.5 * 0.4 * 0.2) ** (1 / 3))
    test = stats.ttest_1samp([points for points, _ in changes], 0).confidence_interval(0.95)
    np.testing.assert_allclose(row.quality_interval, [test.low, test.high])
    logs = stats.ttest_1samp(np.log([r for _, r in changes]), 0).confidence_interval(0.95)
    np.testing.assert_allclose(row.latency_ratio_interval, np.exp([logs.low, logs.high]))
