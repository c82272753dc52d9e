"""results/frontier.json from the results of every model. docs/frontier.md has the formulas."""

import numpy as np

from frill.frontier.effects import effects
from frill.frontier.latency import median_interval, pooled_control_ms, pooled_latency_ms, ratios
from frill.frontier.pareto import Evidence, place
from frill.frontier.quality import (
    accuracies,
    by_task,
    quality,
    quality_interval,
    rank_agreement,
    seed_deviation,
)
from frill.frontier.selection import select


def assemble(
    params,
    latency: dict[str, dict],
    noss: dict[str, dict],
    tflite: dict[str, dict],
    trained: dict[str, dict],
) -> dict:
    """results/frontier.json, from the results of every model named by params.yaml. Each argument maps a model's name to its JSON."""
    latencies, control_ms, teacher = (
        pooled_latency_ms(latency),
        pooled_control_ms(latency),
        noss["teacher"],
    )
    evidence = Evidence(latency, noss, params.seed)

    def against_teacher(name: str) -> dict:
        return {
            "quality": quality(noss[name], teacher, "validation"),
            "quality_interval": quality_interval(noss[name], teacher, "validation", params.seed),
            "quality_test": quality(noss[name], teacher, "test"),
            "quality_test_interval": quality_interval(noss[name], teacher, "test", params.seed),
            "mean_test_accuracy": float(np.mean(accuracies(noss[name], "test"))),
        }

    students = []
    for name, spec in params.students.items():
        student = {
            "name": name,
            **spec.model_dump(),
            "status": trained[name]["status"],
            "latency_ms": latencies[name],
        }
        student["latency_interval_ms"] = [
            r * control_ms for r in median_interval(ratios(latency[name]))
        ]
        student["latency_iqr_ms"] = [r * control_ms for r in latency[name]["ratio_iqr"]]
        student["latency_ratios"] = len(ratios(latency[name]))
        student |= {
            "file_bytes": tflite[name]["file_bytes"],
            "peak_memory_mib": latency[name].get("peak_memory_mib"),
        }
        student |= against_teacher(name)
        student |= {
            "seed_deviation": seed_deviation(noss[name], "validation"),
            "seed_deviation_test": seed_deviation(noss[name], "test"),
        }
        student["tasks"] = by_task(noss[name], teacher, params.seed)
        student |= {
            f"parity_{key}": tflite[name]["parity"][key] for key in ("min_cosine", "relative_error")
        }
        student["quantisation_points"] = noss[name].get("accuracy_change", {}).get("test")
        counted = (
            "parameters",
            "multiply_adds",
            "weight_bytes",
            "bottleneck_bytes",
            "validation_r2",
        )
        student |= {key: trained[name][key] for key in counted}
        students.append(student)
    place(students, evidence)
    choice = select(students, params.selection, evidence)
    return {
        "schema": 1,
        "selected": choice.selected,
        "reason": choice.reason,
        "runners_up": choice.runners_up,
        "over_budget": choice.over_budget,
        "device": params.selection.device,
        "synthetic": params.synthetic,
        "pooling": params.noss.pooling,
        "rank_agreement": rank_agreement(noss),
        "speakers_in_train_and_test": {
            task: n
            for task, scores in teacher["tasks"].items()
            if (n := scores["speakers_in_train_and_test"])
        },
        "students": students,
        "references": [
            {"name": name, "latency_ms": latencies.get(name)} | against_teacher(name)
            for name in params.references
        ],
        "effects": effects([s for s in students if s["status"] == "ok"]),
    }
