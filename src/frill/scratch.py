"""Names and writing of what lies in scratch/, which can be deleted at any time.

A file there is never an output of a stage. It is named by a hash of everything that shaped it:
a name that left something out would return what another model, corpus or code once made.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


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


@contextmanager
def lock(path: Path, wait: bool = True) -> Iterator[bool]:
    """Keep other processes from `path`, which they lock, too, until the body or this process ends.

    Gives whether it is locked. With `wait` it always is: where another process has it, this one
    says so and waits.
    """
    import fcntl  # only where there are processes: fingerprints are computed in browsers, too

    path.parent.mkdir(parents=True, exist_ok=True)
    lock_path = path.with_name(f"{path.name}.lock")
    while True:
        with open(lock_path, "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not wait:
                    yield False
                    return
                print(f"waits for {path}, which another process makes", flush=True)
                fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_at(lock_path, file):  # deleted by the one that was waited for
                continue
            try:
                yield True
            finally:
                lock_path.unlink()
            return


def _is_at(path: Path, file: IO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def write_once(path: Path, write: Callable[[Path], None]) -> None:
    """Have `write` make a file that is not there; it is given a temporary path to write to.

    Of several processes one does it, and the others wait. If that one is killed, another does it.
    """
    if path.exists():
        return
    with lock(path):
        if not path.exists():
            with atomic_write(path) as new:
                write(new)
