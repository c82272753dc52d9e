"""Results of three students and two devices, set by hand, and the report made from them."""

import pytest

from frill.report import charts, dvc_files, page

TASKS = ("mask", "emotion")


def student(
    name: str, backbone: str, latency_ms: float, quality: float, mib: float, on_frontier: bool
) -> dict:
    spec = {
        "name": name,
        "backbone": backbone,
        "width": 1.0,
        "pooling": "gap",
        "rank": None,
        "qat": 0,
        "precision": "float32",
        "seeds": 1,
    }
    measured = {
        "latency_ms": latency_ms,
        "latency_iqr_ms": [latency_ms * 0.9, latency_ms * 1.1],
        "file_bytes": int(mib * 2**20),
    }
    measured |= {
        "latency_interval_ms": [latency_ms - 0.1, latency_ms + 0.1],
        "peak_memory_mib": None,
        "latency_ratios": 20,
    }
    scored = {
        "quality": quality,
        "quality_interval": [quality - 2, quality + 2],
        "quality_test": quality - 1,
        "quality_test_interval": [quality - 3, quality + 1],
    }
    part = {"points": quality, "interval": [quality - 4, quality + 4]}
    scored |= {
        "tasks": {task: {"validation": part, "test": part} for task in TASKS},
        "mean_test_accuracy": 70 + quality,
        "seed_deviation": None,
    }
    counted = {
        "parameters": 1000,
        "multiply_adds": 10**6,
        "weight_bytes": int(mib * 2**20) - 1024,
        "bottleneck_bytes": 2**20,
        "validation_r2": 0.7,
    }
    other = {
        "on_frontier": on_frontier,
        "on_cautious_frontier": True,
        "beaten_by": [] if on_frontier else ["slow"],
        "status": "ok",
        "parity_min_cosine": 1.0,
        "quantisation_points": None,
    }
    return spec | measured | scored | counted | other


@pytest.fixture
def frontier() -> dict:
    """Of few students: no regression, no runners-up, memory that was not measured."""
    students = [
        student("slow", "large", 9.5, -1.5, 30, True),
        student("quick", "tiny", 0.25, -4.0, 5, True),
        student("worse", "small", 10.5, -5.0, 14, False),
    ]
    reference = {
        "name": "teacher",
        "latency_ms": None,
        "quality": 0.0,
        "quality_interval": [0.0, 0.0],
        "quality_test": 0.0,
        "mean_test_accuracy": 70.0,
    }
    choice = {
        "selected": "slow",
        "reason": "slow is best",
        "over_budget": {"worse": "10.500 ms > 10 ms"},
        "device": "host",
        "synthetic": True,
    }
    choice |= {
        "runners_up": [],
        "effects": {
            "regression": {},
            "pairs": [],
            "notes": ["Three students leave no degree of freedom."],
        },
    }
    return choice | {
        "students": students,
        "references": [reference],
        "rank_agreement": None,
        "speakers_in_train_and_test": {},
    }


@pytest.fixture
def whole(frontier) -> dict:
    """The same with all that frontier.json can hold."""
    for each in frontier["students"]:
        each |= {"peak_memory_mib": 12.5}
    weights = [{"term": "width", "axis": "width", "weight": 0.5, "interval": [0.25, 0.75]}]
    weights += [
        {"term": "backbone=<large>", "axis": "backbone", "weight": -0.3, "interval": [-0.6, 0.1]}
    ]
    fit = {"r2": 0.875, "students": 40, "log": True, "weights": weights}
    pair = {
        "axis": "qat",
        "from": "0",
        "to": "1",
        "pairs": 2,
        "quality_points": -0.25,
        "quality_interval": None,
    }
    pair |= {"latency_ratio": 0.5, "latency_ratio_interval": [0.4, 0.6], "bytes_ratio": 0.25}
    effects = {
        "regression": {outcome: fit for outcome in ("quality", "latency_ms", "file_bytes")},
        "pairs": [pair],
        "notes": ["Two axes always change together."],
    }
    return frontier | {
        "effects": effects,
        "runners_up": [
            {
                "name": "quick",
                "quality": -4.0,
                "latency_ms": 0.25,
                "file_bytes": 5,
                "reason": "smaller",
            }
        ],
    }


@pytest.fixture
def report(tmp_path):
    """report(frontier) -> the folder with the page and its files."""

    def make(frontier: dict):
        names = [model["name"] for model in frontier["students"] + frontier["references"]]
        noss = {
            name: {"tasks": {task: {"test_accuracy": 66.0} for task in TASKS}} for name in names
        }
        curves = {
            s["name"]: [
                {"step": step, "validation_r2": r2} for step, r2 in (("100", "0.4"), ("200", "0.7"))
            ]
            for s in frontier["students"]
        }
        phone = {"slow": 3.5, "quick": 1.25}
        devices = {
            "host": {
                "identity": {"kind": "host", "cpu": "A CPU"},
                "latency_ms": {s["name"]: s["latency_ms"] for s in frontier["students"]},
            }
        }
        devices |= {"pixel": {"identity": {"kind": "adb", "model": "Pixel"}, "latency_ms": phone}}
        folder = tmp_path / "reports"
        folder.mkdir(exist_ok=True)
        drawn = charts.all_of(frontier, curves, {"pixel": phone})
        charts.write(drawn, folder)
        dvc_files.write(frontier, curves, folder)
        page.write_page(frontier, noss, drawn, devices, folder / "index.html")
        return folder

    return make
