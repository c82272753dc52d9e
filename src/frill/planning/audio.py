"""How much audio params.yaml names, before any of it is read: clips, lengths, classes of every set.

A section of `audio` that KINDS does not know, or a set of which nothing is known, gives None: its cells in the plan are "unknown".
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from frill import frontend
from frill.audio import SAMPLE_RATE_HZ
from frill.corpora import folder
from frill.params import Audio
from frill.teacher.parts import spans

COMPUTED, MEASURED, PUBLISHED = "computed", "measured", "published"
HEADERS = 200  # files whose headers are read; the others are taken to be as long


@dataclass(frozen=True)
class Amount:
    """A set's audio: `clips` in number, whose lengths are distributed as `lengths_s` [any number], in seconds.

    `classes` and `folds` are a task's (0 folds: a split), `speakers` whether its clips have them. `basis` says where the numbers come from.
    """

    clips: int
    lengths_s: np.ndarray
    basis: str
    classes: int = 0
    folds: int = 0
    speakers: bool = False

    @property
    def seconds(self) -> float:
        return self.clips * float(np.mean(self.lengths_s))

    def windows(self, most: int | None = None) -> int:
        """Windows of all clips, `most` of one clip at most."""
        counts = np.array([frontend.window_count(round(length * SAMPLE_RATE_HZ)) for length in self.lengths_s])
        return round(self.clips * float(np.mean(counts if most is None else np.minimum(counts, most))))

    def heard(self, most: int) -> int:
        """Windows of the crops that a teacher is called with for `most` random windows a clip, from a draw."""
        rng, draws = np.random.default_rng(0), max(1, 500 // len(self.lengths_s))
        heard = []
        for length_s in np.repeat(self.lengths_s, draws):
            count = frontend.window_count(round(length_s * SAMPLE_RATE_HZ))
            positions = np.sort(rng.choice(count, min(count, most), replace=False))
            heard.append(sum(int(span[-1] - span[0]) + 1 for span in spans(positions)))
        return round(self.clips * float(np.mean(heard)))

    def frames(self) -> int:
        """Log-mel frames of all clips, each padded to 1 s where it is shorter."""
        samples = np.maximum(np.round(self.lengths_s * SAMPLE_RATE_HZ), frontend.MIN_SAMPLES)
        return round(self.clips * float(np.mean((samples - frontend.FRAME_SAMPLES) // frontend.HOP_SAMPLES + 1)))


def _published(clips: int, length_s: float, classes: int = 0, folds: int = 0, speakers: bool = False) -> Amount:
    return Amount(clips, np.array([length_s]), PUBLISHED, classes, folds, speakers)


# Clips, mean seconds. Counts are TFDS's catalogue where it has them; lengths and VoxForge's count are table 1 of arXiv 2002.12764 (NOSS).
_VOXCELEB = _published(134_000 + 6_670 + 7_972, 8.2, 1252)  # the whole identification split; mean length: arXiv 1706.08612, table 1
_MASK = _published(10_895 + 14_647 + 11_012, 1.0, 2)  # ComParE 2020's mask sub-challenge cuts its 10 hours into pieces of 1 s
PUBLISHED_SETS = {
    "audioset": _published(900_000, 10.0),  # "about 900 K clips": model card of tfhub.dev/google/nonsemantic-speech-benchmark/frill/1
    "voxceleb": _VOXCELEB,
    "voxforge": _published(176_438, 5.8, 6, speakers=True),
    "speech_commands": _published(85_511 + 10_102 + 4_890, 1.0, 12),
    "crema_d": _published(5_144 + 738 + 1_556, 2.5, 6, speakers=True),
    "savee": _published(480, 3.8, 7, speakers=True),
    "compare_mask": _MASK,
    "esc50_human": _published(400, 5.0, 10, folds=5),  # 10 classes x 40 clips: README of karolpiczak/ESC-50
}
PUBLISHED_SETS |= {"audioset_speech": PUBLISHED_SETS["audioset"], "voxceleb1": _VOXCELEB, "masked_speech": _MASK}


def published(*names: str) -> Amount | None:
    """The first of these names that has published figures; a part after / is a variant of the set."""
    return next((PUBLISHED_SETS[key] for name in names if (key := name.partition("/")[0]) in PUBLISHED_SETS), None)


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


def folder_amount(name: str, spec: Any) -> Amount | None:
    """From the CSV and the headers of at most HEADERS of its files. Raises UserError where the folder or the CSV is not as params.yaml says."""
    if "$" in spec.folder + spec.csv:
        return published(name)
    rows = list(folder.rows(name, spec))
    sample = [rows[i] for i in np.unique(np.linspace(0, len(rows) - 1, HEADERS).astype(int))]
    found_s = [length_s for row in sample if (length_s := _length_s(Path(spec.folder, row["file"]), row)) is not None]
    if not found_s:
        return None
    speakers = all(row["speaker"] for row in rows)
    counts = (len({row[key] for row in rows} - {""}) for key in ("label", "fold"))
    return Amount(round(len(rows) * len(found_s) / len(sample)), np.array(found_s), MEASURED, *counts, speakers)


def _length_s(path: Path, row: dict) -> float | None:
    """Of the part of the file that the row names; None for a file that cannot be read."""
    try:
        whole_s = soundfile.info(path).duration
    except (soundfile.LibsndfileError, OSError, TypeError, ValueError):
        return None
    rest_s = whole_s - (row["start_s"] or 0.0)
    length_s = rest_s if row["duration_s"] is None else min(rest_s, row["duration_s"])
    return length_s if length_s > 0 else None


KINDS: dict[str, Callable[[str, Any], Amount | None]] = {
    "espeak": espeak_amount,
    "folder": folder_amount,
    "audioset": lambda name, spec: published(name, "audioset"),
    "tfds": lambda name, spec: published(getattr(spec, "dataset", ""), name),
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
            amount = KINDS.get(kind, lambda name, spec: published(name))(name, spec)
            yield Set(name, kind, spec.use, amount, spec)
