"""The protocol of FRILL's model card (tfhub.dev/google/nonsemantic-speech-benchmark/frill/1): five classifiers, each after four normalisations.

Classifiers as in eval_embedding/sklearn/models.py (google-research@0c1bbe5), in scikit-learn's present versions: `lr` (C=1e5, lbfgs, 100
iterations, so that a large task may stop before it converges: reported as such), `lr_balanced`, `lda`, `forest`, `forest_balanced`. The card
lacks an effective regularisation of the regression; `lr_regularised` has one, its strength chosen on validation.

Normalisations: the clip's row to length 1 (`l2`), then per speaker to mean 0 and deviation 1 (`speaker`). Both use the statistics of the split
that a clip is in. Speaker normalisation is thereby transductive: a test clip's prediction depends on the other test clips of its speaker.

The card reports the best TEST accuracy over classifiers and normalisations; `summarise` gives that and the choice made on validation.
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

from frill.noss.dual_lda import DualLda, moments
from frill.noss.intervals import PARTS

# C of scikit-learn (x the sum of losses) for clips about their mean, scaled to a mean squared length of 1; strongest first.
REGULARISED_C = (0.1, 1.0, 10.0, 100.0, 1000.0)
Parts = dict[str, np.ndarray]  # train, validation, test


@dataclass(frozen=True)
class Setting:
    """A classifier after a normalisation ("lr", "forest_balanced l2 speaker"); `predicted` int class per validation and test clip.

    `converged` by scikit-learn's own tolerance. At C=1e5 that is a loose one: `lr` on separable clips stops well before its minimum.
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
    """Every setting of one split. Parts are train, validation, test.

    `x` finite float [clips, D], `y` int [clips] < `classes`, speakers [clips] ("" where unknown); `seed` of the forests, which can be left out:
    they take four fifths of the time. Speaker normalisation takes part where every clip has a speaker and every part one with several clips.
    """
    settings = []
    classifiers = {
        name: classify
        for name, classify in CLASSIFIERS.items()
        if forests or not name.startswith("forest")
    }
    for suffix, x in normalisations(
        {part: np.asarray(x, np.float64) for part, x in x_by_part.items()}, speakers_by_part
    ):
        data = _Data(x, rotate(x), y_by_part, classes, seed)
        settings += [
            Setting(name + suffix, *classify(data)) for name, classify in classifiers.items()
        ]
    return settings


def summarise(folds: list[tuple[list[Setting], Parts]]) -> dict:
    """(settings, y by part) of each fold -> the choices and their accuracies in percent, predictions pooled over the folds.

    Only settings that every fold has take part; ties go to the first. `best_test` is the card's number, over the card's classifiers.
    `unconverged` names the settings that stopped early in any fold.
    """
    by_fold = [{setting.name: setting for setting in settings} for settings, _ in folds]
    names = [name for name in by_fold[0] if all(name in settings for settings in by_fold)]
    truth = {part: np.concatenate([y[part] for _, y in folds]) for part in PARTS}
    accuracy = {
        part: {
            name: 100
            * float(
                np.mean(
                    np.concatenate([fold[name].predicted[part] for fold in by_fold]) == truth[part]
                )
            )
            for name in names
        }
        for part in PARTS
    }
    chosen = max(names, key=accuracy["validation"].get)
    best_test = max((name for name in names if name.split()[0] in CARD), key=accuracy["test"].get)
    return {
        "chosen": chosen,
        "validation_accuracy": accuracy["validation"][chosen],
        "test_accuracy": accuracy["test"][chosen],
        "best_test": best_test,
        "best_test_accuracy": accuracy["test"][best_test],
        "settings": len(names),
        "unconverged": [
            name for name in names if not all(fold[name].converged for fold in by_fold)
        ],
    }


