"""What a recording's embedding says of each task: linear discriminants fitted on the task's clips when the demo starts.

The strength is chosen by the log loss of the validation clips, not by their accuracy as in scoring: a page shows shares, which are to be taken at
their word. Tasks with folds are fitted on the first fold's training clips.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import log_softmax

from frill.audio.clips import ClipStore
from frill.embed.embedder import Embedder, pool
from frill.errors import UserError
from frill.noss.embed import embed_calls
from frill.noss.evaluate import TASKS, finite
from frill.noss.probes import RowSpace, lda
from frill.noss.splits import splits
from frill.params.schema import Params
from frill.progress import progress
from frill.scratch import content_hash


@dataclass(frozen=True)
class TaskProbe:
    """One task's linear discriminants: `weights` [r, classes] and `bias` [classes] in the training clips' row space. Accuracy in percent."""

    task: str
    labels: list[str]
    test_accuracy: float
    space: RowSpace
    weights: np.ndarray
    bias: np.ndarray

    def shares(self, embedding: np.ndarray) -> dict[str, float]:
        """Pooled embedding [D] -> probability of each label, the greatest first; together 1."""
        values = np.exp(
            _log_shares(self.space, embedding[None], np.array([0]), self.weights, self.bias)[0]
        )
        return {
            self.labels[index]: float(values[index]) for index in np.argsort(-values, kind="stable")
        }


def fit(
    task: str, embeddings: np.ndarray, rows: list[dict], validation_share: float, seed: int
) -> TaskProbe:
    """`embeddings` float [clips, D] and the task's manifest -> its probe. Raises SplitError for a task without usable splits."""
    labels = sorted({row["label"] for row in rows})
    y = np.array([labels.index(row["label"]) for row in rows])
    split = splits(rows, validation_share, seed)[0]
    space = RowSpace(embeddings, split.train, y[split.train], len(labels))

    def loss(weights: np.ndarray, bias: np.ndarray) -> float:
        chosen = _log_shares(space, embeddings, split.validation, weights, bias)[
            np.arange(len(split.validation)), y[split.validation]
        ]
        return -float(chosen.mean())

    weights, bias = min(
        ((weights, bias) for _, weights, bias in lda(space)), key=lambda probe: loss(*probe)
    )
    predicted = _log_shares(space, embeddings, split.test, weights, bias).argmax(axis=1)
    return TaskProbe(
        task, labels, 100 * float(np.mean(predicted == y[split.test])), space, weights, bias
    )


def fit_tasks(model: Path, embedder: Embedder, params: Params) -> list[TaskProbe]:
    """The probes of all tasks; clips are embedded once and kept in scratch, where `evaluate` may have left them. Raises UserError."""
    if missing := [task for task in params.tasks if not (TASKS / task / "manifest.csv").exists()]:
        raise UserError(
            f"{TASKS / missing[0]}: the task's clips are not there yet; run `make repro`"
        )
    tasks = progress(params.tasks, "probes", len(params.tasks), "task")
    return [_fit_task(task, ClipStore(TASKS / task), model, embedder, params) for task in tasks]


def _fit_task(
    task: str, store: ClipStore, model: Path, embedder: Embedder, params: Params
) -> TaskProbe:
    def embed(clips: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        with ThreadPoolExecutor(params.threads) as threads:
            yield from threads.map(embedder.embed, clips)

    embeddings, _ = finite(embed_calls(embed, content_hash(model), store, params.noss.pooling))
    return fit(task, embeddings, list(store.rows), params.noss.validation_share, params.seed)


def _log_shares(
    space: RowSpace, x: np.ndarray, rows: np.ndarray, weights: np.ndarray, bias: np.ndarray
) -> np.ndarray:
    return log_softmax(space.project(x, rows) @ weights + bias, axis=1)


class Listener:
    """A model with the probes of its tasks."""

    def __init__(self, embedder: Embedder, probes: list[TaskProbe], pooling: str):
        self.probes = probes
        self._embedder, self._pooling = embedder, pooling

    def embed(self, samples: np.ndarray, sample_rate_hz: int) -> np.ndarray:
        """As Embedder.embed: float32 [samples] -> float32 [windows, D]."""
        return self._embedder.embed(samples, sample_rate_hz)

    def shares(self, rows: np.ndarray) -> dict[str, dict[str, float]]:
        """float32 [windows, D] of a recording -> by task the probability of each label, the greatest first."""
        embedding = pool(rows, self._pooling)
        return {probe.task: probe.shares(embedding) for probe in self.probes}
