"""Names and writing of what lies in scratch/, which can be deleted at any time.

A file there is never an output of a stage. It is named by a hash of everything that shaped it:
a name that left something out would return what another model, corpus or code once made.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
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


def write_once(path: Path, write: Callable[[Path], None]) -> None:
    """Have `write` make a file that is not there; it is given a temporary path to write to.

    Of several processes one does it, and the others wait. If that one is killed, another does it.
    """
    if path.exists():
        return
    import fcntl  # only where there are processes: fingerprints are computed in browsers, too

    path.parent.mkdir(parents=True, exist_ok=True)
    # Left behind: if it were deleted, one that waits for it and one that does not would both write.
    with open(path.with_name(f"{path.name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            with atomic_write(path) as new:
                write(new)
