"""Where audio comes from. One contract: a set's name and spec -> iterator of Clip | Rejected, in an order that never changes.

A loader is a module with `clips(name, spec, start, threads)`, which gives the set's items from number `start` on.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from frill.clip_writer import Done
from frill.clips import Clip, Rejected
from frill.corpora.reading import screened
from frill.params import Params
from frill.scratch import code_hash, text_hash

SHAPED_BY = ("corpora", "audio", "audio_files", "ffmpeg", "clips", "clip_writer")  # the code that a clip store depends on


def clips(source: str, name: str, params: Params, done: Done = Done()) -> Iterator[Clip | Rejected]:  # noqa: B008 - Done is frozen
    """What a set holds that `done` has not. `source` is the section of params.yaml's `audio` that the set stands in."""
    spec, threads = getattr(params.audio, source)[name], params.threads
    if source == "espeak":
        from frill.corpora import synthetic  # GPL-3 speech synthesis: loaded only where it is asked for

        return synthetic.clips(spec.set, params.seed, spec.hours, spec.clips, threads, done.items, done.samples)
    if source == "folder":
        from frill.corpora import folder

        items = folder.clips(name, spec, done.items, threads)
    elif source == "audioset":
        from frill.corpora import audioset

        return screened(audioset.clips(name, spec, done.items, threads), None, False, params.audio.silent_dbfs)
    elif source == "tfrecord":
        from frill.corpora import tfrecord

        items = tfrecord.clips(name, spec, done.items, threads)
    elif source == "tfds":
        from frill.corpora import tfds

        items = tfds.clips(name, spec, done.items)
    else:
        from frill.corpora import webdataset

        items = webdataset.clips(name, spec, done.items, threads)
    return screened(items, spec.labels, spec.use == "task", params.audio.silent_dbfs)


def fingerprint(source: str, name: str, params: Params) -> str:
    """A name that only the same store has: the set's params, the code, and the names, lengths and times of the files that it is read from."""
    spec = getattr(params.audio, source)[name]
    settings = json.dumps([source, name, spec.model_dump(), params.seed, params.audio.silent_dbfs], sort_keys=True)
    paths = [value for key in ("folder", "csv", "ontology", "manual_dir") if isinstance(value := getattr(spec, key, None), str)]
    stats = hashlib.sha256()
    for path in paths:
        for line in _stats(Path(path)):
            stats.update(f"{line}\n".encode("utf-8", "surrogateescape"))
    return text_hash(settings, code_hash(*SHAPED_BY), stats.hexdigest())[:24]


def _stats(path: Path) -> Iterator[str]:
    """A line for a file, or for every file of a folder, in an order that does not depend on the file system."""
    if path.is_file():
        stat = path.stat()
        yield f"{path} {stat.st_size} {stat.st_mtime_ns}"
        return
    for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
        if entry.is_dir(follow_symlinks=False):
            yield from _stats(Path(entry.path))
        else:
            stat = entry.stat(follow_symlinks=False)
            yield f"{entry.path} {stat.st_size} {stat.st_mtime_ns}"
