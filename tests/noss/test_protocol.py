"""The card's protocol against plain scikit-learn: same decisions in the row space and out of it.

And defined results where scikit-learn has none.
"""

import tracemalloc
import warnings
from dataclasses import asdict

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf as sklearn_ledoit_wolf
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid

from frill.noss.dual_lda import DualLda, compute_moments, ledoit_wolf
from frill.noss.protocol import (
    CARD,
    CLASSIFIERS,
    REGULARISED_C,
    Setting,
    normalise,
    rotate,
    run_protocol,
    summarise,
)
from frill.noss.results import PARTS

CLASSES = 4
CLIPS = {"train": 60, "validation": 30, "test": 40}
LDA = {"solver": "lsqr", "shrinkage": "auto"}


def make(values: int, separation: float = 1.0, classes: int = CLASSES):
    """Return clips (x, y, speakers) by part.

    They have an offset, units from 0.1 to 5, classes of 1, 3, 5, 7 sixteenths, a constant value,
    and speakers of five clips.
    """
    rng = np.random.default_rng(values)
    y = {
        part: rng.permutation(np.sqrt(np.arange(clips) / clips * classes**2).astype(int))
        for part, clips in CLIPS.items()
    }
    means, units = separation * rng.normal(size=(classes, values)), np.geomspace(0.1, 5, values)
    x = {
        part: ((rng.normal(size=(len(labels), values)) + means[labels]) * units + 3).astype(
            np.float32
        )
        for part, labels in y.items()
    }
    for part in x:
        x[part][:, values // 2] = 7.0
    speakers = {
        part: [f"{part} {index // 5}" for index in range(clips)] for part, clips in CLIPS.items()
    }
    return x, y, speakers


@pytest.fixture(scope="module", params=[20, 150], ids=["n>D", "n<D"])
def task(request):
    x, y, speakers = make(request.param, separation=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # none may leak
        settings = run_protocol(x, y, speakers, CLASSES, seed=3)
    return (
        {part: values.astype(np.float64) for part, values in x.items()},
        y,
        speakers,
        {setting.name: setting for setting in settings},
    )


def assert_same_scores(
    found: np.ndarray, model: LinearDiscriminantAnalysis, x: np.ndarray, tolerance: float = 1e-6
):
    """Up to what is common to all classes of a clip."""
    expected = model.decision_function(x)
    expected = (
        np.stack([np.zeros(len(x)), expected], axis=1)
        if expected.ndim == 1
        else expected - expected[:, :1]
    )
    assert np.abs(found - found[:, :1] - expected).max() < tolerance * np.abs(expected).max()


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("values", [1, 3, 20, 59, 60, 61, 150])
def test_lda_is_scikit_learns(values, classes):
    x, y, _ = make(max(values, 3), classes=classes)
    train, test = (x[part][:, :values].astype(np.float64) for part in ("train", "test"))
    model = LinearDiscriminantAnalysis(**LDA).fit(train, y["train"])
    assert_same_scores(DualLda(train, y["train"], classes).scores(test), model, test)


def test_ledoit_wolf_is_scikit_learns():
    rng = np.random.default_rng(0)
    for clips, values in ((30, 8), (30, 100), (3, 50), (500, 4), (2, 9)):
        x = rng.normal(size=(clips, values)) * rng.uniform(0.1, 2, values)
        x -= x.mean(axis=0)
        covariance, shrinkage = sklearn_ledoit_wolf(x)
        assert ledoit_wolf(x) == pytest.approx(
            (shrinkage, np.trace(covariance) / values), abs=1e-12
        )


@pytest.mark.filterwarnings("ignore:Only one sample")
@pytest.mark.parametrize("clips", [1, 2])
@pytest.mark.parametrize("values", [20, 150])
def test_lda_with_a_class_too_small_to_shrink(values, clips):
    x, y, _ = make(values)
    keep = (y["train"] != 2) | (np.cumsum(y["train"] == 2) <= clips)
    train, labels, test = (
        x["train"][keep].astype(np.float64),
        y["train"][keep],
        x["test"].astype(np.float64),
    )
    assert_same_scores(
        DualLda(train, labels, CLASSES).scores(test),
        LinearDiscriminantAnalysis(**LDA).fit(train, labels),
        test,
    )


def test_lda_of_two_clips_a_class():
    rng = np.random.default_rng(5)
    y = np.arange(40) % 20
    x, other = (
        2.0 * rng.integers(-9, 9, (40, 6)),
        rng.normal(size=(9, 6)),
    )  # even numbers: the shrinkage is 0 without rounding
    assert_same_scores(
        DualLda(x, y, 20).scores(other), LinearDiscriminantAnalysis(**LDA).fit(x, y), other
    )
    # scikit-learn inverts rounding errors here. What tells the classes apart is where none of them
    # varies.
    wide = rng.normal(size=(40, 300))
    assert (DualLda(wide, y, 20).scores(wide).argmax(axis=1) == y).all()


@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.parametrize("values", [3, 50])
def test_lda_of_one_clip_a_class_is_the_nearest_clip(values):
    rng = np.random.default_rng(6)
    x, other = rng.normal(size=(5, values)) + 4, rng.normal(size=(200, values)) + 4
    expected = NearestCentroid().fit(x, np.arange(5)).predict(other)
    np.testing.assert_array_equal(
        DualLda(x, np.arange(5), 5).scores(other).argmax(axis=1), expected
    )


def test_a_constant_value_is_at_its_mean_without_rounding():
    means = {clips: np.full((clips, 2), 80**-0.5).mean(axis=0)[0] for clips in range(2, 40)}
    assert set(means.values()) != {80**-0.5}  # the mean alone is off
    for clips in means:
        _, deviation, centred = compute_moments(np.full((clips, 2), 80**-0.5))
        assert (deviation == 1).all() and (centred == 0).all()
    x = np.random.default_rng(0).normal(size=(9, 3)) + 1e3
    for found, expected in zip(
        compute_moments(x), (x.mean(axis=0), x.std(axis=0), x - x.mean(axis=0)), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_memory_does_not_grow_with_the_square_of_the_dimensions():
    rng = np.random.default_rng(0)
    y = {part: np.arange(12) % 2 for part in CLIPS}
    x = {part: rng.normal(size=(12, 6000)) for part in CLIPS}
    tracemalloc.start()
    run_protocol(x, y, {part: [""] * 12 for part in CLIPS}, 2, seed=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6000**2 * 8 / 5


@pytest.mark.parametrize("values", [20, 150])
def test_rotation_keeps_the_regressions_solution(values):
    x, y, _ = make(values, separation=0.5)
    x = {part: clips.astype(np.float64) for part, clips in x.items()}
    rotated = rotate(x)
    assert rotated["test"].shape == (CLIPS["test"], min(values, CLIPS["train"]))
    for class_weight in (None, "balanced"):
        model = LogisticRegression(
            C=10.0, class_weight=class_weight, solver="newton-cholesky", tol=1e-11
        )
        expected = model.fit(x["train"], y["train"]).decision_function(x["test"])
        found = model.fit(rotated["train"], y["train"]).decision_function(rotated["test"])
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["lr", "lr_balanced"])
def test_regressions_predict_as_scikit_learns(task, name):
    x, y, _, settings = task
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LogisticRegression(
            C=1e5, class_weight="balanced" if "balanced" in name else None
        ).fit(x["train"], y["train"])
    for part in PARTS:
        # Where the solver stopped differs (see rotate): only a clip between two classes may fall to
        # the other.
        probability = np.sort(model.predict_proba(x[part]), axis=1)
        clear = probability[:, -1] - probability[:, -2] > 0.01
        assert clear.mean() > 0.9
        np.testing.assert_array_equal(
            settings[name].predicted[part][clear], model.predict(x[part])[clear]
        )


@pytest.mark.parametrize("name", ["forest", "forest_balanced"])
def test_forests_are_scikit_learns(task, name):
    x, y, _, settings = task
    model = RandomForestClassifier(
        100, class_weight="balanced" if "balanced" in name else None, random_state=3
    ).fit(x["train"], y["train"])
    for part in PARTS:
        np.testing.assert_array_equal(settings[name].predicted[part], model.predict(x[part]))


def test_lda_of_every_normalisation_is_scikit_learns(task):
    x, y, speakers, settings = task
    for suffix, normalised in normalise(x, speakers):
        model = LinearDiscriminantAnalysis(**LDA).fit(normalised["train"], y["train"])
        for part in PARTS:
            np.testing.assert_array_equal(
                settings[f"lda{suffix}"].predicted[part], model.predict(normalised[part])
            )


def test_the_regularised_regressions_strength_is_the_best_on_validation(task):
    x, y, _, settings = task
    centre = x["train"].mean(axis=0)
    length = np.sqrt(np.square(x["train"] - centre).sum(axis=1).mean())
    fits = [
        LogisticRegression(C=c, tol=1e-8, max_iter=5000).fit(
            (x["train"] - centre) / length, y["train"]
        )
        for c in REGULARISED_C
    ]
    right = [model.score((x["validation"] - centre) / length, y["validation"]) for model in fits]
    assert len(set(right)) > 1  # there is something to choose
    for part in PARTS:
        expected = fits[int(np.argmax(right))].predict((x[part] - centre) / length)
        np.testing.assert_array_equal(settings["lr_regularised"].predicted[part], expected)


def test_normalisations_are_the_published_codes(task):
    """As eval_embedding/sklearn/sklearn_utils.py does it, split by split."""
    x, _, speakers, _ = task
    found = dict(normalise(x, speakers))
    assert list(found) == ["", " speaker", " l2", " l2 speaker"]
    for suffix, parts in found.items():
        for part, values in parts.items():
            expected = (
                x[part] / np.linalg.norm(x[part], axis=1, keepdims=True)
                if "l2" in suffix
                else x[part].copy()
            )
            if "speaker" in suffix:
                names = np.array(speakers[part])
                for speaker in np.unique(names):
                    expected[names == speaker] -= expected[names == speaker].mean(axis=0)
                    deviation = expected[names == speaker].std(axis=0)
                    expected[names == speaker] /= np.where(deviation < 1e-12, 1, deviation)
            np.testing.assert_allclose(values, expected, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "normalised"),
    [
        ({}, True),
        ({"test": ["a"] * 39 + [""]}, False),
        ({"validation": [f"s{index}" for index in range(30)]}, False),
        ({"validation": ["s", "s", *(f"s{index}" for index in range(28))]}, True),
    ],
)
def test_speaker_normalisation_needs_several_clips_of_known_speakers(change, normalised):
    x, _, speakers = make(4)
    assert (" speaker" in dict(normalise(x, speakers | change))) == normalised


def test_a_setting_for_every_classifier_and_normalisation(task):
    settings = task[3]
    assert list(settings) == [
        name + suffix for suffix in ("", " speaker", " l2", " l2 speaker") for name in CLASSIFIERS
    ]
    assert all(
        settings[name].converged
        for name in settings
        if name.startswith(("lda", "forest", "lr_regularised"))
    )


def test_an_unconverged_regression_is_reported():
    x, y, speakers = make(20, separation=0.1)
    x = {part: values * np.geomspace(1e-3, 1e3, 20) for part, values in x.items()}
    settings = run_protocol(x, y, speakers, CLASSES, seed=0)
    with pytest.warns(UserWarning, match="failed to converge"):
        assert LogisticRegression(C=1e5).fit(x["train"], y["train"]).n_iter_ == 100
    assert not {setting.name: setting.converged for setting in settings}["lr"]
    unconverged = summarise([(settings, y)]).unconverged
    assert "lr" in unconverged and not {"lda", "forest", "forest_balanced"} & set(unconverged)


def test_best_test_is_the_best_of_the_cards_classifiers(task):
    _, y, _, settings = task
    summary = summarise([(list(settings.values()), y)])
    accuracy = {
        name: 100 * np.mean(setting.predicted["test"] == y["test"])
        for name, setting in settings.items()
        if name.split()[0] in ("lr", "lr_balanced", "lda", "forest", "forest_balanced")
    }
    assert summary.best_test_accuracy == pytest.approx(max(accuracy.values()))
    assert accuracy[summary.best_test] == max(accuracy.values())


def test_summary_by_hand():
    """Two folds of 2 and 1 clips.

    `lr_regularised` is best on test but not the card's; `lda speaker` is not in every fold.
    """
    y = [
        {"validation": np.array([0, 1]), "test": np.array([1, 1])},
        {"validation": np.array([2]), "test": np.array([0])},
    ]
    first = [
        Setting("lda", True, {"validation": np.array([0, 0]), "test": np.array([1, 1])}),
        Setting("lr l2", True, {"validation": np.array([0, 1]), "test": np.array([0, 1])}),
        Setting("lr_regularised", True, {"validation": np.array([1, 0]), "test": np.array([1, 1])}),
        Setting("forest", True, {"validation": np.array([0, 1]), "test": np.array([0, 0])}),
        Setting("lda speaker", False, {"validation": np.array([0, 1]), "test": np.array([1, 1])}),
    ]
    second = [
        Setting("lda", True, {"validation": np.array([2]), "test": np.array([1])}),
        Setting("lr l2", False, {"validation": np.array([0]), "test": np.array([1])}),
        Setting("lr_regularised", True, {"validation": np.array([2]), "test": np.array([0])}),
        Setting("forest", True, {"validation": np.array([2]), "test": np.array([0])}),
    ]
    expected = {
        "settings": 4,
        "chosen": "forest",
        "validation_accuracy": 100.0,
        "test_accuracy": 100 / 3,
        "best_test": "lda",
        "best_test_accuracy": 200 / 3,
    }
    summary = asdict(summarise(list(zip((first, second), y, strict=True))))
    assert summary.pop("unconverged") == ["lr l2"]
    assert summary == pytest.approx(expected)
    tied = summarise(
        [(first[:2] + first[3:4], {"validation": np.array([0, 1]), "test": np.array([0, 1])})]
    )
    assert tied.chosen == "lr l2"  # before forest, which is as good


def test_a_class_without_training_clips_is_never_chosen():
    x, y, speakers = make(20)
    settings = run_protocol(
        x, y | {"train": np.where(y["train"] == 1, 0, y["train"])}, speakers, CLASSES, seed=0
    )
    known = np.flatnonzero(y["test"] != 1)
    for setting in settings:
        assert set(setting.predicted["test"]) <= {0, 2, 3}
        if "speaker" not in setting.name:  # labels above the gap are where they were
            assert np.mean((setting.predicted["test"] == y["test"])[known]) > 0.6, setting.name


def test_training_clips_of_one_class():
    x, y, speakers = make(20)
    for setting in run_protocol(
        x, y | {"train": np.full(CLIPS["train"], 2)}, speakers, CLASSES, seed=0
    ):
        assert setting.converged and set(setting.predicted["test"]) == {2}


def test_one_clip_a_class():
    rng = np.random.default_rng(0)
    x = {"train": 20 * np.eye(4, 30)}
    y = {part: np.arange(4) for part in CLIPS}
    x |= {part: x["train"] + 0.01 * rng.normal(size=(4, 30)) for part in PARTS}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        settings = run_protocol(x, y, {part: [""] * 4 for part in x}, 4, seed=0)
    assert len(settings) == 2 * len(CLASSIFIERS)
    for setting in settings:
        if not setting.name.startswith("forest"):  # whose trees see two thirds of the clips
            np.testing.assert_array_equal(
                setting.predicted["test"], np.arange(4), err_msg=setting.name
            )


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1])
def test_embeddings_that_are_all_the_same_tell_nothing(value):
    _, y, speakers = make(20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        settings = run_protocol(
            {part: np.full((clips, 80), value, np.float32) for part, clips in CLIPS.items()},
            y,
            speakers,
            CLASSES,
            seed=0,
        )
    most_frequent = np.bincount(y["train"]).argmax()
    for setting in settings:
        assert len(set(setting.predicted["test"])) == 1
        if "balanced" not in setting.name:
            assert set(setting.predicted["validation"]) == {most_frequent}, setting.name


def test_the_card_lacks_only_the_regularised_regression():
    assert set(CLASSIFIERS) - set(CARD) == {"lr_regularised"}
