"""The latency/quality frontier and the student to ship.

quality   mean over tasks of a student's accuracy minus the teacher's, in points; on validation, which decides; test stands beside it.
          Of a student trained from several seeds it is the mean over them: it judges the choice of student, not the luck of the seed that ships
latency   ratio to the control model, times the control's median over all measurements of the device: noise between stages does not reorder students
frontier  students that no other beats: at most their latency and at least their quality, one of them strictly
selection the best quality among students within the budget; ties go to the faster
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from frill.noss.intervals import PARTS, difference_interval
from frill.params import Selection


def pareto(latency_ms: Sequence[float], quality: Sequence[float]) -> list[bool]:
    """Which points are on the frontier. Equal points do not beat each other: both stay."""
    latency, best = np.asarray(latency_ms, float), np.asarray(quality, float)
    return [not np.any((latency <= x) & (best >= y) & ((latency < x) | (best > y))) for x, y in zip(latency, best, strict=True)]


def accuracies(model: dict, part: str) -> list[float]:
    """Mean accuracy on `part` (validation, test), percent, of every training of a model: the one that ships, then the repeats."""
    return [training[f"mean_{part}_accuracy"] for training in (model, *model.get("repeats", []))]


def quality(student: dict, teacher: dict, part: str) -> float:
    """Points by which the student's mean accuracy on `part` exceeds the teacher's. Arguments as results/noss/*.json."""
    return float(np.mean(accuracies(student, part))) - teacher[f"mean_{part}_accuracy"]


def seed_deviation(student: dict, part: str) -> float | None:
    """Standard deviation in points of the accuracy on `part` over trainings from several seeds; None for one."""
    values = accuracies(student, part)
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def quality_interval(student: dict, teacher: dict, part: str, seed: int) -> list[float]:
    """95 % interval of `quality` over other clips or speakers of these tasks and, where the student was trained from n > 1 seeds, over other seeds.

    Clips and speakers: noss.intervals. Seeds: Student's t, t(n - 1) s / sqrt(n). The two are independent, so the distances from the estimate to its
    limits add in quadrature. Neither speaks of other tasks.
    """
    low, high = difference_interval(student, teacher, part, seed)
    shipped, mean = student[f"mean_{part}_accuracy"] - teacher[f"mean_{part}_accuracy"], quality(student, teacher, part)
    n = len(accuracies(student, part))
    seeds = float(stats.t.ppf(0.975, n - 1)) * seed_deviation(student, part) / n**0.5 if n > 1 else 0.0
    return [float(mean - np.hypot(shipped - low, seeds)), float(mean + np.hypot(high - shipped, seeds))]


def by_task(student: dict, teacher: dict, seed: int) -> dict[str, dict]:
    """Task -> points against the teacher of the training that ships, and their interval, on validation and test."""
    return {
        task: {
            part: {
                "points": scores[f"{part}_accuracy"] - teacher["tasks"][task][f"{part}_accuracy"],
                "interval": difference_interval({"tasks": {task: scores}}, {"tasks": {task: teacher["tasks"][task]}}, part, seed),
            }
            for part in PARTS
        }
        for task, scores in student["tasks"].items()
    }


def rank_agreement(noss: dict[str, dict]) -> dict | None:
    """How alike the two scoring protocols rank the models, by Kendall's tau-b of mean accuracies; None where one ran, or for under 3 models.

    `kendall_validation` compares the accuracies that decide, `kendall_best_test` the fast protocol's test accuracy with the card's best of all.
    """
    protocols = list(next(iter(next(iter(noss.values()))["tasks"].values()))["protocols"])
    if len(protocols) < 2 or len(noss) < 3:
        return None

    def means(protocol: str, key: str) -> list[float]:
        return [float(np.mean([task["protocols"][protocol][key] for task in model["tasks"].values()])) for model in noss.values()]

    other = next(p for p in protocols if p != "frill")
    tau = {part: stats.kendalltau(means(other, f"{part}_accuracy"), means("frill", key)).statistic
           for part, key in (("validation", "validation_accuracy"), ("test", "best_test_accuracy"))}  # fmt: skip
    card = [task["protocols"]["frill"] for model in noss.values() for task in model["tasks"].values()]
    return {
        "protocols": protocols,
        "models": len(noss),
        "kendall_validation": float(tau["validation"]),
        "kendall_best_test": float(tau["test"]),
        "unconverged_settings": sum(len(summary["unconverged"]) for summary in card),
        "settings": sum(summary["settings"] for summary in card),
    }


def pooled_latency_ms(measured: dict[str, dict]) -> dict[str, float]:
    """Model -> latency_ms on one device, from its results/latency/DEVICE/*.json. Models that were not timed are left out."""
    timed = {name: result for name, result in measured.items() if result["latency_ms"] is not None}
    control_ms = float(np.median([result["control_ms"] for result in timed.values()]))
    return {name: result["ratio"] * control_ms for name, result in timed.items()}


@dataclass(frozen=True)
class Choice:
    """The selected student's name (None if the budget fits none), the reason in words, and who was left out for what."""

    selected: str | None
    reason: str
    over_budget: dict[str, str]


def select(students: list[dict], budget: Selection) -> Choice:
    """`students` as in frontier.json. Diverged ones cannot be selected."""
    over = {s["name"]: why for s in students if (why := _over(s, budget))}
    fitting = [s for s in students if s["name"] not in over and s["status"] == "ok"]
    limits = [f"{budget.latency_ms:g} ms on {budget.device}"] if budget.latency_ms else []
    limits += [f"{budget.file_bytes / 2**20:.1f} MiB"] if budget.file_bytes else []
    within = f"within {' and '.join(limits)}" if limits else "without a budget"
    if not fitting:
        return Choice(None, f"no student is {within}; raise selection in params.yaml or add a smaller student", over)
    ranked = sorted(fitting, key=lambda s: (-s["quality"], s["latency_ms"]))
    best = ranked[0]
    reason = f"{best['name']} has the best validation quality ({best['quality']:+.2f} points) of the {len(fitting)} students {within}"
    if len(ranked) > 1:
        reason += f"; next is {ranked[1]['name']} ({ranked[1]['quality']:+.2f})"
    return Choice(best["name"], reason, over)


def _over(student: dict, budget: Selection) -> str:
    """Why the student is over the budget, or nothing."""
    if budget.latency_ms and student["latency_ms"] > budget.latency_ms:
        return f"{student['latency_ms']:.3f} ms > {budget.latency_ms:g} ms"
    if budget.file_bytes and student["file_bytes"] > budget.file_bytes:
        return f"{student['file_bytes'] / 2**20:.1f} MiB > {budget.file_bytes / 2**20:.1f} MiB"
    return ""


def assemble(params, latency: dict[str, dict], noss: dict[str, dict], tflite: dict[str, dict], trained: dict[str, dict]) -> dict:
    """results/frontier.json, from the results of every model named by params.yaml. Each argument maps a model's name to its JSON."""
    latencies, teacher = pooled_latency_ms(latency), noss["teacher"]
    students = []
    for name, spec in params.students.items():
        student = {"name": name, **spec.model_dump(), "latency_ms": latencies[name], "quality": quality(noss[name], teacher, "validation")}
        student |= {"file_bytes": tflite[name]["file_bytes"], "on_frontier": False, "status": trained[name]["status"]}
        student |= {f"parity_{key}": tflite[name]["parity"][key] for key in ("min_cosine", "relative_error")}
        student["quantisation_points"] = noss[name].get("accuracy_change", {}).get("test")
        student["quality_interval"] = quality_interval(noss[name], teacher, "validation", params.seed)
        student["tasks"] = by_task(noss[name], teacher, params.seed)
        student["quality_test"] = quality(noss[name], teacher, "test")
        student["quality_test_interval"] = quality_interval(noss[name], teacher, "test", params.seed)
        student["mean_test_accuracy"] = float(np.mean(accuracies(noss[name], "test")))
        student |= {"seed_deviation": seed_deviation(noss[name], "validation"), "seed_deviation_test": seed_deviation(noss[name], "test")}
        student |= {"latency_iqr_ms": [r * latencies[name] / latency[name]["ratio"] for r in latency[name]["ratio_iqr"]]}
        counted = ("parameters", "multiply_adds", "weight_bytes", "bottleneck_bytes", "validation_r2")
        student |= {key: trained[name][key] for key in counted}
        students.append(student)
    sound = [s for s in students if s["status"] == "ok"]
    for student, on in zip(sound, pareto([s["latency_ms"] for s in sound], [s["quality"] for s in sound]), strict=True):
        student["on_frontier"] = on
    choice = select(students, params.selection)
    references = [
        {
            "name": name,
            "latency_ms": latencies.get(name),
            "quality": quality(noss[name], teacher, "validation"),
            "quality_interval": quality_interval(noss[name], teacher, "validation", params.seed),
            "quality_test": quality(noss[name], teacher, "test"),
            "quality_test_interval": quality_interval(noss[name], teacher, "test", params.seed),
            "mean_test_accuracy": noss[name]["mean_test_accuracy"],
        }
        for name in params.references
    ]
    return {
        "schema": 1,
        "selected": choice.selected,
        "reason": choice.reason,
        "over_budget": choice.over_budget,
        "device": params.selection.device,
        "synthetic": params.synthetic,
        "pooling": params.noss.pooling,
        "rank_agreement": rank_agreement(noss),
        "speakers_in_train_and_test": {task: n for task, scores in teacher["tasks"].items() if (n := scores["speakers_in_train_and_test"])},
        "students": students,
        "references": references,
    }
