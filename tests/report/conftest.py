"""Results of three students and two devices, set by hand, and the report made from them."""

import pytest

from frill.report import charts, dvc_files, page

TASKS = ("mask", "emotion")


def student(
    name: str, backbone: str, latency_ms: float, quality: float, mib: float, on_frontier: bool
) -> dict:
    file_bytes = int(mib * 2**20)
    part = {"points": quality, "interval": [quality - 4, quality + 4]}
    return {
        "name": name,
        "backbone": backbone,
        "width": 1.0,
        "pooling": "gap",
        "rank": None,
        "qat": 0,
        "precision": "float32",
        "seeds": 1,
        "latency_ms": latency_ms,
        "latency_iqr_ms": [latency_ms * 0.9, latency_ms * 1.1],
        "latency_interval_ms": [latency_ms - 0.1, latency_ms + 0.1],
        "latency_ratios": 20,
        "peak_memory_mib": None,
        "quality": quality,
        "quality_interval": [quality - 2, quality + 2],
        "quality_test": quality - 1,
        "quality_test_interval": [quality - 3, quality + 1],
        "tasks": {task: {"validation": part, "test": part} for task in TASKS},
        "mean_test_accuracy": 70 + quality,
        "seed_deviation": None,
        "parameters": 1000,
        "multiply_adds": 10**6,
        "file_bytes": file_bytes,
        "weight_bytes": file_bytes - 1024,
        "bottleneck_bytes": 2**20,
        "validation_r2": 0.7,
        "on_frontier": on_frontier,
        "on_cautious_frontier": True,
        "beaten_by": [] if on_frontier else ["slow"],
        "status": "ok",
        "parity_min_cosine": 1.0,
        "quantisation_points": None,
    }


@pytest.fixture
def frontier() -> dict:
    """Return results of few students: no regression, no runners-up, memory not measured."""
    teacher = {
        "name": "teacher",
        "latency_ms": None,
        "quality": 0.0,
        "quality_interval": [0.0, 0.0],
        "quality_test": 0.0,
        "mean_test_accuracy": 70.0,
    }
    notes = ["Three students leave no degree of freedom."]
    return {
        "selected": "slow",
        "reason": "slow is best",
        "over_budget": {"worse": "10.500 ms > 10 ms"},
        "device": "host",
        "synthetic": True,
        "runners_up": [],
        "effects": {"regression": {}, "pairs": [], "notes": notes},
        "students": [
            student("slow", "large", 9.5, -1.5, 30, True),
            student("quick", "tiny", 0.25, -4.0, 5, True),
            student("worse", "small", 10.5, -5.0, 14, False),
        ],
        "references": [teacher],
        "rank_agreement": None,
        "speakers_in_train_and_test": {},
    }


@pytest.fixture
def whole(frontier) -> dict:
    """Return the same with all that frontier.json can hold."""
    for each in frontier["students"]:
        each["peak_memory_mib"] = 12.5
    weights = [
        {"term": "width", "axis": "width", "weight": 0.5, "interval": [0.25, 0.75]},
        {"term": "backbone=<large>", "axis": "backbone", "weight": -0.3, "interval": [-0.6, 0.1]},
    ]
    fit = {"r2": 0.875, "students": 40, "log": True, "weights": weights}
    pair = {
        "axis": "qat",
        "from": "0",
        "to": "1",
        "pairs": 2,
        "quality_points": -0.25,
        "quality_interval": None,
        "latency_ratio": 0.5,
        "latency_ratio_interval": [0.4, 0.6],
        "bytes_ratio": 0.25,
    }
    effects = {
        "regression": dict.fromkeys(("quality", "latency_ms", "file_bytes"), fit),
        "pairs": [pair],
        "notes": ["Two axes always change together."],
    }
    quick = {
        "name": "quick",
        "quality": -4.0,
        "latency_ms": 0.25,
        "file_bytes": 5,
        "reason": "smaller",
    }
    return frontier | {"effects": effects, "runners_up": [quick]}


@pytest.fixture
def report(tmp_path):
    """Return report(frontier), which returns the folder with the page and its files."""

    def make(frontier: dict):
        students = frontier["students"]
        scores = {task: {"test_accuracy": 66.0} for task in TASKS}
        noss = {model["name"]: {"tasks": scores} for model in students + frontier["references"]}
        curve = [
            {"step": "100", "validation_r2": "0.4"},
            {"step": "200", "validation_r2": "0.7"},
        ]
        curves = {s["name"]: curve for s in students}
        phone = {"slow": 3.5, "quick": 1.25}
        host = {s["name"]: s["latency_ms"] for s in students}
        devices = {
            "host": {"identity": {"kind": "host", "cpu": "A CPU"}, "latency_ms": host},
            "pixel": {"identity": {"kind": "adb", "model": "Pixel"}, "latency_ms": phone},
        }
        folder = tmp_path / "reports"
        folder.mkdir(exist_ok=True)
        drawn = charts.draw_all(frontier, curves, {"pixel": phone})
        charts.write(drawn, folder)
        dvc_files.write(frontier, curves, folder)
        page.write_page(frontier, noss, drawn, devices, folder / "index.html")
        return folder

    return make
