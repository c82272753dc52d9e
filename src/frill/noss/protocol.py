"""The protocol of FRILL's model card: five classifiers, each after four normalisations.

The card is tfhub.dev/google/nonsemantic-speech-benchmark/frill/1. It reports the best TEST accuracy
over classifiers and normalisations; `summarise` gives that and the choice made on validation.

Classifiers are those of eval_embedding/sklearn/models.py (google-research@0c1bbe5), in
scikit-learn's present versions: `lr` (C=1e5, lbfgs, 100 iterations), `lr_balanced`, `lda`,
`forest`, `forest_balanced`. On a large task `lr` may stop before it converges, which is reported.
The card lacks an effective regularisation of the regression; `lr_regularised` has one, its strength
chosen on validation.

Normalisations: the clip's row to length 1 (`l2`), then per speaker to mean 0 and deviation 1
(`speaker`). Both use the statistics of the split that a clip is in. So speaker normalisation is
transductive: a test clip's prediction depends on the other test clips of its speaker.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

from frill.noss.dual_lda import DualLda, compute_moments
from frill.noss.results import PARTS, CardScores

# C of scikit-learn (times the sum of losses) for clips about their mean, scaled to a mean squared
# length of 1; strongest first.
REGULARISED_C = (0.1, 1.0, 10.0, 100.0, 1000.0)
Parts = dict[str, np.ndarray]  # train, validation, test


@dataclass(frozen=True)
class Setting:
    """A classifier after a normalisation ("lr", "forest_balanced l2 speaker").

    `converged` by scikit-learn's own tolerance. At C=1e5 that is a loose one: `lr` on separable
    clips stops well before its minimum. `predicted` int class per validation and test clip.
    """

    name: str
    converged: bool
    predicted: Parts


def run_protocol(
    x_by_part: Parts,
    y_by_part: Parts,
    speakers_by_part: dict[str, list[str]],
    classes: int,
    seed: int,
    forests: bool = True,
) -> list[Setting]:
    """Fit every setting of one split. Parts are train, validation, test.

    `x` finite float [clips, D], `y` int [clips] < `classes`, speakers [clips] ("" where unknown).
    `seed` is of the forests, which can be left out: they take four fifths of the time. Speaker
    normalisation takes part where every clip has a speaker and every part one with several clips.
    """
    settings = []
    x_by_part = {part: np.asarray(x, np.float64) for part, x in x_by_part.items()}
    for suffix, x in normalise(x_by_part, speakers_by_part):
        data = _Data(x, rotate(x), y_by_part, classes, seed)
        for name, fit in CLASSIFIERS.items():
            if forests or not name.startswith("forest"):
                settings.append(Setting(name + suffix, *fit(data)))
    return settings


def summarise(folds: list[tuple[list[Setting], Parts]]) -> CardScores:
    """Choose from the (settings, y by part) of each fold, predictions pooled over the folds.

    Only settings that every fold has take part; ties go to the first.
    """
    by_fold = [{setting.name: setting for setting in settings} for settings, _ in folds]
    names = [name for name in by_fold[0] if all(name in settings for settings in by_fold)]
    accuracy: dict[str, dict[str, float]] = {}
    for part in PARTS:
        y = np.concatenate([y[part] for _, y in folds])
        accuracy[part] = {}
        for name in names:
            predicted = np.concatenate([settings[name].predicted[part] for settings in by_fold])
            accuracy[part][name] = 100 * float(np.mean(predicted == y))
    chosen = max(names, key=accuracy["validation"].get)
    of_card = [name for name in names if name.split()[0] in CARD]
    best_test = max(of_card, key=accuracy["test"].get)
    return CardScores(
        chosen=chosen,
        validation_accuracy=accuracy["validation"][chosen],
        test_accuracy=accuracy["test"][chosen],
        best_test=best_test,
        best_test_accuracy=accuracy["test"][best_test],
        settings=len(names),
        unconverged=[n for n in names if not all(fold[n].converged for fold in by_fold)],
    )


def rotate(x: Parts) -> Parts:
    """Return coordinates [clips, min(D, training clips)] in an orthonormal basis.

    It contains the training clips' span. A linear classifier with an L2 penalty has its weights in
    that span, and the penalty does not change under rotation: the solution is the same. So are
    lbfgs's steps. Only when it stops may differ, as its tolerance is for the largest entry of the
    gradient. QR and not the Gram matrix, which squares the condition: at C=1e5 even the small
    directions count.
    """
    if x["train"].shape[1] <= len(x["train"]):
        return x
    basis, triangle = np.linalg.qr(x["train"].T)
    return {"train": triangle.T} | {part: x[part] @ basis for part in PARTS}


def normalise(x: Parts, speakers: dict[str, list[str]]) -> Iterator[tuple[str, Parts]]:
    """Yield (name's suffix, normalised parts).

    A row of zeros stays zero. A value that is the same in all of a speaker's clips becomes zero.
    """
    by_speaker = all(all(names) and len(set(names)) < len(names) for names in speakers.values())
    lengths_1 = {part: normalize(clips) for part, clips in x.items()}
    for suffix, parts in {"": x, " l2": lengths_1}.items():
        yield suffix, parts
        if by_speaker:
            of_speakers = {}
            for part, clips in parts.items():
                of_speakers[part] = _normalise_speakers(clips, np.array(speakers[part]))
            yield f"{suffix} speaker", of_speakers


def _normalise_speakers(x: np.ndarray, speakers: np.ndarray) -> np.ndarray:
    result = np.empty_like(x)
    for speaker in set(speakers):
        _, deviation, centred = compute_moments(x[speakers == speaker])
        result[speakers == speaker] = centred / deviation
    return result


@dataclass(frozen=True)
class _Data:
    """One normalisation's clips, as they are and rotated."""

    x: Parts
    rotated: Parts
    y: Parts
    classes: int
    seed: int


def _fit(model: ClassifierMixin, x: Parts, y: np.ndarray) -> tuple[bool, Parts]:
    """Return (converged, predictions). No warning of scikit-learn reaches the terminal."""
    # A fold's training clips may all be of one class, which the regression refuses.
    if len(set(y)) < 2:
        model = DummyClassifier(strategy="most_frequent")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(x["train"], y)
        predicted = {part: model.predict(x[part]) for part in PARTS}
    stopped = any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    return not stopped, predicted


def _fit_logistic(data: _Data, class_weight: str | None) -> tuple[bool, Parts]:
    return _fit(LogisticRegression(C=1e5, class_weight=class_weight), data.rotated, data.y["train"])


def _fit_forest(data: _Data, class_weight: str | None) -> tuple[bool, Parts]:
    forest = RandomForestClassifier(
        100, class_weight=class_weight, random_state=data.seed, n_jobs=1
    )
    return _fit(forest, data.x, data.y["train"])  # not rotated: a tree splits single values


def _fit_lda(data: _Data) -> tuple[bool, Parts]:
    model = DualLda(data.x["train"], data.y["train"], data.classes)
    return True, {part: model.scores(data.x[part]).argmax(axis=1) for part in PARTS}


def _fit_regularised(data: _Data) -> tuple[bool, Parts]:
    """Return the best of REGULARISED_C on validation, ties to the strongest.

    Each starts from the one before and is iterated to a tight tolerance.
    """
    centre = data.rotated["train"].mean(axis=0)
    centred = {part: clips - centre for part, clips in data.rotated.items()}
    length = np.sqrt(np.square(centred["train"]).sum(axis=1).mean()) or 1.0
    x = {part: clips / length for part, clips in centred.items()}
    model = LogisticRegression(max_iter=1000, tol=1e-6, warm_start=True)
    fits = [_fit(model.set_params(C=c), x, data.y["train"]) for c in REGULARISED_C]
    accuracies = [np.mean(fit["validation"] == data.y["validation"]) for _, fit in fits]
    _, predicted = fits[int(np.argmax(accuracies))]
    return all(converged for converged, _ in fits), predicted


CARD: dict[str, Callable[[_Data], tuple[bool, Parts]]] = {
    "lr": partial(_fit_logistic, class_weight=None),
    "lr_balanced": partial(_fit_logistic, class_weight="balanced"),
    "lda": _fit_lda,
    "forest": partial(_fit_forest, class_weight=None),
    "forest_balanced": partial(_fit_forest, class_weight="balanced"),
}
CLASSIFIERS = CARD | {"lr_regularised": _fit_regularised}