def rotate(x: Parts) -> Parts:
    """Coordinates [clips, min(D, training clips)] in an orthonormal basis that contains the training clips' span.

    A linear classifier with an L2 penalty has its weights in that span, and the penalty does not change under rotation: the solution is the
    same. So are lbfgs's steps; only when it stops may differ, as its tolerance is for the largest entry of the gradient. QR and not the Gram
    matrix, which squares the condition: at C=1e5 even the small directions count.
    """
    if x["train"].shape[1] <= len(x["train"]):
        return x
    basis, triangle = np.linalg.qr(x["train"].T)
    return {"train": triangle.T, **{part: x[part] @ basis for part in PARTS}}


def normalisations(x: Parts, speakers: dict[str, list[str]]) -> Iterator[tuple[str, Parts]]:
    """(name's suffix, normalised parts). A row of zeros stays zero; a value that is the same in all of a speaker's clips becomes zero."""
    by_speaker = all(all(names) and len(set(names)) < len(names) for names in speakers.values())
    for suffix, rows in (("", x), (" l2", {part: normalize(values) for part, values in x.items()})):
        yield suffix, rows
        if by_speaker:
            yield (
                f"{suffix} speaker",
                {
                    part: _speaker_normalised(values, np.array(speakers[part]))
                    for part, values in rows.items()
                },
            )


def _speaker_normalised(x: np.ndarray, speakers: np.ndarray) -> np.ndarray:
    result = np.empty_like(x)
    for speaker in set(speakers):
        _, deviation, centred = moments(x[speakers == speaker])
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
    """(converged, predictions). scikit-learn's warnings become the first and do not reach the terminal."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if (
            len(set(y)) < 2
        ):  # a fold's training clips may all be of one class, which the regression refuses
            model = DummyClassifier(strategy="most_frequent")
        model.fit(x["train"], y)
        predicted = {part: model.predict(x[part]) for part in PARTS}
    return not any(
        issubclass(warning.category, ConvergenceWarning) for warning in caught
    ), predicted


def _logistic(data: _Data, class_weight: str | None) -> tuple[bool, Parts]:
    return _fit(LogisticRegression(C=1e5, class_weight=class_weight), data.rotated, data.y["train"])


def _forest(data: _Data, class_weight: str | None) -> tuple[bool, Parts]:
    # Not rotated: a tree splits single values.
    return _fit(
        RandomForestClassifier(100, class_weight=class_weight, random_state=data.seed, n_jobs=1),
        data.x,
        data.y["train"],
    )


def _lda(data: _Data) -> tuple[bool, Parts]:
    model = DualLda(data.x["train"], data.y["train"], data.classes)
    return True, {part: model.scores(data.x[part]).argmax(axis=1) for part in PARTS}


def _logistic_regularised(data: _Data) -> tuple[bool, Parts]:
    """Best of REGULARISED_C on validation, ties to the strongest; each starts from the one before and is iterated to a tight tolerance."""
    centre = data.rotated["train"].mean(axis=0)
    centred = {part: values - centre for part, values in data.rotated.items()}
    length = np.sqrt(np.square(centred["train"]).sum(axis=1).mean()) or 1.0
    x = {part: values / length for part, values in centred.items()}
    model = LogisticRegression(max_iter=1000, tol=1e-6, warm_start=True)
    fits = [_fit(model.set_params(C=c), x, data.y["train"]) for c in REGULARISED_C]
    predicted = max(
        (predicted for _, predicted in fits),
        key=lambda predicted: np.mean(predicted["validation"] == data.y["validation"]),
    )
    return all(converged for converged, _ in fits), predicted


CARD: dict[str, Callable[[_Data], tuple[bool, Parts]]] = {
    "lr": partial(_logistic, class_weight=None),
    "lr_balanced": partial(_logistic, class_weight="balanced"),
    "lda": _lda,
    "forest": partial(_forest, class_weight=None),
    "forest_balanced": partial(_forest, class_weight="balanced"),
}
CLASSIFIERS = CARD | {"lr_regularised": _logistic_regularised}
