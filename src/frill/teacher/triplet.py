"""Training of a teacher from scratch with TRILL's objective: windows near in time are similar.

Triplet loss on L2-normalised embeddings (arXiv 2002.12764, section 2). Anchor and positive are
windows of one clip at most `positive_hops` apart. The negative is the semi-hard one among the
batch's other clips: the nearest that is farther than the positive (FaceNet, arXiv 1503.03832,
section 3.2).

Each window is augmented independently (level, spectral tilt, another window mixed in, a noise
floor). Without it the network learns each clip's noise level, which is all that two windows of one
clip share at first sight.

Where the corpora have labels, the loss has a second part: the cross-entropy of a linear classifier
for each kind of label, on layer19 averaged over time, times `label_weight`. Such a teacher is
supervised; TRILL is not. Without labels, or at weight 0, it is the triplet loss alone.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras as keras

from frill.audio.clips import ClipStore
from frill.audio.frontend import (
    HOP_SAMPLES,
    LOG_OFFSET,
    MEL_BANDS,
    WINDOW_FRAMES,
    WINDOW_HOP_FRAMES,
    count_windows,
    log_mel,
)
from frill.errors import UserError
from frill.params.schema import TeacherTraining
from frill.progress import progress
from frill.teacher import network
from frill.teacher.labels import Head, Labels, find_labels

# 11 hours of log-mel, 1 GB: more audio than a teacher of this size learns from.
MAX_FRAMES = 4_000_000


@dataclass(frozen=True)
class Clips:
    """What is trained on: `log_mels` has float32 [frames, 64] of each clip."""

    log_mels: list[np.ndarray]
    labels: list[Labels]


@dataclass(frozen=True)
class Trained:
    """A trained network, the loss of every step, and how many classes of which labels it learnt."""

    network: keras.Model
    losses: list[float]
    classes: dict[str, int]


def train(folders: list[Path], training: TeacherTraining, seed: int) -> Trained:
    """Train on the clip stores in `folders`."""
    clips = load_clips(folders, seed)
    labels = clips.labels if training.label_weight else []
    model = network.build()
    heads = [Head(network.POOLED_VALUES, kind.classes) for kind in labels]
    variables = [*model.trainable_variables]
    for head in heads:
        variables += head.trainable_variables
    schedule = keras.optimizers.schedules.CosineDecay(training.learning_rate, training.steps)
    # On a GPU Keras would compile it by XLA, which needs more of CUDA.
    optimizer = keras.optimizers.Adam(schedule, jit_compile=False)

    @tf.function
    def step(log_mels, targets, step_seed):
        with tf.GradientTape() as tape:
            outputs = model(augment(log_mels, step_seed)[..., None], training=True)
            loss = semi_hard_triplet_loss(outputs[network.EMBEDDING], training.margin)
            pooled = network.pool_over_time(outputs[network.LAYER19])
            for head, target in zip(heads, targets, strict=True):
                loss += training.label_weight * head.loss(pooled, target)
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss

    losses = []
    bar = progress(range(training.steps), "teacher", training.steps, "step")
    for index in bar:
        rng = np.random.default_rng([seed, index])
        pairs = training.batch_windows // 2
        windows, drawn = draw_pairs(clips.log_mels, pairs, training.positive_hops, rng)
        targets = [tf.constant(kind.targets(drawn)) for kind in labels]
        losses.append(float(step(tf.constant(windows), targets, tf.constant([seed, index]))))
        if not np.isfinite(losses[-1]):
            raise UserError(
                f"the teacher's loss is not finite at step {index}; lower "
                "teacher.training.learning_rate"
            )
        bar.set_postfix(loss=f"{np.mean(losses[-50:]):.3f}", refresh=False)
    return Trained(model, losses, {kind.column: kind.classes for kind in labels})


def load_clips(folders: list[Path], seed: int) -> Clips:
    """Return the clips that hold two windows or more.

    It is a seeded choice of clips where they exceed MAX_FRAMES; of a longer clip its beginning.
    """
    stores = [ClipStore(folder) for folder in folders]
    places = [(store, index) for store in stores for index in range(len(store))]
    log_mels, rows, corpora = [], [], []
    frames = 0
    for place in np.random.default_rng(seed).permutation(len(places)):
        store, index = places[place]
        samples = store.samples(index)[: MAX_FRAMES * HOP_SAMPLES]
        if count_windows(len(samples)) < 2:
            continue
        log_mels.append(log_mel(samples))
        rows.append(store.rows[index])
        corpora.append(store.folder.name)
        frames += len(log_mels[-1])
        if frames > MAX_FRAMES:
            break
    if len(log_mels) < 2:
        raise UserError(
            "the corpora hold fewer than two clips of 1.2 s or more: a teacher cannot be trained "
            "from them"
        )
    return Clips(log_mels, find_labels(rows, corpora))


def draw_pairs(
    clips: list[np.ndarray], pairs: int, positive_hops: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return windows float32 [2 pairs, 96, 64] and the clip of each, int [2 pairs].

    Windows 2i and 2i + 1 are of one clip. No clip is drawn twice if there are enough.
    """
    batch = np.empty((2 * pairs, WINDOW_FRAMES, MEL_BANDS), np.float32)
    drawn = rng.choice(len(clips), pairs, replace=len(clips) < pairs)
    for pair, clip in enumerate(drawn):
        last = len(clips[clip]) - WINDOW_FRAMES
        anchor = rng.integers(last + 1)
        reach = positive_hops * WINDOW_HOP_FRAMES
        positive = rng.integers(max(0, anchor - reach), min(last, anchor + reach) + 1)
        for row, start in ((2 * pair, anchor), (2 * pair + 1, positive)):
            batch[row] = clips[clip][start : start + WINDOW_FRAMES]
    return batch, np.repeat(drawn, 2)


