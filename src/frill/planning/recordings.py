"""How much audio lies on this disk, from lists, headers and the first items of archives: what takes seconds, however large a set is."""

import struct
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import soundfile

from frill.audio import SAMPLE_RATE_HZ
from frill.audio_files import AudioError
from frill.clips import Clip
from frill.corpora import audioset, folder, tfrecord, webdataset
from frill.corpora.archives import archives
from frill.corpora.members import BLOCK
from frill.params import AudiosetSet, FolderSet, TfrecordSet, WebdatasetSet
from frill.planning.amount import MEASURED, Amount, published

SAMPLE = 200  # files that are looked at; the others are taken to be like them
FIRST = 30  # items of an archive that are decoded


def folder_amount(name: str, spec: FolderSet) -> Amount | None:
    """From the CSV and the headers of at most SAMPLE of its files. Raises UserError where the folder or the CSV is not as params.yaml says."""
    if "$" in spec.folder + spec.csv:
        return published(name)
    rows = list(folder.rows(name, spec))
    sample = [rows[i] for i in np.unique(np.linspace(0, len(rows) - 1, SAMPLE).astype(int))]
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


def audioset_amount(name: str, spec: AudiosetSet) -> Amount | None:
    """From the CSV's segments, and how many of SAMPLE of them are there. Raises UserError where the CSV is not as params.yaml says."""
    if "$" in spec.folder + spec.csv + spec.ontology:
        return published(name, "audioset")
    rows = list(audioset.rows(name, spec))
    sample = [rows[i] for i in np.unique(np.linspace(0, len(rows) - 1, SAMPLE).astype(int))]
    found = [row for row in sample if _is_there(spec, row)]
    if not found:
        return None
    lengths_s = np.array([float(row["end_s"]) - float(row["start_s"]) for row in found])
    return Amount(round(len(rows) * len(found) / len(sample)), lengths_s, MEASURED)


def _is_there(spec: AudiosetSet, row: dict) -> bool:
    try:
        return audioset.find(spec, row).is_file()
    except AudioError:
        return False


def tfrecord_amount(name: str, spec: TfrecordSet) -> Amount | None:
    """From the size of all files, and of the first one's first records; None where they are compressed."""
    return _archived("tfrecord", name, spec, tfrecord, _record_bytes)


def webdataset_amount(name: str, spec: WebdatasetSet) -> Amount | None:
    """From the size of all archives, and of the first one's first samples."""
    return _archived("webdataset", name, spec, webdataset, _sample_bytes)


def _archived(kind: str, name: str, spec: TfrecordSet | WebdatasetSet, loader, sizes) -> Amount | None:
    if "$" in spec.folder:
        return published(name)
    paths = [path for path, _ in archives(kind, name, spec)]
    item_bytes = list(islice(sizes(paths[0]), FIRST))
    items = list(islice(loader.clips(name, spec), FIRST))
    clips = [item for item in items if isinstance(item, Clip)]
    if not clips or not item_bytes:
        return None
    count = sum(path.stat().st_size for path in paths) / np.mean(item_bytes) * len(clips) / len(items)
    lengths_s = np.array([len(clip.samples) / SAMPLE_RATE_HZ for clip in clips])
    labels, folds = ({getattr(clip, key) for clip in clips} - {""} for key in ("label", "fold"))
    return Amount(round(count), lengths_s, MEASURED, len(spec.labels or labels), len(folds), all(clip.speaker for clip in clips))


def _record_bytes(path: Path) -> Iterator[int]:
    """What each record takes; nothing for a compressed file, which holds more than its size."""
    position, end = 0, path.stat().st_size
    with open(path, "rb") as file:
        compressed = file.read(2) == tfrecord.GZIP
        while position < end and not compressed:
            file.seek(position)
            taken = tfrecord.AROUND_BYTES + struct.unpack("<Q", file.read(8))[0]
            yield taken
            position += taken


def _sample_bytes(path: Path) -> Iterator[int]:
    """What each sample takes in a tar: of every member a header and whole blocks."""
    for _, parts, _ in webdataset.samples(path):
        yield sum(BLOCK + -(-len(content) // BLOCK) * BLOCK for content in parts.values())
