"""How much audio params.yaml names, from its values, lists, headers and published figures."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from frill.audio import frontend
from frill.audio.clips import Clip
from frill.audio.files import AudioError
from frill.audio.waveform import SAMPLE_RATE_HZ
from frill.corpora import audioset, tfrecord, webdataset
from frill.corpora.archive_members import BLOCK
from frill.corpora.shards import find_archives
from frill.params.audio import Audio
from frill.workflow.overlay import UNSET

SAMPLE = 200  # files that are looked at; the others are taken to be like them
FIRST = 30  # items of an archive that are decoded
PUBLISHED_BASIS = "published"
# Clips and mean seconds: of FRILL's model card (AudioSet), ESC-50's README, TFDS's catalogue. The
# counts of VoxForge and the mask corpus and most lengths are estimates after the papers
# (arXiv 2002.12764, 1706.08612; ComParE 2020): good for a plan, not to be quoted.
PUBLISHED = {
    "audioset": (900_000, 10.0),
    "voxceleb": (134_000 + 6_670 + 7_972, 8.2),  # the whole identification split
    "voxforge": (176_438, 5.8),
    "speech_commands": (85_511 + 10_102 + 4_890, 1.0),
    "crema_d": (5_144 + 738 + 1_556, 2.5),
    "savee": (480, 3.8),
    "compare_mask": (10_895 + 14_647 + 11_012, 1.0),
    "esc50_human": (400, 5.0),
}


@dataclass(frozen=True)
class Set:
    """A set's number of clips, a sample of their lengths [any number], and who says so.

    `kind` is its section of `audio`. An unknown number is NaN, as is all that follows from it.
    """

    name: str
    kind: str
    use: str
    clips: float = np.nan
    lengths_s: Sequence[float] = (1.0,)
    basis: str = ""

    @property
    def seconds(self) -> float:
        return self.clips * float(np.mean(self.lengths_s))

    def count_windows(self, most: float = np.inf) -> float:
        """Return the windows of all clips, with `most` of one clip at most."""
        samples = np.round(np.multiply(self.lengths_s, SAMPLE_RATE_HZ)).astype(int)
        counts = np.array([frontend.count_windows(int(length)) for length in samples])
        return self.clips * float(np.mean(np.minimum(counts, most)))


def find_sets(audio: Audio) -> Iterator[Set]:
    """Yield every set of params.yaml. Raises UserError for a folder or list that is not there."""
    for kind, name, spec in audio.walk_sets():
        yield Set(name, kind, spec.use, *_estimate(kind, name, spec))


def _estimate(kind: str, name: str, spec: Any) -> tuple:
    """Return clips, lengths and basis; nothing where nothing is known."""
    if kind == "espeak":
        return *_plan_speech(spec), "computed"
    places = [getattr(spec, key, "") for key in ("folder", "csv", "ontology")]
    if kind == "tfds" or UNSET in "".join(places):  # a preset's $NAME that is not set
        keys = (getattr(spec, "dataset", "").partition("/")[0], name, kind)  # / begins a variant
        match = next((PUBLISHED[key] for key in keys if key in PUBLISHED), None)
        return (match[0], match[1:], PUBLISHED_BASIS) if match else ()
    look = _look_at_files if kind in ("folder", "files", "audioset") else _look_at_archives
    count, lengths_s = look(kind, name, spec)
    known_s = [length_s for length_s in lengths_s if length_s is not None]
    return (count * (len(known_s) / len(lengths_s)), known_s, "measured") if known_s else ()


def _plan_speech(spec: Any) -> tuple[float, Sequence[float]]:
    """Return what is asked for; the synthesiser draws most lengths evenly from a range."""
    from frill.corpora.synthetic import sets, tasks

    if spec.set == sets.DISTILLATION:
        lengths_s = np.linspace(*sets.DISTILLATION_S, 1001)
        hours = spec.hours or sets.DISTILLATION_HOURS
        return round(hours * 3600 / lengths_s.mean()), lengths_s
    is_keyword = spec.set == "keyword"
    lengths_s = [tasks.KEYWORD_S] if is_keyword else np.linspace(*tasks.CLIP_S, 1001)
    return spec.clips or sets.TASK_CLIPS, lengths_s


def _look_at_files(kind: str, name: str, spec: Any) -> tuple[int, list[float | None]]:
    """Return how many files are listed, and the seconds of some of them; None: unusable."""
    rows = list(import_module(f"frill.corpora.{kind}").read_rows(name, spec))
    picked = np.unique(np.linspace(0, len(rows) - 1, SAMPLE).astype(int))
    return len(rows), [_find_length(kind, spec, rows[i]) for i in picked]


def _find_length(kind: str, spec: Any, row: dict) -> float | None:
    """Return the seconds of what a row names, by the row if it has an end, or by a header."""
    with suppress(AudioError, soundfile.LibsndfileError, OSError, TypeError, ValueError):
        if kind == "audioset":
            audioset.find_clip(spec, row)  # raises where there is no file
            return float(row["end_s"]) - float(row["start_s"])
        rest_s = soundfile.info(Path(spec.folder, row["file"])).duration - (row["start_s"] or 0.0)
        length_s = min(rest_s, row["duration_s"] or np.inf)
        return length_s if length_s > 0 else None
    return None


def _look_at_archives(kind: str, name: str, spec: Any) -> tuple[float, list[float | None]]:
    """Return about how many items there are by their bytes, and the seconds of the first."""
    paths = [path for path, _ in find_archives(kind, name, spec)]
    item_bytes = np.mean(_weigh_items(kind, paths[0]) or [np.nan])
    lengths_s: list[float | None] = []
    reads = import_module(f"frill.corpora.{kind}").prepare_reads(name, spec)
    for read in islice(reads, FIRST):
        item = read()
        is_clip = isinstance(item, Clip)
        lengths_s.append(len(item.samples) / SAMPLE_RATE_HZ if is_clip else None)
    return sum(path.stat().st_size for path in paths) / item_bytes, lengths_s


def _weigh_items(kind: str, path: Path) -> list[int]:
    """Return what the first items take; nothing of a compressed TFRecord, which holds more."""
    taken = []
    if kind == "webdataset":
        for _, parts, _ in islice(webdataset.read_samples(path), FIRST):  # headers and whole blocks
            taken.append(sum(BLOCK * (1 + -(-len(part) // BLOCK)) for part in parts.values()))
        return taken
    import tensorflow as tf

    with suppress(tf.errors.OpError):
        for record in tf.data.TFRecordDataset(str(path)).take(FIRST).as_numpy_iterator():
            taken.append(tfrecord.AROUND_BYTES + len(record))
    return taken
