"""What a recording's embedding says of each task: linear discriminants of the task's clips.

They are fitted when the demo starts, with the strength that gives the least log loss on the
validation clips. Scoring takes their accuracy instead; a page shows shares, which are to be taken
at their word. Tasks with folds are fitted on the first fold's training clips.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import log_softmax

from frill.audio.clips import ClipStore
from frill.embed.embedder import Embedder, pool
from frill.embed.head import Head
from frill.errors import UserError
from frill.noss.embed import embed_calls
from frill.noss.evaluate import TASKS, zero_not_finite
from frill.noss.probes import RowSpace, lda
from frill.noss.splits import make_splits
from frill.params.schema import Params
from frill.progress import progress
from frill.scratch import content_hash
from frill.workers import count_workers


@dataclass(frozen=True)
class TaskProbe:
    """One task's linear discriminants.

    `weights` [r, classes] and `bias` [classes] are in the training clips' row space. Accuracy is in
    percent.
    """

    task: str
    labels: list[str]
    test_accuracy: float
    space: RowSpace
    weights: np.ndarray
    bias: np.ndarray

    def find_shares(self, embedding: np.ndarray) -> dict[str, float]:
        """Return the probability of each label for a pooled embedding [D].

        The greatest comes first; together they are 1.
        """
        row = np.array([0])
        logs = _compute_log_shares(self.space, embedding[None], row, self.weights, self.bias)
        shares = np.exp(logs[0])
        order = np.argsort(-shares, kind="stable")
        return {self.labels[index]: float(shares[index]) for index in order}


def fit(
    task: str, embeddings: np.ndarray, rows: list[dict], validation_share: float, seed: int
) -> TaskProbe:
    """Fit a task's probe to `embeddings`, float [clips, D], of the clips in its manifest's `rows`.

    Raises SplitError for a task without usable splits.
    """
    labels = sorted({row["label"] for row in rows})
    y = np.array([labels.index(row["label"]) for row in rows])
    split = make_splits(rows, validation_share, seed)[0]
    space = RowSpace(embeddings, split.train, y[split.train], len(labels))

    validation_y = y[split.validation]

    def log_loss(probe: tuple[np.ndarray, np.ndarray]) -> float:
        logs = _compute_log_shares(space, embeddings, split.validation, *probe)
        return -float(logs[np.arange(len(validation_y)), validation_y].mean())

    probes = ((weights, bias) for _, weights, bias in lda(space))
    weights, bias = min(probes, key=log_loss)
    logs = _compute_log_shares(space, embeddings, split.test, weights, bias)
    accuracy = 100 * float(np.mean(logs.argmax(axis=1) == y[split.test]))
    return TaskProbe(task, labels, accuracy, space, weights, bias)


def fit_tasks(model: Path, embedder: Embedder, params: Params) -> list[TaskProbe]:
    """Fit the probes of all tasks. Raises UserError if a task's clips are missing.

    Clips are embedded once and kept in scratch, where `evaluate` may have left them.
    """
    for task in params.tasks:
        if not (TASKS / task / "manifest.csv").exists():
            raise UserError(f"{TASKS / task}: the task's clips are not there yet; run `make repro`")
    tasks = progress(params.tasks, "probes", len(params.tasks), "task")
    return [_fit_task(task, ClipStore(TASKS / task), model, embedder, params) for task in tasks]


def _fit_task(
    task: str, store: ClipStore, model: Path, embedder: Embedder, params: Params
) -> TaskProbe:
    def embed(clips: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        with ThreadPoolExecutor(count_workers()) as threads:
            yield from threads.map(embedder.embed, clips)

    clips = embed_calls(
        embed, content_hash(model), "frill.embed.embedder", store, params.noss.pooling
    )
    embeddings, _ = zero_not_finite(clips)
    return fit(task, embeddings, list(store.rows), params.noss.validation_share, params.seed)


def _compute_log_shares(
    space: RowSpace, x: np.ndarray, rows: np.ndarray, weights: np.ndarray, bias: np.ndarray
) -> np.ndarray:
    return log_softmax(space.project(x, rows) @ weights + bias, axis=1)


class Listener:
    """A model with the probes of its tasks, as HeadListener is a head."""

    def __init__(self, embedder: Embedder, probes: list[TaskProbe], pooling: str):
        self.probes = probes
        self.embedder = embedder
        self._pooling = pooling

    def embed(self, samples: np.ndarray, sample_rate_hz: int) -> np.ndarray:
        return self.embedder.embed(samples, sample_rate_hz)

    def find_shares(self, rows: np.ndarray) -> dict[str, dict[str, float]]:
        """Return for each task the probability of each label, the greatest first.

        `rows` are a recording's embeddings, float32 [windows, D].
        """
        embedding = pool(rows, self._pooling)
        return {probe.task: probe.find_shares(embedding) for probe in self.probes}

    def list_unknown(self, tasks: dict[str, dict[str, float]]) -> list[str]:
        """Return the tasks whose answer is "unknown": probes have no threshold."""
        return []


class HeadListener:
    """A file of `frill head`: the one task is what it was made for."""

    def __init__(self, head: Head, name: str):
        self._head = head
        self._name = name

    def embed(self, samples: np.ndarray, sample_rate_hz: int) -> np.ndarray:
        """Return the probabilities of every window, float32 [windows, labels]."""
        return self._head.find_windows(samples, sample_rate_hz)

    def find_shares(self, rows: np.ndarray) -> dict[str, dict[str, float]]:
        """Return the probability of each label of a recording with these windows."""
        return {self._name: self._head.sum_up(rows)}

    def list_unknown(self, tasks: dict[str, dict[str, float]]) -> list[str]:
        return [task for task, shares in tasks.items() if not self._head.is_known(shares)]
