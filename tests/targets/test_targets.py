"""The projection against scikit-learn's PCA, the identity behind it, and the target store."""

import json

import numpy as np
import pytest
from examples import speechlike, write_clips
from sklearn.decomposition import PCA
from sklearn.metrics import r2_score

from frill.audio import frontend
from frill.audio.clips import Clip
from frill.errors import UserError
from frill.params.schema import Targets
from frill.targets import make
from frill.targets.make import fit_projection, make_targets
from frill.targets.store import Projection, load_split
from frill.targets.windows import choose_copies, choose_windows


def teach(windows: np.ndarray) -> np.ndarray:
    """Return thirty values a window: band means and a few of their products."""
    bands = windows.mean(axis=1)
    products = bands[:, :10] * bands[:, 10:20]
    return np.concatenate([bands[:, :20], products], axis=1).astype(np.float32)


class FakeTeacher:
    """A teacher whose values are those of `teach`."""

    values = 30

    def embed(self, clips, positions):
        for samples, wanted in zip(clips, positions, strict=True):
            yield teach(frontend.windows(samples)[wanted])


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    folders = [tmp_path_factory.mktemp(name) for name in ("one", "two")]
    for number, folder in enumerate(folders):
        clips = []
        for index in range(8):
            samples = speechlike(12000 + 4000 * index, 10 * number + index)
            clips.append(Clip(f"c{index}", samples))
        write_clips(folder, clips)
    return folders


def settings(**changes) -> Targets:
    values = {"windows_per_clip": 3, "augmented_copies": 0, "validation_share": 0.3}
    return Targets(**values | {"projection": 5} | changes)


def teacher_values(rows=300, values=40) -> np.ndarray:
    rng = np.random.default_rng(4)
    decaying = rng.normal(size=(rows, values)) * 2.0 ** -np.arange(values)
    return (decaying @ rng.normal(size=(values, values)) + 3).astype(np.float32)


@pytest.mark.parametrize("components", [1, 5, 12])
def test_projection_is_pca(components):
    x = teacher_values()
    pca = PCA(components, svd_solver="full").fit(x.astype(np.float64))
    projection = fit_projection(x.copy(), components, 17)
    np.testing.assert_allclose(projection.mean, pca.mean_, rtol=1e-5)
    np.testing.assert_allclose(projection.basis @ projection.basis.T, np.eye(components), atol=1e-5)
    # Cosines of the angles between the subspaces.
    cosines = np.linalg.svd(projection.basis @ pca.components_.T, compute_uv=False)
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


def describe(chosen) -> list[tuple]:
    return [(clip.positions.tolist(), clip.validation) for clip in chosen]


def test_choose_windows(corpora):
    chosen = choose_windows(corpora, settings(), 17)
    assert len(chosen) == 16
    for clip in chosen:
        count = frontend.count_windows(len(clip.store.samples(clip.index)))
        assert len(clip.positions) == min(3, count)
        assert list(clip.positions) == sorted(set(clip.positions))
        assert 0 <= clip.positions[0] and clip.positions[-1] < count
    assert describe(choose_windows(corpora, settings(), 17)) == describe(chosen)
    other = choose_windows(corpora, settings(), 18)
    assert [clip.positions.tolist() for clip in other] != [row for row, _ in describe(chosen)]
    # A set added later changes nothing of those before it.
    assert describe(choose_windows(corpora[:1], settings(), 17)) == describe(chosen[:8])


@pytest.mark.parametrize("share", [1e-9, 1 - 1e-9])
def test_both_splits_have_clips(corpora, share):
    chosen = choose_windows(corpora, settings(validation_share=share), 17)
    assert {clip.validation for clip in chosen} == {True, False}


@pytest.mark.parametrize("projection", [5, "none"])
def test_the_store_holds_windows_and_projected_targets(corpora, tmp_path, projection):
    summary = make_targets(corpora, FakeTeacher(), settings(projection=projection), 17, tmp_path)
    assert summary == json.loads((tmp_path / "summary.json").read_text())
    chosen = choose_windows(corpora, settings(projection=projection), 17)
    stored = Projection.load(tmp_path / "projection.npz")
    assert summary["teacher_values"] == 30
    assert summary["target_values"] == (5 if projection == 5 else 30)
    assert summary["clips"] == 16
    for split in ("train", "validation"):
        windows, values = load_split(tmp_path, split)
        clips = [c for c in chosen if c.validation == (split == "validation")]
        count = sum(len(c.positions) for c in clips)
        assert len(windows) == len(values) == summary["windows"][split] == count > 0
        expected = np.concatenate(
            [frontend.windows(c.store.samples(c.index))[c.positions] for c in clips]
        )
        np.testing.assert_allclose(windows, expected, atol=0.004)  # float16
        targets = teach(expected) - stored.mean
        if projection == 5:
            targets = targets @ stored.basis.T
        np.testing.assert_allclose(values, targets, rtol=2e-3, atol=0.02)
    # The last split is validation: what the basis leaves out is of its windows, in full.
    full = teach(expected).astype(np.float64)
    kept = targets @ stored.basis if projection == 5 else targets
    left_out = full - stored.mean - kept
    residual = np.square(left_out).sum(axis=1).mean()
    assert stored.residual_variance == pytest.approx(residual, rel=1e-4, abs=1e-6)
    r2 = r2_score(full, full - left_out, multioutput="variance_weighted")
    assert stored.kept_variance == pytest.approx(r2, abs=1e-5)
    assert summary["kept_variance"] == pytest.approx(r2, abs=1e-5)


