"""The projection against scikit-learn's PCA, the identity that justifies it, and the target store."""

import json

import numpy as np
import pytest
from examples import speechlike
from sklearn.decomposition import PCA

from frill.audio import frontend
from frill.audio.clip_writer import write_clips
from frill.audio.clips import Clip
from frill.errors import UserError
from frill.params.schema import Targets
from frill.targets import make
from frill.targets.make import fit_projection, make_targets
from frill.targets.store import Projection, load_split
from frill.targets.windows import augmented, choose_windows


class FakeTeacher:
    """Thirty values a window: band means and a few of their products."""

    values = 30

    def embed(self, clips, positions):
        for samples, wanted in zip(clips, positions, strict=True):
            bands = frontend.windows(samples)[wanted].mean(axis=1)
            yield np.concatenate([bands[:, :20], bands[:, :10] * bands[:, 10:20]], axis=1).astype(
                np.float32
            )


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    folders = [tmp_path_factory.mktemp(name) for name in ("one", "two")]
    for number, folder in enumerate(folders):
        write_clips(
            folder, (Clip(f"c{i}", speechlike(12000 + 4000 * i, 10 * number + i)) for i in range(8))
        )
    return folders


def settings(**changes) -> Targets:
    return Targets(
        **{"windows_per_clip": 3, "augmented_copies": 0, "validation_share": 0.3, "projection": 5}
        | changes
    )


def teacher_values(rows=300, values=40) -> np.ndarray:
    rng = np.random.default_rng(4)
    return (
        rng.normal(size=(rows, values))
        * 2.0 ** -np.arange(values)
        @ rng.normal(size=(values, values))
        + 3
    ).astype(np.float32)


@pytest.mark.parametrize("components", [1, 5, 12])
def test_projection_is_pca(components):
    x = teacher_values()
    pca, projection = (
        PCA(components, svd_solver="full").fit(x.astype(np.float64)),
        fit_projection(x.copy(), components, 17),
    )
    np.testing.assert_allclose(projection.mean, pca.mean_, rtol=1e-5)
    np.testing.assert_allclose(projection.basis @ projection.basis.T, np.eye(components), atol=1e-5)
    cosines = np.linalg.svd(
        projection.basis @ pca.components_.T, compute_uv=False
    )  # of the angles between the subspaces
    np.testing.assert_allclose(cosines, 1, atol=1e-4)
    assert projection.kept_variance == pytest.approx(pca.explained_variance_ratio_.sum(), abs=1e-5)
    np.testing.assert_allclose(projection.deviation, projection.apply(x).std(axis=0), rtol=1e-3)


def test_mse_in_the_full_space_is_the_projected_one_and_the_rest():
    x = teacher_values()
    projection = fit_projection(x.copy(), 6, 17)
    coordinates = projection.apply(x)
    guess = coordinates + np.random.default_rng(5).normal(size=coordinates.shape)
    full = np.mean((x - (projection.mean + guess @ projection.basis)) ** 2)
    projected = np.mean(np.sum((coordinates - guess) ** 2, axis=1))
    assert full == pytest.approx((projected + projection.residual_variance) / 40, rel=1e-5)


@pytest.mark.parametrize("components", [None, 40, 99])
def test_no_projection_keeps_every_value(components, tmp_path):
    x = teacher_values()
    fit_projection(x.copy(), components, 17).save(tmp_path / "p.npz")
    projection = Projection.load(tmp_path / "p.npz")
    assert projection.basis is None and projection.values == 40 and projection.kept_variance == 1
    np.testing.assert_allclose(projection.apply(x), x - x.mean(axis=0), atol=1e-5)


def test_no_more_components_than_windows():
    assert fit_projection(teacher_values(rows=7), 20, 17).values == 7