def augment(log_mels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Return windows [B, 96, 64] under recording conditions of their own; `seed` is int [2]."""
    seeds = tf.unstack(tf.random.split(seed, 8))
    batch = tf.shape(log_mels)[0]

    def uniform(index, low, high):
        return tf.random.stateless_uniform([batch, 1, 1], seeds[index], low, high)

    def tilt(index, most_db):
        """Return a straight spectral slope [B, 1, 64] in dB, from the lowest band up."""
        return uniform(index, -most_db, most_db) * tf.linspace(-0.5, 0.5, MEL_BANDS)

    mel = tf.exp(log_mels) - LOG_OFFSET
    # Windows of other clips, 0 to 30 dB below; half of the windows get none.
    pairs = 1 + tf.random.stateless_uniform([], seeds[0], 0, batch // 2 - 1, tf.int32)
    other = tf.roll(mel, 2 * pairs, axis=0)
    mixed = tf.cast(uniform(1, 0.0, 1.0) < 0.5, tf.float32) * _db(uniform(2, -30.0, 0.0))
    mel += mixed * other
    mel *= _db(uniform(3, -12.0, 12.0) + tilt(4, 6.0))
    # A noise floor 5 to 45 dB below the window's mean level, of a colour of its own, rippling as
    # noise does.
    level = tf.reduce_mean(mel, axis=[1, 2], keepdims=True)
    ripple = tf.abs(tf.random.stateless_normal(tf.shape(mel), seeds[6], 1.0, 0.3))
    mel += _db(uniform(7, -45.0, -5.0) + tilt(5, 10.0)) * level * ripple
    return tf.math.log(tf.maximum(mel, 0.0) + LOG_OFFSET)


def _db(decibel):
    return 10.0 ** (decibel / 20.0)


def semi_hard_triplet_loss(embedding: tf.Tensor, margin: float) -> tf.Tensor:
    """Return the mean hinge over all anchors.

    `embedding` is float [B, E] of unit length; rows 2i and 2i + 1 are a pair.
    """
    batch = tf.shape(embedding)[0]
    cosine = tf.matmul(embedding, embedding, transpose_b=True)
    distance = 2.0 - 2.0 * cosine  # squared Euclidean [B, B]
    rows = tf.range(batch)
    partner = tf.bitwise.bitwise_xor(rows, 1)
    positive = tf.gather_nd(distance, tf.stack([rows, partner], axis=1))[:, None]
    same = tf.equal(rows[:, None] // 2, rows[None, :] // 2)
    semi_hard = tf.logical_and(~same, distance > positive)
    nearest_semi_hard = tf.reduce_min(tf.where(semi_hard, distance, 4.0), axis=1)
    # Where every negative is nearer than the positive it is the farthest.
    farthest = tf.reduce_max(tf.where(same, 0.0, distance), axis=1)
    negative = tf.where(tf.reduce_any(semi_hard, axis=1), nearest_semi_hard, farthest)
    return tf.reduce_mean(tf.maximum(positive[:, 0] - negative + margin, 0.0))
