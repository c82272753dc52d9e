"""WebDataset: archives (tar; zip too) in which the members of one sample stand side by side and share their name up to the first dot.

train-000000.tar:   a/0001.flac  a/0001.json  a/0001.cls   a/0002.flac ...      keys a/0001, a/0002; extensions flac, json, cls
"""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from frill.audio.clips import Clip, Rejected
from frill.audio.files import read_audio, wrong_extension
from frill.corpora.archive_members import ArchiveError, members
from frill.corpora.reading import Read, read_all, read_clip, rejected
from frill.corpora.shards import archives, clip_fields
from frill.params.audio import WebdatasetSet

Sample = tuple[str, dict[str, bytes], str]  # key, content by extension, what is wrong with it or ""


def clips(
    name: str, spec: WebdatasetSet, start: int = 0, threads: int = 1
) -> Iterator[Clip | Rejected]:
    """Every sample from number `start` on. A sample without audio is rejected, and so is a link among its members."""
    return read_all(_reads(name, spec), start, threads)


def _reads(name: str, spec: WebdatasetSet) -> Iterator[Read]:
    index, found = 0, archives("webdataset", name, spec)
    for path, split in found:
        shard = path.relative_to(spec.folder).as_posix()
        try:
            for key, parts, problem in samples(path):
                clip, source = f"{name}-{index:06d}", f"{shard}:{key}"
                index += 1
                if problem:
                    yield rejected(
                        Rejected(source, problem, "outside" if "link" in problem else "unreadable")
                    )
                else:
                    yield partial(_item, clip, source, parts, split, spec)
        except ArchiveError as error:
            yield rejected(
                Rejected(
                    shard,
                    f"{error} ({index} samples of the set were read until then)",
                    "archive",
                    round(1 / len(found), 6),
                )
            )


def samples(path: Path) -> Iterator[Sample]:
    """The samples of one archive. Members without an extension belong to none. Raises ArchiveError, after the last sample that another follows."""
    key, parts, problem = None, {}, ""
    for name, content in members(path):
        folder, _, base = name.rpartition("/")
        stem, dot, extension = base.partition(".")
        if not stem or not dot:
            continue
        member_key, extension = (
            f"{folder}/{stem}".lstrip("/") if folder else stem,
            extension.lower(),
        )
        if member_key != key:
            if key is not None:
                yield key, parts, problem
            key, parts, problem = member_key, {}, ""
        if content is None:
            problem = f"its .{extension} is a link, a device or too large; it is not followed"
        elif extension in parts:
            problem = f"has two members .{extension}; the keys of samples must differ"
        else:
            parts[extension] = content
    if key is not None:
        yield key, parts, problem


def _item(
    clip: str, source: str, parts: dict[str, bytes], split: str | None, spec: WebdatasetSet
) -> Clip | Rejected:
    extension = next((extension for extension in spec.audio if extension in parts), None)
    if extension is None:
        return Rejected(
            source,
            f"holds no audio ({', '.join(sorted(parts))}); extensions of audio: {', '.join(spec.audio)}",
            "missing",
        )
    try:
        fields = clip_fields(spec, split, partial(_value, parts))
    except (ValueError, AttributeError) as error:
        return Rejected(source, f"its metadata cannot be read ({error})")
    return read_clip(clip, source, partial(_read, parts[extension], extension), **fields)


def _value(parts: dict[str, bytes], field: str | None) -> str:
    """`field` is an extension, or json.KEY for a value of a JSON object (json.a.b for one within another)."""
    if field is None:
        return ""
    if field in parts:
        return parts[field].decode("utf-8").strip()
    extension, *keys = field.split(".")
    if extension not in parts:
        return ""
    value = json.loads(parts[extension])
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return "" if value is None else str(value)


def _read(data: bytes, extension: str) -> tuple[np.ndarray, str]:
    return read_audio(data), wrong_extension(data, f"audio.{extension.rpartition('.')[2]}")
