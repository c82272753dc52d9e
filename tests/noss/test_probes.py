"""Probes equal scikit-learn's on the same standardised features, for n < D and n > D."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from frill.noss import probes
from frill.noss.probes import LDA_SHRINKAGES, RIDGE_STRENGTHS, lda, ridge

CLASSES = 4


class RowSpace(probes.RowSpace):
    """Of all clips given, which are projected all."""

    def __init__(self, x, y, classes):
        super().__init__(x, np.arange(len(x)), y, classes)

    def project(self, x):
        return super().project(x, np.arange(len(x)))


@pytest.fixture(
    params=[(60, 20, 4096), (40, 90, 4096), (60, 20, 7), (40, 90, 7)],
    ids=["n>D", "n<D", "n>D, blocks", "n<D, blocks"],
)
def data(request, monkeypatch):
    clips, values, block = request.param
    monkeypatch.setattr(probes, "BLOCK", block)
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(clips + 40) % CLASSES)
    x = (
        rng.normal(size=(clips + 40, values)) @ np.diag(rng.uniform(0.1, 5, values))
        + 10
        + rng.normal(size=(CLASSES, values))[y]
    )
    x[:, 3] = 7.0  # a value that is the same in every clip
    return x[:clips], y[:clips], x[clips:]


def standardised(x: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scaler = StandardScaler().fit(x)
    return scaler.transform(x), scaler.transform(other)


def test_ridge_is_scikit_learns(data):
    x, y, other = data
    space, (z, z_other) = RowSpace(x, y, CLASSES), standardised(x, other)
    for strength, (setting, weights, bias) in zip(RIDGE_STRENGTHS, ridge(space), strict=True):
        alpha = strength * np.mean(np.sum(z**2, axis=1))
        model = Ridge(alpha, solver="svd").fit(
            z, np.where(y[:, None] == np.arange(CLASSES), 1.0, -1.0)
        )
        np.testing.assert_allclose(
            space.project(other) @ weights + bias, model.predict(z_other), atol=1e-6
        )
        assert float(setting.split()[1]) == pytest.approx(strength, rel=0.05)


def test_lda_is_scikit_learns(data):
    x, y, other = data
    space, (z, z_other) = RowSpace(x, y, CLASSES), standardised(x, other)
    for shrinkage, (setting, weights, bias) in zip(LDA_SHRINKAGES, lda(space), strict=True):
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(z, y)
        expected, found = model.decision_function(z_other), space.project(other) @ weights + bias
        np.testing.assert_array_equal(found.argmax(axis=1), expected.argmax(axis=1))
        # Scores differ by what is common to all classes.
        np.testing.assert_allclose(
            found - found[:, :1],
            expected - expected[:, :1],
            rtol=1e-6,
            atol=1e-6 * np.abs(expected).max(),
        )
        assert setting == f"lda {shrinkage:g}"


def test_lda_weighs_classes_by_their_number_of_clips():
    rng = np.random.default_rng(1)
    y = (np.arange(200) < 20).astype(int)
    x, other = rng.normal(size=(200, 5)) + y[:, None], rng.normal(size=(50, 5)) + 0.5
    space, (z, z_other) = RowSpace(x, y, CLASSES), standardised(x, other)
    for shrinkage, (_, weights, bias) in zip(LDA_SHRINKAGES, lda(space), strict=True):
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(z, y)
        np.testing.assert_array_equal(
            (space.project(other) @ weights + bias).argmax(axis=1), model.predict(z_other)
        )


@pytest.mark.parametrize("probe", [ridge, lda])
def test_a_class_without_training_clips_is_never_chosen(data, probe):
    x, y, other = data
    y = np.where(y == 2, 0, y)
    space = RowSpace(x, y, CLASSES)
    for _, weights, bias in probe(space):
        assert 2 not in (space.project(other) @ weights + bias).argmax(axis=1)


def test_units_and_offsets_of_features_do_not_matter(data):
    x, y, other = (np.delete(part, 3, axis=1) if part.ndim == 2 else part for part in data)
    scale, offset = np.linspace(0.01, 100, x.shape[1]), np.linspace(-5, 5, x.shape[1])
    plain, scaled = RowSpace(x, y, CLASSES), RowSpace(x * scale + offset, y, CLASSES)
    for (_, weights, bias), (_, weights2, bias2) in zip(ridge(plain), ridge(scaled), strict=True):
        np.testing.assert_allclose(
            scaled.project(other * scale + offset) @ weights2 + bias2,
            plain.project(other) @ weights + bias,
            atol=1e-6,
        )


@pytest.mark.parametrize("probe", [ridge, lda])
def test_embeddings_that_are_all_the_same_give_finite_weights(probe):
    space = RowSpace(np.ones((12, 5), np.float32), np.arange(12) % 3, 3)
    for _, weights, bias in probe(space):
        assert np.isfinite(space.project(np.ones((2, 5))) @ weights + bias).all()
