"""Whether what lies here is still what was made: outputs and DVC's cached copies of them are read and hashed again.

DVC takes a file of the same time and length for the same file. A disk or a cable that flips a bit changes neither, and where cache and workspace
share a file (hard links), both are damaged at once.
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
class Found:
    """What was read, and a line for everything damaged."""

    files: int = 0
    read_bytes: int = 0
    damaged: list[str] = field(default_factory=list)
    _hashes: dict[tuple[int, int], str] = field(default_factory=dict)

    def md5(self, path: Path) -> str:
        """Of a file; of one that has several names once."""
        status = path.stat()
        if (key := (status.st_dev, status.st_ino)) not in self._hashes:
            with open(path, "rb") as file:
                self._hashes[key] = hashlib.file_digest(file, "md5").hexdigest()
            self.files += 1
            self.read_bytes += status.st_size
        return self._hashes[key]


def verify(root: Path = Path()) -> Found:
    """Reads everything that dvc.lock and track/dvc.lock name and DVC's cache holds. What is damaged is named and deleted, so that the next repro makes it again.

    Raises UserError while DVC runs here: what a stage has half written would be taken for damaged.
    """
    with dvc_project.alone(root) as repo:
        return _verify(root, Path(repo.cache.local.path))


def _verify(root: Path, cache: Path) -> Found:
    found, wrong = Found(), []
    for path, md5 in _recorded(root, cache):
        if path.is_file() and found.md5(path) != md5:
            found.damaged.append(
                f"{path.relative_to(root)}: is not what its stage wrote (md5 {found.md5(path)}, dvc.lock has {md5})"
            )
            wrong.append(path)
    for path in sorted(
        cache.glob("??/[!.]*")
    ):  # .NAME.tmp is a copy that another project, which shares the cache, has begun
        if found.md5(path) != path.parent.name + path.name.removesuffix(".dir"):
            found.damaged.append(f"{os.path.relpath(path, root)}: DVC's copy is damaged")
            wrong.append(path)
    for path in wrong:
        _delete(path)
    return found


def _delete(path: Path) -> None:
    """From a folder without its owner's write bit, too; the other bits stay, as a group may share the cache."""
    if not os.access(path.parent, os.W_OK):
        path.parent.chmod(stat.S_IMODE(path.parent.stat().st_mode) | stat.S_IWUSR)
    path.unlink()


def _recorded(root: Path, cache: Path) -> Iterator[tuple[Path, str]]:
    """Every output's file and the md5 it has by dvc.lock; of a folder's files by the listing in the cache, as long as that is whole."""
    for stage in (entry for path in LOCKS for entry in read_lock(root / path).values()):
        for out in stage.get("outs", []):
            path, md5 = root / out["path"], out["md5"]
            if not md5.endswith(".dir"):
                yield path, md5
                continue
            listing = cache / md5[:2] / md5[2:]
            if (
                listing.is_file()
                and hashlib.md5(text := listing.read_bytes(), usedforsecurity=False).hexdigest()
                + ".dir"
                == md5
            ):
                yield from ((path / each["relpath"], each["md5"]) for each in json.loads(text))


def read_lock(path: Path) -> dict:
    """The stages of dvc.lock; none where there is no such file. Raises UserError for one that a kill or a full disk cut off."""
    if not path.exists():
        return {}
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from voluptuous import Invalid

    try:
        return COMPILED_LOCKFILE_SCHEMA(YAML(typ="safe").load(path.read_text()) or {}).get(
            "stages", {}
        )
    except (Invalid, YAMLError, ValueError):
        raise UserError(
            f"{path} is cut off or damaged; `git checkout {path}`, or delete it: what it named comes back from DVC's cache in seconds"
        ) from None


def mend_after_a_kill() -> None:
    """Looks at what a kill may have cut off: DVC's own words for it say nothing of what to do.

    Raises UserError.
    """
    for lock in LOCKS:
        read_lock(lock)
    if dvc_project.mend_rwlock():
        print(f"{dvc_project.RWLOCK} was cut off by a kill: deleted")
