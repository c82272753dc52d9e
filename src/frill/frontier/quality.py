"""Quality of a model and how sure it is, from results/noss/*.json.

quality   mean over tasks of a model's accuracy minus another's (the teacher's, unless said), in points; validation decides, test stands beside it.
          Of a student trained from several seeds it is the mean over them: it judges the choice of student, not the luck of the seed that ships
"""

import numpy as np
from scipy import stats

from frill.noss.intervals import PARTS, difference_interval


def accuracies(model: dict, part: str) -> list[float]:
    """Mean accuracy on `part` (validation, test), percent, of every training of a model: the one that ships, then the repeats."""
    return [training[f"mean_{part}_accuracy"] for training in (model, *model.get("repeats", []))]


def quality(model: dict, other: dict, part: str) -> float:
    """Points by which the model's mean accuracy on `part` exceeds the other's. Arguments as results/noss/*.json."""
    return float(np.mean(accuracies(model, part)) - np.mean(accuracies(other, part)))


def seed_deviation(model: dict, part: str) -> float | None:
    """Standard deviation in points of the accuracy on `part` over trainings from several seeds; None for one."""
    values = accuracies(model, part)
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def quality_interval(model: dict, other: dict, part: str, seed: int) -> list[float]:
    """95 % interval of `quality` over other clips or speakers of these tasks and, where a model was trained from n > 1 seeds, over other seeds.

    Clips and speakers: noss.intervals, paired clip by clip. Seeds: Student's t, t(n - 1) s / sqrt(n) of either model. All are independent, so the
    distances from the estimate to its limits add in quadrature. None speaks of other tasks.
    """
    low, high = difference_interval(model, other, part, seed)
    shipped, mean = (
        model[f"mean_{part}_accuracy"] - other[f"mean_{part}_accuracy"],
        quality(model, other, part),
    )
    seeds = np.hypot(_seed_half_width(model, part), _seed_half_width(other, part))
    return [
        float(mean - np.hypot(shipped - low, seeds)),
        float(mean + np.hypot(high - shipped, seeds)),
    ]


def _seed_half_width(model: dict, part: str) -> float:
    n = len(accuracies(model, part))
    return float(stats.t.ppf(0.975, n - 1)) * seed_deviation(model, part) / n**0.5 if n > 1 else 0.0


def by_task(student: dict, teacher: dict, seed: int) -> dict[str, dict]:
    """Task -> points against the teacher of the training that ships, and their interval, on validation and test."""
    return {
        task: {
            part: {
                "points": scores[f"{part}_accuracy"] - teacher["tasks"][task][f"{part}_accuracy"],
                "interval": difference_interval(
                    {"tasks": {task: scores}}, {"tasks": {task: teacher["tasks"][task]}}, part, seed
                ),
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
        return [
            float(np.mean([task["protocols"][protocol][key] for task in model["tasks"].values()]))
            for model in noss.values()
        ]

    other = next(p for p in protocols if p != "frill")
    tau = {part: stats.kendalltau(means(other, f"{part}_accuracy"), means("frill", key)).statistic
           for part, key in (("validation", "validation_accuracy"), ("test", "best_test_accuracy"))}  # fmt: skip
    card = [
        task["protocols"]["frill"] for model in noss.values() for task in model["tasks"].values()
    ]
    return {
        "protocols": protocols,
        "models": len(noss),
        "kendall_validation": float(tau["validation"]),
        "kendall_best_test": float(tau["test"]),
        "unconverged_settings": sum(len(summary["unconverged"]) for summary in card),
        "settings": sum(summary["settings"] for summary in card),
    }
