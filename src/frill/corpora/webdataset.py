"""WebDataset: tar or zip archives whose members make samples by their names.

Members of one sample stand side by side and share their name up to the first dot:

train-000000.tar:   a/0001.flac  a/0001.json  a/0001.cls  a/0002.flac ...

The keys are a/0001 and a/0002, the extensions flac, json and cls.
"""

import json
from collections.abc import Iterator
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from frill.audio.clips import Clip, Rejected
from frill.audio.files import read_noted
from frill.corpora.archive_members import ArchiveError, read_members
from frill.corpora.reading import Decoded, Read, read_clip
from frill.corpora.shards import find_archives, read_fields
from frill.params.audio import WebdatasetSet

TEXTS = {"trans.txt", "txt", "md", "html", "pdf", "csv", "tsv"}
Sample = tuple[str, dict[str, bytes], str]  # key, content by extension, what is wrong with it or ""


def prepare_reads(name: str, spec: WebdatasetSet) -> Iterator[Read]:
    """Yield a read of every sample; one without audio is rejected, as is one with a link in it.

    Texts that lie among a corpus's recordings, as LibriSpeech's .trans.txt, are passed over.
    """
    archives = find_archives("webdataset", name, spec)
    index = 0
    for path, split in archives:
        shard = path.relative_to(spec.folder).as_posix()
        try:
            for key, parts, problem in read_samples(path):
                if spec.use == "corpus" and not problem and parts.keys() <= TEXTS:
                    continue
                clip = f"{name}-{index:06d}"
                source = f"{shard}:{key}"
                index += 1
                if problem:
                    kind = "outside" if "link" in problem else "unreadable"
                    yield partial(Rejected, source, problem, kind)
                else:
                    yield partial(_read_sample, clip, source, parts, split, spec)
        except ArchiveError as error:
            reason = f"{error} ({index} samples of the set were read until then)"
            yield partial(Rejected, shard, reason, "archive", round(1 / len(archives), 6))


def read_samples(path: Path) -> Iterator[Sample]:
    """Yield the samples of one archive. Members without an extension belong to none.

    Raises ArchiveError, after the last sample that another follows.
    """
    for key, members in groupby(_split_names(path), itemgetter(0)):
        parts = {}
        problem = ""
        for _, extension, content in members:
            if content is None:
                problem = f"its .{extension} is a link, a device or too large; it is not followed"
            elif extension in parts:
                problem = f"has two members .{extension}; the keys of samples must differ"
            else:
                parts[extension] = content
        yield key, parts, problem


def _split_names(path: Path) -> Iterator[tuple[str, str, bytes | None]]:
    """Yield the key, extension and content of the members that have both."""
    for name, content in read_members(path):
        folder, _, base = name.rpartition("/")
        stem, dot, extension = base.partition(".")
        if stem and dot:
            key = f"{folder}/{stem}".lstrip("/") if folder else stem
            yield key, extension.lower(), content


def _read_sample(
    clip: str, source: str, parts: dict[str, bytes], split: str | None, spec: WebdatasetSet
) -> Clip | Rejected:
    extension = next((extension for extension in spec.audio if extension in parts), None)
    if extension is None:
        present = ", ".join(sorted(parts))
        wanted = ", ".join(spec.audio)
        reason = f"holds no audio ({present}); extensions of audio: {wanted}"
        return Rejected(source, reason, "missing")
    try:
        fields = read_fields(spec, split, partial(_read_text, parts))
    except (ValueError, AttributeError) as error:
        return Rejected(source, f"its metadata cannot be read ({error})")
    return read_clip(clip, source, partial(_read, parts[extension], extension), **fields)


def _read_text(parts: dict[str, bytes], field: str | None) -> str:
    """Return the text of a field, "" where there is none.

    `field` is an extension, or json.KEY for a value of a JSON object (json.a.b for one within
    another).
    """
    if field is None:
        return ""
    if field in parts:
        return parts[field].decode("utf-8-sig").strip()
    extension, *keys = field.split(".")
    if extension not in parts:
        return ""
    value = json.loads(parts[extension])
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return "" if value is None else str(value)


def _read(data: bytes, extension: str) -> Decoded:
    return read_noted(data, f"audio.{extension.rpartition('.')[2]}")
