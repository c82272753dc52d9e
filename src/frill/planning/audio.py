"""How much audio params.yaml names, before any of it is read: clips, lengths, classes of every set.

A set of which nothing is known gives None: its cells in the plan are "unknown".
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from frill.params import Audio
from frill.planning import recordings
from frill.planning.amount import COMPUTED, Amount, published


def espeak_amount(name: str, spec: Any) -> Amount | None:
    """From the request: the synthesiser's lengths are drawn evenly from a range."""
    from frill.corpora import synthetic, synthetic_tasks

    if spec.set == synthetic.DISTILLATION:
        lengths_s = _even(synthetic.DISTILLATION_S)
        hours = synthetic.DISTILLATION_HOURS if spec.hours is None else spec.hours
        return Amount(round(hours * 3600 / lengths_s.mean()), lengths_s, COMPUTED)
    lengths_s = np.array([synthetic_tasks.KEYWORD_S]) if spec.set == "keyword" else _even(synthetic_tasks.CLIP_S)
    clips = synthetic.TASK_CLIPS if spec.clips is None else spec.clips
    return Amount(clips, lengths_s, COMPUTED, len(synthetic_tasks.TASKS[spec.set][1]), speakers=True)


def _even(range_s: tuple[float, float]) -> np.ndarray:
    low, high = range_s
    return low + (high - low) * (np.arange(500) + 0.5) / 500


KINDS: dict[str, Callable[[str, Any], Amount | None]] = {
    "espeak": espeak_amount,
    "folder": recordings.folder_amount,
    "audioset": recordings.audioset_amount,
    "tfrecord": recordings.tfrecord_amount,
    "webdataset": recordings.webdataset_amount,
    "tfds": lambda name, spec: published(spec.dataset, name),
}


@dataclass(frozen=True)
class Set:
    """One set of audio. `kind` is its section of `audio`, `use` is corpus or task, `amount` None where nothing is known."""

    name: str
    kind: str
    use: str
    amount: Amount | None
    spec: Any


def sets(audio: Audio) -> Iterator[Set]:
    """Every set of params.yaml, of whatever kind."""
    for kind in type(audio).model_fields:
        section = getattr(audio, kind)
        for name, spec in section.items() if isinstance(section, dict) else ():
            amount = KINDS[kind](name, spec)
            yield Set(name, kind, spec.use, amount, spec)
