"""Reads outputs and DVC's copies of them again, to see whether they are still what was made.

DVC takes a file of the same time and length for the same file. A disk or a cable that flips a bit
changes neither. If cache and workspace share a file (hard links), both are damaged at once.
"""

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ruamel.yaml import YAML, YAMLError

from frill.errors import UserError
from frill.workflow import dvc_project

LOCKS = (Path("dvc.lock"), Path("track/dvc.lock"))


@dataclass
class Verification:
    """What was read, and a line for each damaged file."""

    files: int = 0
    read_bytes: int = 0
    damaged: list[str] = field(default_factory=list)
    _hashes: dict[tuple[int, int], str] = field(default_factory=dict)

    def hash_file(self, path: Path) -> str:
        """Return a file's md5, read once if the file has several names."""
        status = path.stat()
        key = (status.st_dev, status.st_ino)
        if key not in self._hashes:
            with open(path, "rb") as file:
                self._hashes[key] = hashlib.file_digest(file, "md5").hexdigest()
            self.files += 1
            self.read_bytes += status.st_size
        return self._hashes[key]


def verify_files(root: Path = Path()) -> Verification:
    """Read everything that dvc.lock and track/dvc.lock name and that DVC's cache holds.

    What is damaged is named and deleted, so that the next repro makes it again. Raises UserError
    while DVC runs here: what a stage has half written would be taken for damaged.
    """
    with dvc_project.lock_project(root) as repo:
        return _verify(root, Path(repo.cache.local.path))


def _verify(root: Path, cache: Path) -> Verification:
    verification = Verification()
    wrong = []
    for path, md5 in _list_recorded(root, cache):
        if path.is_file() and (actual := verification.hash_file(path)) != md5:
            name = path.relative_to(root)
            verification.damaged.append(
                f"{name}: is not what its stage wrote (md5 {actual}, dvc.lock has {md5})"
            )
            wrong.append(path)
    # .NAME.tmp is a copy that another project, which shares the cache, has begun.
    for path in sorted(cache.glob("??/[!.]*")):
        if verification.hash_file(path) != path.parent.name + path.name.removesuffix(".dir"):
            name = os.path.relpath(path, root)
            verification.damaged.append(f"{name}: DVC's copy is damaged")
            wrong.append(path)
    for path in wrong:
        _delete(path)
    return verification


def _delete(path: Path) -> None:
    """Delete a file, from a folder without its owner's write bit too.

    The folder's other bits stay, as a group may share the cache.
    """
    folder = path.parent
    if not os.access(folder, os.W_OK):
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_IWUSR)
    path.unlink()


def _list_recorded(root: Path, cache: Path) -> Iterator[tuple[Path, str]]:
    """Yield the path and md5 of each output's file, by dvc.lock.

    Files of a folder are those of the listing in the cache, if that is whole.
    """
    stages = [stage for lock in LOCKS for stage in read_lock(root / lock).values()]
    for out in [out for stage in stages for out in stage.get("outs", [])]:
        path = root / out["path"]
        md5 = out["md5"]
        if not md5.endswith(".dir"):
            yield path, md5
            continue
        listing = cache / md5[:2] / md5[2:]
        if not listing.is_file():
            continue
        content = listing.read_bytes()
        if hashlib.md5(content, usedforsecurity=False).hexdigest() + ".dir" == md5:
            for file in json.loads(content):
                yield path / file["relpath"], file["md5"]


def read_lock(path: Path) -> dict:
    """Return the stages of dvc.lock, none if there is no such file.

    Raises UserError for one that a kill or a full disk cut off.
    """
    if not path.exists():
        return {}
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from voluptuous import Invalid

    try:
        content = YAML(typ="safe").load(path.read_text()) or {}
        return COMPILED_LOCKFILE_SCHEMA(content).get("stages", {})
    except (Invalid, YAMLError, ValueError):
        raise UserError(
            f"{path} is cut off or damaged; `git checkout {path}`, or delete it: "
            "what it named comes back from DVC's cache in seconds"
        ) from None


def mend_after_a_kill() -> None:
    """Look at what a kill may have cut off: DVC's own words for it say nothing of what to do.

    Raises UserError.
    """
    for lock in LOCKS:
        read_lock(lock)
    if dvc_project.mend_rwlock():
        print(f"{dvc_project.RWLOCK} was cut off by a kill: deleted")
