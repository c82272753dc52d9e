"""Quality of a model and how sure it is.

Quality is the mean over tasks of a model's accuracy minus another's, in points. The other is the
teacher, unless said. Validation decides, test stands beside it. A student trained from several
seeds has the mean over them: it judges the choice of student, not the luck of the seed that ships.
"""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from frill.frontier.results import Difference, Interval, RankAgreement, TaskDifferences
from frill.noss.intervals import estimate_combination_interval
from frill.noss.results import PARTS, ModelScores


def measure_quality(model: ModelScores, other: ModelScores, part: str) -> float:
    """Return the points by which the model's mean accuracy on `part` exceeds the other's."""
    points = np.mean(model.mean_accuracies(part)) - np.mean(other.mean_accuracies(part))
    # As many right answers, in other tasks, sum up to the same but for the last digit: no clip
    # counts so little, and ties are told by equality.
    return round(float(points), 9)


def measure_seed_deviation(model: ModelScores, part: str) -> float | None:
    """Return the standard deviation of accuracy over seeds, in points; None for one seed."""
    accuracies = model.mean_accuracies(part)
    return float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else None


def estimate_quality_interval(
    model: ModelScores, other: ModelScores, part: str, seed: int
) -> Interval:
    """Return the interval of `measure_quality` over other clips or speakers of these tasks.

    Where a model was trained from n > 1 seeds, it is over other seeds too. Clips and speakers are
    paired as in noss.intervals; seeds add Student's t, t(n - 1) s / sqrt(n), of either model. All
    are independent, so the distances from the estimate to its limits add in quadrature. None speaks
    of other tasks. A model does not differ from itself.
    """
    if model is other:
        return [0.0, 0.0]
    below, above = measure_clip_distances([model, other], [1, -1], part, seed)
    mean = measure_quality(model, other, part)
    seeds = np.hypot(_seed_half_width(model, part), _seed_half_width(other, part))
    return [float(mean - np.hypot(below, seeds)), float(mean + np.hypot(above, seeds))]


def measure_clip_distances(
    models: Sequence[ModelScores], weights: Sequence[float], part: str, seed: int
) -> tuple[float, float]:
    """Return how far other clips or speakers may move a weighted sum of models' mean accuracies.

    They are the distances, in points, of the sum to the lower and the upper limit of its interval,
    of the trainings that ship.
    """
    tasks = [[model.tasks[task] for model in models] for task in models[0].tasks]
    low, high = estimate_combination_interval(tasks, weights, part, seed)
    shipped = [model.mean_accuracies(part)[0] for model in models]
    total = float(np.dot(weights, shipped))
    return total - low, high - total


def _seed_half_width(model: ModelScores, part: str) -> float:
    deviation = measure_seed_deviation(model, part)
    if deviation is None:
        return 0.0
    n = len(model.mean_accuracies(part))
    return float(stats.t.ppf(0.975, n - 1)) * deviation / n**0.5


def compare_by_task(
    student: ModelScores, teacher: ModelScores, seed: int
) -> dict[str, TaskDifferences]:
    """Return each task's points against the teacher, of the training that ships."""
    tasks = {}
    for task, scores in student.tasks.items():
        reference = teacher.tasks[task]
        differences = {}
        for part in PARTS:
            points = scores.accuracy(part) - reference.accuracy(part)
            pair = [(scores, reference)]
            interval = estimate_combination_interval(pair, [1, -1], part, seed)
            differences[part] = Difference(points, interval)
        tasks[task] = TaskDifferences(**differences)
    return tasks


def compare_rankings(noss: dict[str, ModelScores]) -> RankAgreement | None:
    """Compare how the two scoring protocols rank the models, by the tasks that both scored.

    None where one protocol ran, or for under three models.
    """
    models = list(noss.values())
    left_out = [task for task, scores in models[0].tasks.items() if scores.too_large_for]
    tasks = [task for task in models[0].tasks if task not in left_out]
    protocols = list(models[0].tasks[tasks[0]].protocols) if tasks else []
    if len(protocols) < 2 or len(models) < 3:
        return None

    def rank_by(protocol: str, key: str) -> list[float]:
        means = []
        for model in models:
            scores = [model.tasks[task].protocols[protocol] for task in tasks]
            means.append(float(np.mean([getattr(each, key) for each in scores])))
        return means

    def correlate(fast_key: str, card_key: str) -> float | None:
        fast, card = rank_by("fast", fast_key), rank_by("model_card", card_key)
        tau = float(stats.kendalltau(fast, card).statistic)
        return tau if np.isfinite(tau) else None  # all models are equal by one of them

    card = [model.tasks[task].protocols["model_card"] for model in models for task in tasks]
    return RankAgreement(
        protocols=protocols,
        models=len(models),
        kendall_validation=correlate("validation_accuracy", "validation_accuracy"),
        kendall_best_test=correlate("test_accuracy", "best_test_accuracy"),
        unconverged_settings=sum(len(scores.unconverged) for scores in card),
        settings=sum(scores.settings for scores in card),
        left_out=left_out,
    )