def test_choose_windows(corpora):
    chosen = choose_windows(corpora, settings(), 17)
    assert len(chosen) == 16
    for clip in chosen:
        count = frontend.window_count(len(clip.store.samples(clip.index)))
        assert len(clip.positions) == min(3, count) and list(clip.positions) == sorted(
            set(clip.positions)
        )
        assert 0 <= clip.positions[0] and clip.positions[-1] < count
    again = choose_windows(corpora, settings(), 17)
    assert all(
        (a.positions == b.positions).all() and a.validation == b.validation
        for a, b in zip(chosen, again, strict=True)
    )
    other = choose_windows(corpora, settings(), 18)
    assert any((a.positions != b.positions).any() for a, b in zip(chosen, other, strict=True))
    alone = choose_windows(
        corpora[:1], settings(), 17
    )  # a set added later changes nothing of those before it
    assert all(
        (a.positions == b.positions).all() and a.validation == b.validation
        for a, b in zip(chosen[:8], alone, strict=True)
    )


@pytest.mark.parametrize("share", [1e-9, 1 - 1e-9])
def test_both_splits_have_clips(corpora, share):
    assert {
        clip.validation for clip in choose_windows(corpora, settings(validation_share=share), 17)
    } == {True, False}


@pytest.mark.parametrize("projection", [5, "none"])
def test_the_store_holds_windows_and_projected_targets(corpora, tmp_path, projection):
    summary = make_targets(corpora, FakeTeacher(), settings(projection=projection), 17, tmp_path)
    assert summary == json.loads((tmp_path / "summary.json").read_text())
    chosen = choose_windows(corpora, settings(projection=projection), 17)
    stored = Projection.load(tmp_path / "projection.npz")
    assert (summary["teacher_values"], summary["target_values"], summary["clips"]) == (
        30,
        5 if projection == 5 else 30,
        16,
    )
    for split in ("train", "validation"):
        windows, values = load_split(tmp_path, split)
        clips = [c for c in chosen if c.validation == (split == "validation")]
        assert (
            len(windows)
            == len(values)
            == summary["windows"][split]
            == sum(len(c.positions) for c in clips)
            > 0
        )
        expected = np.concatenate(
            [frontend.windows(c.store.samples(c.index))[c.positions] for c in clips]
        )
        np.testing.assert_allclose(windows, expected, atol=0.004)  # float16
        bands = expected.mean(axis=1)
        full = (
            np.concatenate([bands[:, :20], bands[:, :10] * bands[:, 10:20]], axis=1) - stored.mean
        )
        np.testing.assert_allclose(
            values, full if projection == "none" else full @ stored.basis.T, rtol=2e-3, atol=0.02
        )


def test_augmented_copies_have_targets_of_their_own(corpora, tmp_path):
    chosen = choose_windows(corpora, settings(), 17)
    train = [c for c in chosen if not c.validation]
    copies = augmented(chosen, settings(augmented_copies=2), 17)
    assert len(copies) == 2 * len(train) and not any(c.validation for c in copies)
    assert all(len(c.samples()) == len(c.store.samples(c.index)) for c in copies)
    assert len(
        {c.samples().tobytes() for c in copies} | {c.samples().tobytes() for c in train}
    ) == 3 * len(train)
    assert all(
        (a.samples() == b.samples()).all()
        for a, b in zip(copies, augmented(chosen, settings(augmented_copies=2), 17), strict=True)
    )
    assert {(c.changed[1].folder, c.changed[2]) for c in copies} <= {
        (c.store.folder, c.index) for c in train
    }  # no validation clip is mixed in
    summary = make_targets(corpora, FakeTeacher(), settings(augmented_copies=2), 17, tmp_path)
    windows, values = load_split(tmp_path, "train")
    assert len(windows) == summary["windows"]["train"] == 3 * sum(
        len(c.positions) for c in train
    ) and summary["clips"] == len(chosen)
    copy = copies[0]
    start = sum(len(c.positions) for c in train)
    expected = frontend.windows(copy.samples())[copy.positions]
    np.testing.assert_allclose(windows[start : start + len(expected)], expected, atol=0.004)


def test_the_projection_never_sees_validation_clips(corpora, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        make,
        "fit_projection",
        lambda values, *rest: seen.append(values) or fit_projection(values, *rest),
    )
    summary = make_targets(corpora, FakeTeacher(), settings(), 17, tmp_path)
    assert len(seen[0]) == summary["windows"]["train"]


def test_one_clip_is_an_error_for_the_user(tmp_path):
    write_clips(tmp_path / "c", [Clip("only", speechlike(32000))])
    with pytest.raises(UserError):
        make_targets([tmp_path / "c"], FakeTeacher(), settings(), 17, tmp_path / "t")