def test_augmented_copies_have_targets_of_their_own(corpora, tmp_path):
    chosen = choose_windows(corpora, settings(), 17)
    train = [c for c in chosen if not c.validation]
    copies = choose_copies(chosen, settings(augmented_copies=2), 17)
    assert len(copies) == 2 * len(train) and not any(c.validation for c in copies)
    assert all(len(c.samples()) == len(c.store.samples(c.index)) for c in copies)
    contents = [c.samples().tobytes() for c in copies]
    assert len(set(contents) | {c.samples().tobytes() for c in train}) == 3 * len(train)
    again = choose_copies(chosen, settings(augmented_copies=2), 17)
    assert [c.samples().tobytes() for c in again] == contents
    mixed = {(c.mix[1].store.folder, c.mix[1].index) for c in copies}
    assert mixed <= {(c.store.folder, c.index) for c in train}  # no validation clip is mixed in
    summary = make_targets(corpora, FakeTeacher(), settings(augmented_copies=2), 17, tmp_path)
    windows, values = load_split(tmp_path, "train")
    assert len(windows) == summary["windows"]["train"] == 3 * sum(len(c.positions) for c in train)
    assert summary["clips"] == len(chosen)
    copy = copies[0]
    start = sum(len(c.positions) for c in train)
    expected = frontend.windows(copy.samples())[copy.positions]
    np.testing.assert_allclose(windows[start : start + len(expected)], expected, atol=0.004)


def test_the_projection_never_sees_validation_clips(corpora, tmp_path, monkeypatch):
    seen = []

    def spy(values, *rest):
        seen.append(values)
        return fit_projection(values, *rest)

    monkeypatch.setattr(make, "fit_projection", spy)
    summary = make_targets(corpora, FakeTeacher(), settings(), 17, tmp_path)
    assert len(seen[0]) == summary["windows"]["train"]


@pytest.mark.parametrize("copies", [1, 3])
def test_one_sound_is_an_error_for_the_user(tmp_path, copies):
    clips = [Clip(f"{n}", speechlike(32000), source=f"{n}.wav") for n in range(copies)]
    write_clips(tmp_path / "c", clips)
    with pytest.raises(UserError, match="the corpora hold 1 recording; training and validation"):
        make_targets([tmp_path / "c"], FakeTeacher(), settings(), 17, tmp_path / "t")


def test_parts_of_the_only_recording_are_held_out_by_themselves(tmp_path):
    write_clips(tmp_path / "c", [Clip(f"{n}", speechlike(9000, n), source="a") for n in range(12)])
    sides = [clip.validation for clip in choose_windows([tmp_path / "c"], settings(), 17)]
    assert 0 < sum(sides) < 12


@pytest.mark.parametrize("share", [0.5, 1e-9])
def test_validation_holds_out_recordings(tmp_path, share):
    """All parts of a file are on one side, and so are copies of a sound under other names."""
    long = [Clip(f"p{n}", speechlike(20000, n), source=f"long{n // 6}.wav") for n in range(24)]
    copies = [Clip(f"c{n}", speechlike(20000, 50 + n % 4), source=f"c{n}.wav") for n in range(16)]
    write_clips(tmp_path / "one", long)
    write_clips(tmp_path / "two", copies)
    folders = [tmp_path / "one", tmp_path / "two"]
    sides: dict[int, set[bool]] = {}
    for number, clip in enumerate(choose_windows(folders, settings(validation_share=share), 17)):
        recording = number // 6 if number < 24 else 100 + number % 4
        sides.setdefault(recording, set()).add(clip.validation)
    assert len(sides) == 8 and all(len(side) == 1 for side in sides.values())
    assert set.union(*sides.values()) == {True, False}


def test_values_beyond_float16_are_an_error_for_the_user(corpora, tmp_path):
    class Loud(FakeTeacher):
        def embed(self, clips, positions):
            for values in super().embed(clips, positions):
                yield values * np.float32(1e5)

    message = r"teacher.output: its projection reaches \d\S*, and targets are stored as float16"
    with pytest.raises(UserError, match=message):
        make_targets(corpora, Loud(), settings(), 17, tmp_path)


def test_validation_windows_that_are_all_alike_are_an_error_for_the_user(tmp_path):
    """Two clips of one window: no variance can be measured on the only one of validation."""
    write_clips(tmp_path / "c", [Clip(f"{n}", speechlike(16000, n)) for n in range(2)])
    with pytest.raises(UserError, match="the 1 validation windows are all alike to the teacher"):
        make_targets([tmp_path / "c"], FakeTeacher(), settings(), 17, tmp_path / "t")
