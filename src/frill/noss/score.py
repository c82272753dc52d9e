"""Scores embeddings on a task: for every probe and strength train, choose on validation, test."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import confusion_matrix, recall_score
from threadpoolctl import threadpool_limits

from frill.noss.intervals import estimate_accuracy_interval
from frill.noss.probes import PROBES, RowSpace
from frill.noss.protocol import run_protocol, summarise
from frill.noss.results import PARTS, CardScores, FastScores, TaskScores
from frill.noss.splits import Split, make_splits
from frill.params.schema import Noss

# Training clips times classes beyond which a task is scored by `fast` alone: docs/scoring.md has
# what was measured. A model's values do not count: all models of a task are scored alike.
MOST_FOR_CARD = 4_000_000
Predictions = list[dict[str, np.ndarray]]  # of every split, int class per validation and test clip


@dataclass(frozen=True)
class Task:
    """A task's clips: `x` float [clips, D], `y` int [clips] < `classes`, `speakers` str [clips]."""

    x: np.ndarray
    y: np.ndarray
    speakers: np.ndarray
    classes: int
    splits: list[Split]

    @property
    def speakers_are_classes(self) -> bool:
        pairs = set(zip(self.y, self.speakers, strict=True))
        return len(pairs) == self.classes == len(set(self.speakers))


def score_task(
    embeddings: np.ndarray, rows: Sequence[dict], settings: Noss, seed: int
) -> TaskScores:
    """Score `embeddings` float [clips, D] of the clips that `rows` of the manifest describe.

    The first of `settings.protocol` decides, by the setting that is best on validation; ties go
    to the first setting. A task beyond MOST_FOR_CARD is scored by `fast` whatever they are.
    """
    labels = sorted({row["label"] for row in rows})
    y = np.array([labels.index(row["label"]) for row in rows])
    speakers = np.array([row["speaker"] for row in rows])
    splits = make_splits(rows, settings.validation_share, seed)
    task = Task(embeddings, y, speakers, len(labels), splits)
    # One BLAS thread: results would depend on the machine's cores, and lbfgs's many small products
    # wait for each other's threads longer than they compute (up to eight times slower).
    names = settings.protocol
    if "model_card" in names and is_too_large_for_card(task):
        names = ["fast"]
    with threadpool_limits(1):
        outcomes = {name: PROTOCOLS[name](task, settings, seed) for name in names}
    scores, predictions = outcomes[names[0]]
    correct = {part: np.full(len(y), -1) for part in PARTS}
    predicted = np.full(len(y), -1)
    for split, answers in zip(splits, predictions, strict=True):
        for part, values in correct.items():
            clips = getattr(split, part)
            values[clips] = answers[part] == y[clips]
        predicted[split.test] = answers["test"]
    by_part = {}
    for part, values in correct.items():
        scored = values >= 0
        right = values[scored]
        numbers = number_speakers(speakers[scored])
        by_part |= {
            f"{part}_accuracy": 100 * float(right.mean()),
            f"{part}_correct": "".join(map(str, right)),
            f"{part}_speakers": " ".join(map(str, numbers)),
            f"{part}_interval": estimate_accuracy_interval(right.astype(float), numbers, seed),
        }
    tested = predicted >= 0
    true, answers = y[tested], predicted[tested]
    confusion = confusion_matrix(true, answers, labels=range(task.classes))
    # Of the classes that have clips to test.
    recall = recall_score(true, answers, average="macro", labels=np.unique(true))
    return TaskScores(
        labels=labels,
        chosen=scores.chosen,
        speakers_in_train_and_test=count_speakers_in_both(task),
        test_unweighted_average_recall=100 * float(recall),
        test_confusion=confusion.tolist(),
        protocols={name: scores for name, (scores, _) in outcomes.items()},
        too_large_for=[name for name in settings.protocol if name not in outcomes],
        **by_part,
    )


def _score_fast(task: Task, settings: Noss, seed: int) -> tuple[FastScores, Predictions]:
    """Try `probes` at every strength, chosen in each split by itself."""
    chosen, predictions = [], []
    for split in task.splits:
        setting, scores = best_probe(task.x, task.y, split, task.classes, settings.probes)
        chosen.append(setting)
        predictions.append({part: scores[part].argmax(axis=1) for part in PARTS})
    accuracy = {}
    for part in PARTS:
        correct = []
        for split, predicted in zip(task.splits, predictions, strict=True):
            correct.append(predicted[part] == task.y[getattr(split, part)])
        accuracy[part] = 100 * float(np.concatenate(correct).mean())
    return FastScores(chosen, accuracy["validation"], accuracy["test"]), predictions


def _score_card(task: Task, settings: Noss, seed: int) -> tuple[CardScores, Predictions]:
    """Try the model card's classifiers and normalisations, one choice for all splits."""
    folds = []
    for split in task.splits:
        clips = {part: getattr(split, part) for part in ("train", *PARTS)}
        x = {part: task.x[index] for part, index in clips.items()}
        y = {part: task.y[index] for part, index in clips.items()}
        speakers = {part: task.speakers[index].tolist() for part, index in clips.items()}
        if task.speakers_are_classes:  # normalised by speaker, clips would be normalised by label
            speakers = {part: [""] * len(index) for part, index in clips.items()}
        fold = run_protocol(x, y, speakers, task.classes, seed, bool(settings.forests))
        folds.append((fold, y))
    scores = summarise(folds)
    predictions = []
    for fold, _ in folds:
        chosen = next(setting for setting in fold if setting.name == scores.chosen)
        predictions.append(chosen.predicted)
    return scores, predictions


PROTOCOLS = {"fast": _score_fast, "model_card": _score_card}


def is_too_large_for_card(task: Task) -> bool:
    return max(len(split.train) for split in task.splits) * task.classes > MOST_FOR_CARD


def best_probe(
    x: np.ndarray, y: np.ndarray, split: Split, classes: int, probes: list[str]
) -> tuple[str, dict[str, np.ndarray]]:
    """Return the setting that is best on validation.

    With it come its scores float [clips, classes] on validation and test.
    """
    space = RowSpace(x, split.train, y[split.train], classes)
    validation = space.project(x, split.validation)
    best_accuracy = -1.0
    for probe in probes:
        for setting, weights, bias in PROBES[probe](space):
            scores = validation @ weights + bias
            accuracy = np.mean(scores.argmax(axis=1) == y[split.validation])
            if accuracy > best_accuracy:
                best_accuracy = accuracy
                best = setting, weights, bias, scores
    setting, weights, bias, scores = best
    test = space.project(x, split.test)
    return setting, {"validation": scores, "test": test @ weights + bias}


def number_speakers(speakers: np.ndarray) -> np.ndarray:
    """Return a number for each clip's speaker; none if a clip's speaker is unknown."""
    if not speakers.all():
        return np.array([], int)
    _, numbers = np.unique(speakers, return_inverse=True)
    return numbers


def count_speakers_in_both(task: Task) -> int:
    """Count the speakers with clips in train and in test of one split.

    What they say of new speakers is too good. 0 where speakers are the classes.
    """
    if task.speakers_are_classes:
        return 0
    both = set()
    for split in task.splits:
        both |= set(task.speakers[split.train]) & set(task.speakers[split.test])
    return len(both - {""})
