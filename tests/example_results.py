"""Results of models that several tests use: plain values for all that a test does not name."""

from dataclasses import replace

import numpy as np

from frill.frontier.results import Effects, Frontier, ReferenceResult, StudentResult
from frill.noss.results import CardScores, FastScores, ModelScores, TaskScores


def task_scores(right: np.ndarray, speakers: np.ndarray = (), **values) -> TaskScores:
    """Return scores of a task by which clips were `right` bool [clips].

    Validation and test are the same.
    """
    accuracy = 100 * float(np.mean(right))
    scores = TaskScores(
        labels=["a", "b"],
        chosen=["ridge 1.0e-04"],
        validation_accuracy=accuracy,
        test_accuracy=accuracy,
        validation_correct="".join("01"[int(each)] for each in right),
        test_correct="".join("01"[int(each)] for each in right),
        validation_speakers=" ".join(map(str, speakers)),
        test_speakers=" ".join(map(str, speakers)),
        speakers_in_train_and_test=0,
        test_unweighted_average_recall=accuracy,
        test_confusion=[[1, 0], [0, 1]],
        protocols={"fast": FastScores(["ridge 1.0e-04"], accuracy, accuracy)},
        validation_interval=[accuracy - 5, accuracy + 5],
        test_interval=[accuracy - 5, accuracy + 5],
    )
    return replace(scores, **values)


def accuracy_scores(accuracy: float) -> TaskScores:
    """Return scores of a task of which only the accuracy, percent, is of interest."""
    return task_scores(np.ones(1), validation_accuracy=accuracy, test_accuracy=accuracy)


def card_scores(validation_accuracy: float, best_test_accuracy: float) -> CardScores:
    best = {"best_test": "lr", "best_test_accuracy": best_test_accuracy}
    counts = {"settings": 3, "unconverged": ["lr"]}
    return CardScores("lda", validation_accuracy, best_test_accuracy, **best, **counts)


def model_scores(tasks: dict[str, TaskScores], name: str = "one", **values) -> ModelScores:
    validation = float(np.mean([scores.validation_accuracy for scores in tasks.values()]))
    test = float(np.mean([scores.test_accuracy for scores in tasks.values()]))
    return ModelScores(3, name, validation, test, tasks, **values)


def paired(
    seed: int, clips=(300, 150), coin: float = 0.5, training: int = 0
) -> tuple[ModelScores, ModelScores]:
    """Return student and teacher on the same clips; of 15 % the student's answer is a coin's.

    Task number n has n speakers in train and test.
    """
    rng = np.random.default_rng(seed)
    rng_student = np.random.default_rng([seed, 1 + training])
    student, teacher = {}, {}
    for task, n in enumerate(clips):
        right = rng.random(n) < 0.8
        same = rng_student.random(n) < 0.85
        student_right = np.where(same, right, rng_student.random(n) < coin)
        student[str(task)] = task_scores(student_right, speakers_in_train_and_test=task)
        teacher[str(task)] = task_scores(right, speakers_in_train_and_test=task)
    return model_scores(student), model_scores(teacher, "teacher")


def student_result(
    name: str = "one", latency_ms: float = 1.0, quality: float = -5.0, **values
) -> StudentResult:
    plain = {
        "backbone": "small",
        "width": 1.0,
        "pooling": "gap",
        "rank": None,
        "qat": 0,
        "precision": "float32",
        "seeds": 1,
        "status": "ok",
        "latency_interval_ms": [0.9 * latency_ms, 1.1 * latency_ms],
        "latency_iqr_ms": [0.9 * latency_ms, 1.1 * latency_ms],
        "latency_ratios": 20,
        "file_bytes": 1000,
        "peak_memory_mib": None,
        "quality_interval": [quality - 2, quality + 2],
        "quality_test": quality - 1,
        "quality_test_interval": [quality - 3, quality + 1],
        "mean_test_accuracy": 70 + quality,
        "seed_deviation": None,
        "seed_deviation_test": None,
        "tasks": {},
        "parity_min_cosine": 1.0,
        "parity_relative_error": 0.0,
        "quantisation_points": None,
        "parameters": 1000,
        "multiply_adds": 10**6,
        "weight_bytes": 900,
        "bottleneck_bytes": 400,
        "validation_r2": 0.7,
    }
    return StudentResult(name=name, latency_ms=latency_ms, quality=quality, **plain | values)


def reference_result(name: str = "teacher", **values) -> ReferenceResult:
    plain = ReferenceResult(name, None, 0.0, [0.0, 0.0], 0.0, [0.0, 0.0], 70.0)
    return replace(plain, **values)


def frontier_result(students: list[StudentResult], **values) -> Frontier:
    """Return a frontier whose first student is selected."""
    plain = Frontier(
        schema=1,
        selected=students[0].name,
        reason=f"{students[0].name} is best",
        runners_up=[],
        over_budget={},
        device="host",
        synthetic=True,
        pooling="mean",
        rank_agreement=None,
        speakers_in_train_and_test={},
        students=students,
        references=[reference_result()],
        effects=Effects({}, [], []),
    )
    return replace(plain, **values)
