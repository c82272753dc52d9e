"""Labels of a corpus: which classes there are, and their cross-entropy against its definition."""

import numpy as np
import pytest
import tensorflow as tf

from frill.teacher.labels import Head, find_labels


def row(label="", speaker="", language="") -> dict:
    return {"label": label, "speaker": speaker, "language": language}


def test_every_kind_of_label_that_the_corpora_have_is_found():
    rows = [row("sad", "ann"), row("calm", "ben"), row("sad", "ann"), row("calm", "ben"), row()]
    label, speaker = find_labels(rows, ["calls"] * 5)
    assert (label.column, label.classes) == ("label", 2)
    assert (speaker.column, speaker.classes) == ("speaker", 2)
    # calm, sad: in the order of the alphabet.
    np.testing.assert_array_equal(
        label.targets(np.array([0, 1, 4])), np.array([[0, 1], [1, 0], [0, 0]], np.float32)
    )


def test_no_labels_are_no_kinds():
    assert find_labels([row(), row()], ["calls"] * 2) == []
    # A single class tells nothing apart.
    assert find_labels([row("sad"), row("sad")], ["calls"] * 2) == []


def test_several_labels_share_a_clip():
    rows = [row("speech+music"), row("speech"), row("music"), row("18+"), row("18+")]
    (label,) = find_labels(rows, ["tars"] * 5)
    # 18, music, speech
    np.testing.assert_array_equal(
        label.targets(np.arange(4)),
        np.array([[0, 0.5, 0.5], [0, 0, 1], [0, 1, 0], [1, 0, 0]], np.float32),
    )


def test_a_class_of_one_clip_is_none():
    rows = [row("a"), row("a"), row("b"), row("b"), row("once"), row("a+once")]
    (label,) = find_labels(rows, ["tars"] * 6)
    assert label.classes == 3  # once is had by two clips
    (label,) = find_labels(rows[:5], ["tars"] * 5)
    assert label.classes == 2
    assert not label.targets(np.array([4])).any()


def test_a_speaker_is_of_a_corpus_and_a_language_of_all():
    rows = [row("", "1", "de"), row("", "1", "de"), row("", "1", "fi"), row("", "1", "fi")]
    apart = find_labels(rows, ["one", "one", "two", "two"])
    assert {kind.column: kind.classes for kind in apart} == {"speaker": 2, "language": 2}
    across = find_labels(rows, ["one", "two", "one", "two"])
    assert {kind.column: kind.classes for kind in across} == {"speaker": 2, "language": 2}
    together = find_labels(rows, ["one"] * 4)
    assert [kind.column for kind in together] == ["language"]


def reference_loss(pooled, targets, weights, bias) -> float:
    losses = []
    for x, target in zip(pooled, targets, strict=True):
        logits = x @ weights + bias
        log_probabilities = logits - np.log(np.exp(logits).sum())
        if target.any():
            losses.append(-(target * log_probabilities).sum())
    return float(np.mean(losses))


def test_cross_entropy():
    rng = np.random.default_rng(0)
    pooled, weights, bias = rng.normal(size=(5, 7)), rng.normal(size=(7, 3)), rng.normal(size=3)
    targets = np.array([[1, 0, 0], [0, 0.5, 0.5], [0, 0, 0], [0, 0, 1], [0, 1, 0]])
    head = Head(7, 3)
    head.weights.assign(weights)
    head.bias.assign(bias)
    loss = head.loss(tf.constant(pooled, tf.float32), tf.constant(targets, tf.float32))
    assert float(loss) == pytest.approx(reference_loss(pooled, targets, weights, bias), rel=1e-5)


def test_a_new_head_knows_nothing_and_no_label_is_no_loss():
    pooled = tf.random.stateless_normal([4, 7], [1, 2])
    one_label = tf.one_hot([0, 1, 2, 3], 5)
    assert float(Head(7, 5).loss(pooled, one_label)) == pytest.approx(np.log(5))
    head = Head(7, 5)
    with tf.GradientTape() as tape:
        loss = head.loss(pooled, tf.zeros([4, 5]))
    assert float(loss) == 0
    assert not tape.gradient(loss, head.weights).numpy().any()
