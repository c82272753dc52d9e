"""The transformer in scikit-learn's hands: its checks, clone, Pipeline, GridSearchCV, pickle."""

import pickle

import numpy as np
import pandas
import pytest
import soundfile
from examples import speechlike, tone
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks as checks

from frill import Embedder, EmbeddingTransformer


@pytest.fixture
def model(pooling_models):
    return str(pooling_models[0])


@pytest.fixture
def transformer(model):
    return EmbeddingTransformer(model, pooling="mean")


def recordings(count: int = 24) -> tuple[list[np.ndarray], list[str]]:
    """Make tones of two kinds, each of a length of its own."""
    waves = []
    for index in range(count):
        pitch_hz = (300, 2500)[index % 2] * (1 + index / 200)
        waves.append(tone(pitch_hz, 16000, 1 + index / 20).astype(np.float32))
    return waves, ["low", "high"] * (count // 2)


# scikit-learn runs none on estimators whose tag says that X is not 2-D. These are all that can hold
# where recordings differ in length and integers other than int16 are refused:
# check_transformer_general wants other lengths to fail, check_estimators_dtypes int32 and int64 to
# pass.
@pytest.mark.parametrize(
    "check",
    [
        checks.check_estimator_cloneable,
        checks.check_estimator_tags_renamed,
        checks.check_valid_tag_types,
        checks.check_estimator_repr,
        checks.check_no_attributes_set_in_init,
        checks.check_fit_score_takes_y,
        checks.check_estimators_overwrite_params,
        checks.check_dont_overwrite_parameters,
        checks.check_estimators_fit_returns_self,
        checks.check_readonly_memmap_input,
        checks.check_estimators_unfitted,
        checks.check_do_not_raise_errors_in_init_or_set_params,
        checks.check_mixin_order,
        checks.check_estimators_pickle,
        checks.check_pipeline_consistency,
        checks.check_transformers_unfitted,
        checks.check_transformer_n_iter,
        checks.check_methods_sample_order_invariance,
        checks.check_methods_subset_invariance,
        checks.check_fit2d_1sample,
        checks.check_fit2d_1feature,
        checks.check_get_params_invariance,
        checks.check_set_params,
        checks.check_dict_unchanged,
        checks.check_fit_check_is_fitted,
        checks.check_transformer_get_feature_names_out,
        checks.check_set_output_transform,
        checks.check_global_output_transform_pandas,
    ],
    ids=lambda check: check.__name__,
)
def test_scikit_learns_own_checks(transformer, check):
    check("EmbeddingTransformer", transformer)


def test_rows_are_the_embedders_pooled(transformer, model, tmp_path):
    waves, _ = recordings(4)
    soundfile.write(tmp_path / "a.wav", speechlike(40000), 16000)
    mixed = [waves[0], str(tmp_path / "a.wav"), tmp_path / "a.wav", speechlike(40000)]
    rows = transformer.fit_transform(mixed)
    embedder = Embedder(model)
    first = embedder.embed(waves[0]).mean(axis=0)
    other = embedder.embed(speechlike(40000)).mean(axis=0)
    assert rows.shape == (4, 8) and rows.dtype == np.float32
    np.testing.assert_allclose(rows, [first, other, other, other], rtol=1e-6, atol=1e-6)


def test_rate_and_pooling_are_parameters(model):
    wave = tone(440, 44100, 2)
    both = EmbeddingTransformer(model, sample_rate_hz=44100, pooling="mean+max").fit([wave])
    rows = Embedder(model).embed(wave, 44100)
    expected = [*rows.mean(axis=0), *rows.max(axis=0)]
    np.testing.assert_allclose(both.transform([wave])[0], expected, rtol=1e-6, atol=1e-6)
    names = [*both.get_feature_names_out()[[0, 7, 8, 15]]]
    assert names == ["frill_mean0", "frill_mean7", "frill_max0", "frill_max7"]
    assert both.transform([]).shape == (0, 16)


def test_pipeline_grid_search_clone_and_pickle(transformer):
    waves, labels = recordings()
    pipeline = make_pipeline(transformer, LogisticRegression())
    assert cross_val_score(pipeline, waves, labels, cv=3).mean() == 1.0  # 300 and 2500 Hz
    grid = {"embeddingtransformer__pooling": ["mean", "max"], "logisticregression__C": [0.1, 1]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2)
    search.fit(waves, labels)
    assert search.best_score_ == 1.0 and len(search.cv_results_["params"]) == 4
    restored = pickle.loads(pickle.dumps(search.best_estimator_))
    assert restored.predict(waves).tolist() == labels
    unfitted = clone(search.best_estimator_)[0]
    with pytest.raises(NotFittedError):
        unfitted.transform(waves)


@pytest.mark.parametrize(
    "x, message",
    [
        ([np.zeros(100), np.zeros((2, 100))], r"recording 1: samples have shape \[2, 100\]"),
        ([np.array([np.nan])], "recording 0: samples: 1 of 1 are NaN"),
        ([np.full(100, 9.0)], "recording 0: samples reach 9 times full scale"),
        (
            pandas.DataFrame({"path": ["a"], "n": [1]}),
            "one of its columns .path, n.: X.NAME.",
        ),
        (["gone.wav"], r"recording 0 \(gone.wav\): no such file"),
        ("a.wav", "X is one path, 'a.wav'; expected a list"),
        ([[]], "recording 0: samples are empty"),
    ],
)
def test_the_recording_that_cannot_be_used_is_named(transformer, x, message):
    with pytest.raises(ValueError, match=message):
        transformer.fit(x).transform(x)


def test_wrong_parameters_are_named(model):
    with pytest.raises(ValueError, match="pooling = 'median'; expected one of mean, max, mean"):
        EmbeddingTransformer(model, pooling="median").fit([])
    with pytest.raises(FileNotFoundError, match="none.tflite: no such file"):
        EmbeddingTransformer("none.tflite").fit([])
