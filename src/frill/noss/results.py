"""The types of results/noss/MODEL.json, and the functions that write and read the file.

Accuracies are in percent. A part is `validation` or `test`. Fields stand in the file's order.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

PARTS = ("validation", "test")
OPTIONAL = ("accuracy_change", "repeats")  # not in the file where they are None
Interval = list[float]  # [low, high] of 95 %


@dataclass(frozen=True)
class FastScores:
    """What the fast probes found, each split with the setting that its own validation chose."""

    chosen: list[str]
    validation_accuracy: float
    test_accuracy: float


@dataclass(frozen=True)
class CardScores:
    """What the model card's protocol found, with one choice for all splits.

    `best_test` is the best on test of the card's own classifiers, as the card reports it.
    `unconverged` names those of the `settings` that stopped early in any split.
    """

    chosen: str
    validation_accuracy: float
    test_accuracy: float
    best_test: str
    best_test_accuracy: float
    settings: int
    unconverged: list[str]


PROTOCOL_SCORES = {"fast": FastScores, "model_card": CardScores}


@dataclass(frozen=True)
class TaskScores:
    """A model's scores on one task, by the protocol that decides.

    `*_correct` has a character for each scored clip, 1 or 0, and `*_speakers` a number, in
    manifest order. Paired comparisons of models are computed from them.
    """

    labels: list[str]
    chosen: str | list[str]
    validation_accuracy: float
    test_accuracy: float
    validation_correct: str
    test_correct: str
    validation_speakers: str  # empty for a task without speakers
    test_speakers: str
    speakers_in_train_and_test: int
    test_unweighted_average_recall: float
    test_confusion: list[list[int]]  # true classes by predicted classes
    protocols: dict[str, FastScores | CardScores]
    validation_interval: Interval
    test_interval: Interval
    clips_not_finite: int = 0
    too_large_for: list[str] = field(default_factory=list)  # protocols; not in the file if none

    def accuracy(self, part: str) -> float:
        return getattr(self, f"{part}_accuracy")

    def correct(self, part: str) -> np.ndarray:
        """Return which clips were right, float [clips] of 0 and 1."""
        characters = getattr(self, f"{part}_correct").encode()
        return np.frombuffer(characters, np.uint8).astype(float) - ord("0")

    def speakers(self, part: str) -> np.ndarray:
        """Return the speaker of each clip, int [clips]; empty for a task without speakers."""
        return np.array(getattr(self, f"{part}_speakers").split(), int)


@dataclass(frozen=True)
class MeanAccuracies:
    """A training's accuracies, means over the tasks."""

    mean_validation_accuracy: float
    mean_test_accuracy: float


@dataclass(frozen=True)
class ModelScores:
    """All scores of one model.

    `accuracy_change` says by part what quantising did to the mean accuracy, in points. `repeats`
    are a student's trainings from other seeds.
    """

    schema: int
    model: str
    mean_validation_accuracy: float
    mean_test_accuracy: float
    tasks: dict[str, TaskScores]
    accuracy_change: dict[str, float] | None = None
    repeats: list[MeanAccuracies] | None = None

    def mean_accuracies(self, part: str) -> list[float]:
        """Return the mean accuracy of every training: the one that ships, then the repeats."""
        trainings = [self, *(self.repeats or [])]
        return [getattr(training, f"mean_{part}_accuracy") for training in trainings]


def write_scores(scores: ModelScores, path: Path) -> None:
    content = asdict(scores)
    for key in OPTIONAL:
        if content[key] is None:
            del content[key]
    for task in content["tasks"].values():
        if not task["too_large_for"]:
            del task["too_large_for"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")


def read_scores(path: Path) -> ModelScores:
    content = json.loads(path.read_text())
    content["tasks"] = {task: _read_task(scores) for task, scores in content["tasks"].items()}
    if "repeats" in content:
        content["repeats"] = [MeanAccuracies(**repeat) for repeat in content["repeats"]]
    return ModelScores(**content)


def _read_task(content: dict) -> TaskScores:
    protocols = {}
    for name, scores in content["protocols"].items():
        protocols[name] = PROTOCOL_SCORES[name](**scores)
    return TaskScores(**content | {"protocols": protocols})
