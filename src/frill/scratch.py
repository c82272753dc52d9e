"""Names and writing of what lies in scratch/, which can be deleted at any time.

A file there is never an output of a stage. It is named by a hash of everything that shaped it:
a name that left something out would return what another model, corpus or code once made.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def text_hash(*texts: str) -> str:
    """Return the sha256 of texts in order."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def content_hash(path: Path) -> str:
    """Return the sha256 of a file, or of a folder's files and their names within it."""
    if not path.is_dir():
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    files = sorted(each for each in path.rglob("*") if each.is_file())
    return text_hash(*(content_hash(each) + each.relative_to(path).as_posix() for each in files))


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to, which replaces `path` once the body has ended.

    Nothing appears at `path` if the body raises. Two processes may write it at once.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    yield new
    new.replace(path)
