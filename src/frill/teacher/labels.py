"""What the corpora say of their clips, as classes that a teacher can learn to tell apart.

Each of COLUMNS of the manifests is a kind of label of its own. A clip may have none of a kind, and
several of the kind `label`, joined by + as AudioSet's are.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

COLUMNS = ("label", "speaker", "language")
LEAST_CLIPS = 2  # of a class: one that a single clip has only names that clip


@dataclass(frozen=True)
class Labels:
    """The labels of one kind: `column` of the manifests.

    `of_clips` has an array of class numbers below `classes` for each clip, empty where it has none.
    """

    column: str
    classes: int
    of_clips: list[np.ndarray]

    def targets(self, clips: np.ndarray) -> np.ndarray:
        """Return float32 [clips, classes]: 1 shared equally by a clip's classes, or only zeros."""
        targets = np.zeros((len(clips), self.classes), np.float32)
        for row, clip in enumerate(clips):
            numbers = self.of_clips[clip]
            targets[row, numbers] = 1 / max(1, len(numbers))
        return targets


def find_labels(rows: Sequence[dict], corpora: Sequence[str]) -> list[Labels]:
    """Return the labels of each kind with two classes or more; none where nothing is labelled.

    `rows` are the manifests' lines of the clips, `corpora` [clips] the names of their corpora.
    The same label or language means the same in all corpora. A speaker does not: people of two
    corpora may go by the same number.
    """
    found = []
    for column in COLUMNS:
        names = []
        for row, corpus in zip(rows, corpora, strict=True):
            values = row[column].split("+") if column == "label" else [row[column]]
            prefix = f"{corpus}/" if column == "speaker" else ""
            names.append({prefix + value for value in values if value})
        clips = Counter(name for of_clip in names for name in of_clip)
        common = sorted(name for name, count in clips.items() if count >= LEAST_CLIPS)
        numbers = {name: number for number, name in enumerate(common)}
        of_clips = []
        for of_clip in names:
            known = sorted(numbers[name] for name in of_clip if name in numbers)
            of_clips.append(np.array(known, int))
        if len(common) >= 2:
            found.append(Labels(column, len(common), of_clips))
    return found


class Head(tf.Module):
    """A linear classifier of a kind of labels, which starts at 0 and is not kept."""

    def __init__(self, values: int, classes: int):
        super().__init__()
        self.weights = tf.Variable(tf.zeros([values, classes]))
        self.bias = tf.Variable(tf.zeros([classes]))

    def loss(self, pooled: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        """Return the mean cross-entropy of the windows that have a label, 0 where none has.

        `pooled` is float [windows, values], `targets` float [windows, classes] as Labels gives it.
        """
        logits = tf.matmul(pooled, self.weights) + self.bias
        entropy = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
        labelled = tf.reduce_sum(targets)
        return tf.reduce_sum(entropy) / tf.maximum(labelled, 1.0)
