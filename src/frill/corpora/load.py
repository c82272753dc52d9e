"""Where audio comes from: every set becomes an iterator of Clip | Rejected, always in one order.

A loader of recordings is a module with `prepare_reads(name, spec)`, which yields a Read an item.
The synthetic sets have `make_clips`.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from frill.audio.clip_writer import Done
from frill.audio.clips import Clip, Rejected
from frill.corpora.reading import read_all, screen
from frill.fingerprint import hash_code
from frill.params.schema import Params
from frill.scratch import text_hash
from frill.workers import count_workers

# By section of params.yaml's `audio`. Imported only where it is asked for: eSpeak NG is GPL-3,
# TensorFlow takes seconds, and a stage depends on its own loader alone.
LOADERS = {
    "espeak": "frill.corpora.synthetic.sets",
    "folder": "frill.corpora.folder",
    "files": "frill.corpora.files",
    "audioset": "frill.corpora.audioset",
    "tfrecord": "frill.corpora.tfrecord",
    "webdataset": "frill.corpora.webdataset",
    "tfds": "frill.corpora.tfds.examples",
}


def load_clips(
    source: str, name: str, params: Params, done: Done | None = None
) -> Iterator[Clip | Rejected]:
    """Return what a set holds that `done` has not.

    `source` is the section of params.yaml's `audio` that the set stands in.
    """
    done = done or Done()
    spec = getattr(params.audio, source)[name]
    loader = import_module(LOADERS[source])
    if source == "espeak":
        return loader.make_clips(
            spec.set, params.seed, spec.hours, spec.clips, count_workers(), done.items, done.samples
        )
    items = read_all(loader.prepare_reads(name, spec), done.items, count_workers())
    # AudioSet's labels choose clips, which are listed with them.
    labels = None if source == "audioset" else spec.labels
    return screen(items, labels, spec.use == "task", params.audio.silent_dbfs)


def name_unfinished(source: str, name: str, params: Params) -> str:
    """Return a name for the set's unfinished clip store that no other set has.

    It is a hash of the set's params, of the code, and of the names, lengths and times of the files
    that the set is read from.
    """
    spec = getattr(params.audio, source)[name]
    settings = [source, name, spec.model_dump(), params.seed, params.audio.silent_dbfs]
    stats = hashlib.sha256()
    for key in ("folder", "csv", "ontology", "manual_dir"):
        path = getattr(spec, key, None)
        if isinstance(path, str):
            for line in _list_stats(Path(path)):
                stats.update(f"{line}\n".encode("utf-8", "surrogateescape"))
    code = hash_code(__name__, LOADERS[source], "frill.audio.clip_writer")
    return text_hash(json.dumps(settings, sort_keys=True), code, stats.hexdigest())[:24]


def _list_stats(path: Path) -> Iterator[str]:
    """Yield a line for a file, or for every file of a folder, in the same order everywhere."""
    if path.is_file():
        stat = path.stat()
        yield f"{path} {stat.st_size} {stat.st_mtime_ns}"
        return
    for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
        if entry.is_dir(follow_symlinks=False):
            yield from _list_stats(Path(entry.path))
        else:
            stat = entry.stat(follow_symlinks=False)
            yield f"{entry.path} {stat.st_size} {stat.st_mtime_ns}"
