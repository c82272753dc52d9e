"""TRILL's objective against a reference with plain loops, and what a batch holds."""

import numpy as np
import pytest
import tensorflow as tf
from examples import speechlike, write_clips

from frill.audio import frontend
from frill.audio.clips import Clip
from frill.errors import UserError
from frill.params.schema import TeacherTraining
from frill.teacher import network, triplet


def reference_loss(embedding: np.ndarray, margin: float) -> float:
    losses = []
    for anchor, a in enumerate(embedding):
        positive = np.sum((a - embedding[anchor ^ 1]) ** 2)
        others = np.delete(embedding, [anchor, anchor ^ 1], axis=0)
        negatives = np.sum((a - others) ** 2, axis=1)
        farther = negatives[negatives > positive]
        negative = min(farther) if len(farther) else max(negatives)
        losses.append(max(0.0, positive - negative + margin))
    return float(np.mean(losses))


# From all negatives farther than the positive to none.
@pytest.mark.parametrize("spread", [0.05, 0.5, 3.0])
@pytest.mark.parametrize("margin", [0.5, 1.0])
def test_semi_hard_triplet_loss(spread, margin):
    rng = np.random.default_rng(0)
    embedding = np.repeat(rng.normal(size=(8, 6)), 2, axis=0) + spread * rng.normal(size=(16, 6))
    embedding = (embedding / np.linalg.norm(embedding, axis=1, keepdims=True)).astype(np.float32)
    expected = reference_loss(embedding.astype(np.float64), margin)
    assert expected > 0
    loss = float(triplet.semi_hard_triplet_loss(tf.constant(embedding), margin))
    assert loss == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_the_loss_where_it_is_known():
    x, y = [1.0, 0.0], [0.0, 1.0]
    apart = triplet.semi_hard_triplet_loss(tf.constant([x, x, y, y]), 0.2)
    assert float(apart) == 0  # positives at 0, negatives at 2
    together = triplet.semi_hard_triplet_loss(tf.constant([x, x, x, x]), 0.2)
    assert float(together) == pytest.approx(0.2)  # all at 0


def numbered_clips(lengths) -> list[np.ndarray]:
    """Return log-mels whose every value says clip and frame."""
    clips = []
    for clip, frames in enumerate(lengths):
        numbers = 10000.0 * clip + np.arange(frames, dtype=np.float32)
        clips.append(np.tile(numbers[:, None], 64))
    return clips


@pytest.mark.parametrize("hops", [1, 5])
def test_pairs_are_near_windows_of_one_clip(hops):
    clips = numbered_clips([113, 200, 500, 300, 1000, 150])
    distances = []
    for seed in range(200):
        batch, drawn = triplet.draw_pairs(clips, 4, hops, np.random.default_rng(seed))
        assert batch.shape == (8, 96, 64) and batch.dtype == np.float32
        clip, frame = np.divmod(batch[:, :, 0], 10000)
        np.testing.assert_array_equal(drawn, clip[:, 0])
        assert (clip == clip[:, :1]).all() and (np.diff(frame, axis=1) == 1).all()
        assert (clip[::2, 0] == clip[1::2, 0]).all() and len(set(clip[::2, 0])) == 4
        distances += list(frame[1::2, 0] - frame[::2, 0])
    assert np.abs(distances).max() <= 17 * hops and np.abs(distances).max() > 0.8 * 17 * hops
    assert min(distances) < 0 < max(distances)


def test_few_clips_are_drawn_more_than_once_and_a_draw_is_its_seeds():
    clips = numbered_clips([200, 300])
    rngs = [np.random.default_rng([17, seed]) for seed in (1, 1, 2)]
    one, two, other = (triplet.draw_pairs(clips, 8, 3, rng)[0] for rng in rngs)
    np.testing.assert_array_equal(one, two)
    assert len(one) == 16 and (one != other).any()


def test_windows_are_augmented_independently():
    window = frontend.windows(speechlike(16000))
    batch = tf.constant(np.repeat(window, 8, axis=0))
    seeds = [tf.constant([17, seed]) for seed in (1, 1, 2)]
    one, two, other = (triplet.augment(batch, seed).numpy() for seed in seeds)
    assert one.shape == (8, 96, 64)
    assert np.isfinite(one).all() and one.min() >= np.log(0.001) - 1e-5
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - other).max() > 0.1
    differences = [np.abs(one[i] - one[j]).mean() for i in range(8) for j in range(i)]
    assert min(differences) > 0.05
    # What a window says survives: its pattern over time in the louder bands.
    pattern = window[0].mean(axis=1)
    correlations = [np.corrcoef(row.mean(axis=1), pattern)[0, 1] for row in one]
    assert np.mean(correlations) > 0.5


def test_augment_mixes_in_other_clips_only():
    """Row 0 is loud: rolled by whole pairs, it is heard in even rows, never in its partner."""
    log_mels = np.full((8, 96, 64), np.log(0.001), np.float32)
    log_mels[0] = 3.0  # row 1 is its partner and silent
    heard = np.zeros(8, int)
    for seed in range(60):
        augmented = triplet.augment(tf.constant(log_mels), tf.constant([seed, 0])).numpy()
        heard += augmented.max(axis=(1, 2)) > -3
    assert heard[0] == 60 and heard[1] == 0 and heard[2::2].sum() > 10 and heard[3::2].sum() == 0


