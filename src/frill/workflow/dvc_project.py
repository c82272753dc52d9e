"""DVC's side of the project's folder: where its cache is, and who else works here."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from frill.errors import UserError

if TYPE_CHECKING:
    from dvc.repo import Repo

LOCK = Path(".dvc/tmp/lock")
RWLOCK = Path(".dvc/tmp/rwlock")
WRITTEN_S = 0.5


@contextmanager
def lock_project(root: Path = Path()) -> Iterator["Repo"]:
    """Give the project while no other DVC can begin here.

    Raises UserError if one runs, or if there is no project. DVC gives up its lock while a stage's
    command runs; its list of who uses which file then names that stage.
    """
    from dvc.lock import LockError
    from dvc.repo import lock_repo

    with ExitStack() as stack:
        repo = stack.enter_context(_open(root))
        try:
            stack.enter_context(lock_repo(repo))
        except LockError:
            pid = (root / LOCK).read_text().strip()
            raise UserError(
                f"{root / LOCK}: DVC runs in this project (pid {pid}); "
                "repeat this when it has ended"
            ) from None
        _refuse_beside_a_stage(root)
        yield repo


def find_cache() -> Path:
    """Return the cache's absolute path. Raises UserError if there is no project."""
    with _open(Path()) as repo:
        return Path(repo.cache.local_cache_dir).resolve()


def mend_rwlock(root: Path = Path()) -> bool:
    """Delete DVC's list of who uses which file if a kill cut it off: DVC would refuse to run.

    Returns whether it did. A list that is being written is left.
    """
    for wait_s in (0, WRITTEN_S):
        time.sleep(wait_s)
        try:
            _read_rwlock(root)
            return False
        except ValueError:
            continue
    (root / RWLOCK).unlink(missing_ok=True)
    return True


def _open(root: Path) -> "Repo":
    """Open the project in this very folder: DVC itself would look in those above, too."""
    from dvc.repo import Repo
    from dvc.scm import SCMError

    if not (root / ".dvc").is_dir():
        raise UserError(f"{root / '.dvc'}: no such folder; run this in the project's folder")
    refuse_conflict(root / "dvc.lock")
    try:
        return Repo(str(root))
    except SCMError as error:
        raise UserError(f"{error}, which DVC needs: run `git init`") from None


def refuse_conflict(lock: Path) -> None:
    """Raise UserError for a lock file in which git has left both sides of a merge."""
    if lock.exists() and b"\n<<<<<<< " in b"\n" + lock.read_bytes():
        raise UserError(
            f"{lock} has a merge conflict: `git checkout --ours {lock}`, or --theirs, or delete "
            "it; then `make repro`: what is in DVC's cache does not run again"
        )


def _refuse_beside_a_stage(root: Path) -> None:
    """Raise UserError if a stage runs; entries that a killed process left count for nothing."""
    import psutil

    try:
        rwlock = _read_rwlock(root)
    except ValueError:
        raise UserError(
            f"{root / RWLOCK} was cut off by a kill, and what runs here is not known; "
            "`make repro` deletes it"
        ) from None
    users = list(rwlock.get("write", {}).values())
    for readers in rwlock.get("read", {}).values():
        users += readers
    for user in users:
        if psutil.pid_exists(user["pid"]):
            raise UserError(
                f"`{user['cmd']}` (pid {user['pid']}) runs a stage of this project; "
                "repeat this when it has ended (a process that is no DVC has the pid of one that "
                f"was killed: then delete {root / RWLOCK})"
            )


def _read_rwlock(root: Path) -> dict:
    """Return DVC's list of who uses which file. Raises ValueError if it is cut off."""
    try:
        return json.loads((root / RWLOCK).read_text())
    except FileNotFoundError:
        return {}
