"""Results of three students and two devices, set by hand, and the report made from them."""

from dataclasses import replace
from itertools import product

import pytest
from example_results import accuracy_scores, frontier_result, model_scores, student_result

from frill.frontier.results import (
    Difference,
    Effects,
    Frontier,
    Regression,
    RunnerUp,
    Step,
    StudentResult,
    TaskDifferences,
    Weight,
)
from frill.report import charts, figures, page
from frill.report.chart_style import BACKBONES

TASKS = ("mask", "emotion")


def student(
    name: str, backbone: str, latency_ms: float, quality: float, mib: float, on_frontier: bool
) -> StudentResult:
    file_bytes = int(mib * 2**20)
    difference = Difference(quality, [quality - 4, quality + 4])
    return student_result(
        name,
        latency_ms,
        quality,
        backbone=backbone,
        tasks={task: TaskDifferences(difference, difference) for task in TASKS},
        latency_interval_ms=[latency_ms - 0.1, latency_ms + 0.1],
        file_bytes=file_bytes,
        weight_bytes=file_bytes - 1024,
        bottleneck_bytes=2**20,
        on_frontier=on_frontier,
        on_cautious_frontier=True,
        beaten_by=[] if on_frontier else ["slow"],
    )


@pytest.fixture
def frontier() -> Frontier:
    """Return results of few students: no regression, no runners-up, memory not measured."""
    students = [
        student("slow", "large", 9.5, -1.5, 30, True),
        student("quick", "tiny", 0.25, -4.0, 5, True),
        student("worse", "small", 10.5, -5.0, 14, False),
    ]
    return frontier_result(
        students,
        over_budget={"worse": "10.500 ms > 10 ms"},
        effects=Effects({}, [], ["Three students leave no degree of freedom."]),
    )


@pytest.fixture
def whole(frontier) -> Frontier:
    """Return the same with all that frontier.json can hold."""
    weights = [
        Weight("width", "width", 0.5, [0.25, 0.75]),
        Weight("backbone=<large>", "backbone", -0.3, [-0.6, 0.1]),
    ]
    regression = Regression(0.875, students=40, log=True, freedom=30, weights=weights)
    step = Step("qat", "0", "1", 2, -0.25, None, 0.5, [0.4, 0.6], 0.25)
    outcomes = ("quality", "latency_ms", "file_bytes")
    notes = ["Two axes always change together."]
    return replace(
        frontier,
        students=[replace(each, peak_memory_mib=12.5) for each in frontier.students],
        effects=Effects(dict.fromkeys(outcomes, regression), [step], notes),
        runners_up=[RunnerUp("quick", -4.0, 0.25, 5, "smaller")],
    )


DETAILS = dict(init_ms=7.5, first_ms=3.25, p50_ms=1.2, p90_ms=None, p95_ms=1.75, cadence_ms=2.125)
DETAILS |= dict(added_memory_mib=11.5, process_memory_mib=35.2, valid=False)
DETAILS |= dict(
    invalid_because="too few pairs: 3, an interval takes 6",
    delegation=[{"delegate": "XNNPACK", "nodes": 86, "all_nodes": 88, "partitions": 5}],
)


@pytest.fixture
def grid() -> Frontier:
    """Return results of 144 students along FRILL's axes, each second backbone's on the frontier."""
    axes = (BACKBONES, (0.5, 0.75, 1.0, 1.25, 1.5, 2.0), ("gap", "flatten"), (None, 100), (0, 1))
    students = []
    for number, (backbone, width, pooling, rank, qat) in enumerate(product(*axes)):
        name = f"{backbone}_{100 * width:03.0f}"
        name += "_flatten" * (pooling == "flatten") + "_rank100" * bool(rank) + "_qat" * qat
        latency_ms = 0.1 * 1.03**number
        quality = -12 + number / 14 + (number % 7) / 5
        plain = student(name, backbone, latency_ms, quality, 1 + number / 8, number % 9 == 0)
        plain = replace(plain, width=width, pooling=pooling, rank=rank, qat=qat)
        students.append(replace(plain, latency_interval_ms=[latency_ms, 1.02 * latency_ms]))
    return frontier_result(students[::-1])


@pytest.fixture
def report(tmp_path):
    """Return report(frontier), which returns the folder with the page and its files."""

    def make(frontier: Frontier):
        scores = model_scores({task: accuracy_scores(66.0) for task in TASKS})
        noss = {model.name: scores for model in frontier.models}
        curve = [
            {"step": "100", "validation_r2": "0.4"},
            {"step": "200", "validation_r2": "0.7"},
        ]
        curves = {s.name: curve for s in frontier.students}
        phone = {"slow": 3.5, "quick": 1.25}
        host = {s.name: s.latency_ms for s in frontier.students}
        devices = {
            "host": {
                "identity": {"kind": "host", "cpu": "A CPU"},
                "latency_ms": host,
                "details": {},
            },
            "pixel": {
                "identity": {"kind": "adb", "model": "Pixel"},
                "latency_ms": phone,
                "details": {"quick": DETAILS},
            },
        }
        folder = tmp_path / "reports"
        folder.mkdir(exist_ok=True)
        drawn = charts.draw_all(frontier, curves, {"pixel": phone})
        charts.write(drawn, folder)
        figures.write(frontier, curves, folder)
        page.write_page(frontier, noss, drawn, devices, folder / "index.html")
        return folder

    return make
