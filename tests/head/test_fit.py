"""Heads are the probes of scoring: their accuracy is scoring's, their weights scikit-learn's."""

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.preprocessing import StandardScaler

from frill.head.calibration import find_probabilities
from frill.head.features import Features
from frill.head.fit import Trials, fit_head
from frill.head.folds import split_clips
from frill.head.measure import measure_head
from frill.head.unknown import measure_unheard
from frill.noss.probes import RowSpace, ridge
from frill.noss.score import score_task
from frill.noss.splits import Split
from frill.params.schema import Noss
from frill.scratch import text_hash

SETTINGS = Noss(
    protocol=["fast"], forests=0, probes=["ridge", "lda"], pooling="mean", validation_share=0.2
)


def make_rows(y: np.ndarray, **columns: list[str]) -> list[dict]:
    rows = []
    for index, label in enumerate(y):
        row = {"clip": f"c{index}", "label": f"k{label}", "speaker": "", "fold": "", "split": ""}
        row |= {"source": f"{index}.wav", "sha256": text_hash(f"{index}")}
        row |= {name: values[index] for name, values in columns.items()}
        rows.append(row)
    return rows


def draw(clips: int, values: int, classes: int, seed: int = 0) -> tuple[Features, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(clips) % classes
    x = rng.normal(0, 1, (clips, values)) + 0.7 * rng.normal(0, 1, (classes, values))[y]
    windows = np.repeat(x, 2, axis=0) + rng.normal(0, 0.3, (2 * clips, values))
    log_mels = rng.normal(0, 1, (clips, 6))
    return Features(x, windows, np.repeat(np.arange(clips), 2), log_mels), y


@pytest.mark.parametrize("columns", ["fold", "split"])
def test_accuracy_is_that_of_scoring(columns):
    features, y = draw(120, 30, 4)
    speakers = [f"s{index // 4 % 15}" for index in range(120)]
    if columns == "fold":
        rows = make_rows(y, fold=[str(index // 4 % 5) for index in range(120)], speaker=speakers)
    else:
        parts = ["train", "train", "validation", "test"]
        rows = make_rows(y, split=[parts[index // 4 % 4] for index in range(120)], speaker=speakers)
    splits, held_out = split_clips(rows, "mood", 17)
    assert held_out in ("by its folds", "by its split")
    trials = Trials(features, y, splits, 4)
    measured = measure_head(trials, features, rows, 17)
    scored = score_task(features.clips, rows, SETTINGS, 17)
    assert measured.accuracy == scored.test_accuracy
    assert measured.interval == scored.test_interval
    assert measured.recall == scored.test_unweighted_average_recall
    assert measured.confusion == scored.test_confusion
    assert measured.log_mel == score_task(features.log_mels, rows, SETTINGS, 17).test_accuracy
    assert measured.chance == 25


@pytest.mark.parametrize("clips, values", [(60, 10), (20, 50)])
def test_weights_are_scikit_learns_on_standardised_clips(clips, values):
    features, y = draw(clips, values, 3)
    x = features.clips
    everything = np.arange(clips)
    space = RowSpace(x, everything, y, 3)
    scaler = StandardScaler().fit(x)
    for setting, weights, bias in ridge(space):
        weights, bias = space.undo(weights, bias)
        # Their alpha is the setting's strength times the mean squared length: D.
        alpha = float(setting.split()[1]) * values
        expected = RidgeClassifier(alpha).fit(scaler.transform(x), y)
        others = np.random.default_rng(1).normal(0, 2, (7, values))
        scores = expected.decision_function(scaler.transform(others))
        np.testing.assert_allclose(others @ weights + bias, scores, atol=0.02)


def test_the_head_that_ships_is_the_measured_one_or_the_mean_of_the_folds():
    features, y = draw(80, 12, 2)
    half = np.arange(80)
    one = Trials(features, y, [Split(half[:40], half[40:60], half[60:])], 2)
    head = fit_head(one)
    scores = one.trials[0].score(head.decision.setting, "test")
    shipped = features.clips[60:] @ head.weights + head.bias
    np.testing.assert_allclose(shipped, scores, atol=1e-9)
    folds = [Split(half[20:60], half[60:], half[:20]), Split(half[:40], half[40:60], half[60:])]
    trials = Trials(features, y, folds, 2)
    head = fit_head(trials)
    shipped = features.clips @ head.weights + head.bias
    scores = []
    for trial in trials.trials:
        weights, bias = trial.probes[head.decision.setting]
        scores.append(trial.space.project(features.clips, half) @ weights + bias)
    np.testing.assert_allclose(shipped, np.mean(scores, axis=0), atol=1e-9)


@pytest.mark.parametrize(
    "speakers, over, shared",
    [
        ([""] * 60, "clips", 0),
        ([f"s{index // 3 % 5}" for index in range(60)], "whole speakers", 0),  # each in one fold
        ([f"s{index // 15}" for index in range(60)], "whole speakers", 4),  # each in all
        (["", *[f"s{index // 3 % 5}" for index in range(1, 60)]], "clips", 0),
        (["anna"] * 60, "clips", 1),
    ],
)
def test_what_the_interval_is_over_and_who_is_in_train_and_test(speakers, over, shared):
    features, y = draw(60, 10, 3)
    rows = make_rows(y, fold=[str(index // 3 % 5) for index in range(60)], speaker=speakers)
    splits, _ = split_clips(rows, "mood", 17)
    measured = measure_head(Trials(features, y, splits, 3), features, rows, 17)
    assert measured.interval_over == over
    assert measured.speakers_in_train_and_test == shared


def test_what_is_measured_was_decided_without_the_measured_clips():
    """Other labels of the test clips change what is measured, and nothing that was decided."""
    features, y = draw(90, 20, 3)
    rows = make_rows(y, fold=[str(index // 3 % 3) for index in range(90)])
    splits, _ = split_clips(rows, "mood", 17)
    trials = Trials(features, y, splits, 3)
    before = trials.decide(trials.trials[0])
    trials.y = y.copy()
    trials.y[splits[0].test] = (y[splits[0].test] + 1) % 3
    assert trials.decide(trials.trials[0]) == before


def test_an_unheard_class_between_two_others_is_refused_and_one_beyond_them_is_not():
    rng = np.random.default_rng(0)
    y = np.arange(150) % 3
    x = np.c_[y + rng.normal(0, 0.02, 150), rng.normal(0, 0.02, 150)]
    features = Features(x, x, np.arange(150), x)
    order = rng.permutation(150)
    trials = Trials(features, y, [Split(order[:90], order[90:120], order[120:])], 3)
    unheard = measure_unheard(trials, "lda 0.5")
    assert (unheard.clips, unheard.classes) == (150, 3)
    assert unheard.refused == pytest.approx(100 / 3, abs=3)


def test_one_in_twenty_windows_of_known_sounds_is_refused_however_sure_whole_clips_are():
    """A clip's mean over eight windows is much surer than each of them, as of real clips."""
    rng = np.random.default_rng(0)
    y = np.arange(600) % 3
    windows = 0.5 * np.eye(3)[np.repeat(y, 8)] + rng.normal(0, 1, (4800, 3))
    x = windows.reshape(600, 8, 3).mean(axis=1)
    features = Features(x, windows, np.repeat(np.arange(600), 8), x)
    rows = make_rows(
        y, split=[["train", "validation", "test"][index // 200] for index in range(600)]
    )
    splits, _ = split_clips(rows, "mood", 17)
    trials = Trials(features, y, splits, 3)
    measured = measure_head(trials, features, rows, 17)
    assert measured.known_refused == pytest.approx(5, abs=4)
    assert measured.known_windows_refused == pytest.approx(5, abs=2)
    decision = trials.decide()
    scores, _ = trials.trials[0].score_windows(decision.setting, "test")
    answers = find_probabilities(scores, decision.window_temperature).max(axis=1)
    assert np.mean(answers < decision.threshold) > 0.2
    assert np.mean(answers < decision.window_threshold) == pytest.approx(0.05, abs=0.02)


def test_a_class_whose_clip_alone_validates_is_passed_over():
    """Without it nothing decides a threshold: of three classes two can be left out."""
    features, y = draw(30, 8, 3)
    order = np.arange(30)
    trials = Trials(features, y, [Split(order[:20], order[20:21], order[21:])], 3)
    unheard = measure_unheard(trials, "lda 0.5")
    assert (unheard.clips, unheard.classes) == (20, 2)


def test_folds_are_drawn_by_whole_speakers_with_every_class_in_each():
    y = np.repeat(np.arange(3), 40)
    speakers = [f"s{index % 8}" for index in range(120)]
    rows = make_rows(y, speaker=speakers)
    splits, held_out = split_clips(rows, "mood", 17)
    assert held_out == "in 5 folds by whole speakers"
    for split in splits:
        parts = [set(np.array(speakers)[part]) for part in (split.train, split.test)]
        assert not parts[0] & parts[1]
        assert set(y[split.test]) == {0, 1, 2}
    assert sorted(np.concatenate([split.test for split in splits])) == list(range(120))


def test_where_speakers_are_the_classes_recordings_are_held_out():
    y = np.repeat(np.arange(4), 6)
    rows = make_rows(y, speaker=[f"s{label}" for label in y])
    rows[1]["sha256"] = rows[0]["sha256"]  # a copy stays with its clip
    splits, held_out = split_clips(rows, "who", 17)
    assert held_out == "in 5 folds by recordings"
    for split in splits:
        assert len({0, 1} & set(split.test.tolist())) in (0, 2)
