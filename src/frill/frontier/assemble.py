"""The frontier from the results of every model. docs/frontier.md has the formulas."""

import numpy as np

from frill.device.intervals import estimate_median_interval
from frill.frontier.effects import estimate_effects
from frill.frontier.latency import (
    Timing,
    pool_control_ms,
    pool_latency_ms,
)
from frill.frontier.pareto import Evidence, place
from frill.frontier.quality import (
    compare_by_task,
    compare_rankings,
    estimate_quality_interval,
    measure_quality,
    measure_seed_deviation,
)
from frill.frontier.results import Frontier, ReferenceResult, StudentResult
from frill.frontier.selection import select
from frill.noss.results import ModelScores
from frill.params.schema import TEACHER, Params

COUNTED = ("parameters", "multiply_adds", "weight_bytes", "bottleneck_bytes")


def assemble(
    params: Params,
    timings: dict[str, Timing],
    noss: dict[str, ModelScores],
    tflite: dict[str, dict],
    trained: dict[str, dict],
) -> Frontier:
    """Place every model that params.yaml names, and select the student to ship.

    Each argument is by model. `tflite` and `trained` are the summaries of the converted files and
    of the trainings. Models that were not timed are not in `timings`.
    """
    latency_ms = pool_latency_ms(timings)
    control_ms = pool_control_ms(timings.values())
    teacher = noss[TEACHER]
    evidence = Evidence(timings, noss, params.seed)
    students = []
    for name, spec in params.students.items():
        timing = timings[name]
        scores = noss[name]
        file = tflite[name]
        training = trained[name]
        ratios = estimate_median_interval(timing.ratios)
        change = scores.accuracy_change or {}
        student = StudentResult(
            name=name,
            **spec.model_dump(),
            status=training["status"],
            latency_ms=latency_ms[name],
            latency_interval_ms=ratios and [ratio * control_ms for ratio in ratios],
            latency_iqr_ms=[ratio * control_ms for ratio in timing.ratio_iqr],
            latency_ratios=len(timing.ratios),
            file_bytes=file["file_bytes"],
            peak_memory_mib=timing.peak_memory_mib,
            **_compare_with(teacher, scores, params.seed),
            seed_deviation=measure_seed_deviation(scores, "validation"),
            seed_deviation_test=measure_seed_deviation(scores, "test"),
            tasks=compare_by_task(scores, teacher, params.seed),
            parity_min_cosine=_finite(file["parity"]["min_cosine"]),
            parity_relative_error=_finite(file["parity"]["relative_error"]),
            quantisation_points=change.get("test"),
            validation_r2=_finite(training["validation_r2"]),
            **{key: training[key] for key in COUNTED},
        )
        students.append(student)
    references = []
    for name in params.references:
        against_teacher = _compare_with(teacher, noss[name], params.seed)
        references.append(ReferenceResult(name, latency_ms.get(name), **against_teacher))
    shared = {task: scores.speakers_in_train_and_test for task, scores in teacher.tasks.items()}
    students = place(students, evidence)
    choice = select(students, params.selection, evidence)
    return Frontier(
        schema=1,
        selected=choice.selected,
        reason=choice.reason,
        runners_up=choice.runners_up,
        over_budget=choice.over_budget,
        device=params.selection.device,
        synthetic=params.synthetic,
        pooling=params.noss.pooling,
        rank_agreement=compare_rankings(noss),
        speakers_in_train_and_test={task: count for task, count in shared.items() if count},
        students=students,
        references=references,
        effects=estimate_effects([s for s in students if s.is_sound], evidence.clip_distances),
    )


def _finite(value: float | None) -> float | None:
    """Return None for a NaN or an infinity, which a diverged student has."""
    return value if value is not None and np.isfinite(value) else None


def _compare_with(teacher: ModelScores, scores: ModelScores, seed: int) -> dict:
    """Return the fields that students and references share."""
    return {
        "quality": measure_quality(scores, teacher, "validation"),
        "quality_interval": estimate_quality_interval(scores, teacher, "validation", seed),
        "quality_test": measure_quality(scores, teacher, "test"),
        "quality_test_interval": estimate_quality_interval(scores, teacher, "test", seed),
        "mean_test_accuracy": float(np.mean(scores.mean_accuracies("test"))),
    }
