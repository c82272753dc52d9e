"""What lies in scratch/: files that can be deleted at any time, named by hashes of all that shaped them, and whole or not there.

Never outputs of a stage. A name that leaves something out would hand on what another model, corpus or code once made.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def text_hash(*texts: str) -> str:
    """sha256 of texts in order."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def content_hash(path: Path) -> str:
    """sha256 of a file, or of a folder's files and their names within it."""
    if not path.is_dir():
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    files = sorted(each for each in path.rglob("*") if each.is_file())
    return text_hash(*(content_hash(each) + each.relative_to(path).as_posix() for each in files))


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """The path to write to; `path` is there once the body has ended, also where two processes make it at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    yield new
    new.replace(path)