def test_clips_too_short_for_two_windows_are_left_out(tmp_path):
    lengths = (16000, 18319, 18320, 34000, 60000)
    clips = [Clip(f"c{i}", speechlike(samples, i)) for i, samples in enumerate(lengths)]
    write_clips(tmp_path, clips)
    clips = triplet.load_clips([tmp_path], 17)
    frames = sorted(len(log_mel) for log_mel in clips.log_mels)
    assert frames == [113, 211, 373]
    write_clips(tmp_path / "short", (Clip(f"c{i}", speechlike(16000, i)) for i in range(3)))
    with pytest.raises(UserError, match="fewer than two clips"):
        triplet.load_clips([tmp_path / "short"], 17)


def test_of_a_clip_beyond_the_limit_its_beginning_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(triplet, "MAX_FRAMES", 300)
    long, short = speechlike(80000, 0), speechlike(40000, 1)
    write_clips(tmp_path / "speech", [Clip("long", long), Clip("short", short)])
    kept = triplet.load_clips([tmp_path / "speech"], 17).log_mels
    whole = {298: frontend.log_mel(long)[:298], 248: frontend.log_mel(short)}  # 3 s, and 2.5
    assert sorted(map(len, kept)) == sorted(whole)
    for frames in kept:
        np.testing.assert_array_equal(frames, whole[len(frames)])


def test_a_clip_keeps_its_labels(tmp_path):
    """Two corpora, read in a drawn order: long clips are `long`, shorter ones `short`."""
    for corpus in ("a", "b"):
        clips = []
        for i in range(6):
            label, samples = ("long", 60000) if i % 2 else ("short", 34000)
            clips.append(Clip(f"c{i}", speechlike(samples, i), label, language=f"of {corpus}"))
        write_clips(tmp_path / corpus, clips)
    clips = triplet.load_clips([tmp_path / "a", tmp_path / "b"], 17)
    label, language = clips.labels
    assert (label.column, language.column) == ("label", "language")
    targets = label.targets(np.arange(12))  # long, short
    is_long = [len(log_mel) == 373 for log_mel in clips.log_mels]
    np.testing.assert_array_equal(targets[:, 0], is_long)
    np.testing.assert_array_equal(targets.sum(axis=1), 1)
    assert language.targets(np.arange(12)).sum(axis=0).tolist() == [6, 6]


def test_layer19_is_pooled_over_time():
    """A window's 12,288 values are 6 times of 4 bands of 512 channels."""
    layer19 = np.random.default_rng(0).normal(size=(2, 6, 4, 512)).astype(np.float32)
    pooled = network.pool_over_time(tf.constant(layer19.reshape(2, -1))).numpy()
    np.testing.assert_allclose(pooled, layer19.mean(axis=1).reshape(2, -1), atol=1e-6)
    assert pooled.shape[1] == network.POOLED_VALUES


TRAINING = TeacherTraining(
    steps=25,
    batch_windows=16,
    learning_rate=1e-3,
    margin=0.2,
    positive_hops=4,
    label_weight=1,
)


def train(folder, **changes) -> triplet.Trained:
    tf.keras.utils.set_random_seed(17)
    return triplet.train([folder], TRAINING.model_copy(update=changes), 17)


def assert_equal(one: triplet.Trained, other: triplet.Trained):
    assert one.losses == other.losses
    weights = [trained.network.get_weights() for trained in (one, other)]
    for one_weight, other_weight in zip(*weights, strict=True):
        np.testing.assert_array_equal(one_weight, other_weight)


def test_without_labels_or_weight_it_is_the_triplet_alone(tmp_path):
    for corpus, label in (("labelled", "ab"), ("plain", ["", ""])):
        clips = [Clip(f"c{i}", speechlike(48000, i), label[i % 2]) for i in range(12)]
        write_clips(tmp_path / corpus, clips)
    plain = train(tmp_path / "plain", steps=2)
    assert plain.classes == {}
    assert_equal(train(tmp_path / "labelled", steps=2, label_weight=0), plain)
    labelled = train(tmp_path / "labelled", steps=2)
    assert labelled.classes == {"label": 2}
    # Heads start at 0: the first step's loss is the triplet's and ln 2.
    assert labelled.losses[0] == pytest.approx(plain.losses[0] + np.log(2), rel=1e-5)


@pytest.mark.slow
def test_training_lowers_the_loss_and_repeats(tmp_path):
    clips = [Clip(f"c{i}", speechlike(48000, i), "ab"[i % 2], f"{i % 3}") for i in range(12)]
    write_clips(tmp_path, clips)
    trained, again = (train(tmp_path) for _ in range(2))
    assert_equal(trained, again)
    assert trained.classes == {"label": 2, "speaker": 3}
    assert np.mean(trained.losses[-5:]) < np.mean(trained.losses[:5])
    assert set(trained.network.output) == {network.LAYER19, network.EMBEDDING}
