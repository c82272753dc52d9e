"""What every clone of the project on a cluster is made of."""

import os
import socket
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path

from frill.errors import UserError
from frill.repro import guard
from frill.scratch import text_hash
from frill.sweep.worker import SUM_ORDER, Setup
from frill.workflow import dvc_project
from frill.workflow.subcommand import git

# What a run writes and git holds. No node needs it: entries are sent along.
OF_A_RUN = ("dvc.lock", "track/dvc.lock", "figures/")
NAMED = 5  # files, in a message


def make_setup(remote: tuple[str, str] | None) -> Setup:
    """Return the setup of clones of the last commit.

    They share `remote`, a name and a URL; None: this project's cache. Raises UserError if something
    is not committed.
    """
    refuse_uncommitted()
    root = Path.cwd()
    project = text_hash(socket.gethostname(), str(root))[:8]
    cache = None if remote else str(dvc_project.find_cache())
    config = Path(".dvc/config.local")
    commit = git("rev-parse", "HEAD")
    tar = BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        git("clone", "--quiet", "--bare", "--depth", "1", root.as_uri(), folder)
        with tarfile.open(fileobj=tar, mode="w") as archive:
            archive.add(folder, ".")
    return Setup(
        name=f"frill-sweep-{os.getuid()}-{project}-{commit[:12]}",
        repository=tar.getvalue(),
        cache=cache,
        remote=remote,
        config=config.read_text() if config.exists() else "",
        environment={name: os.environ[name] for name in SUM_ORDER if name in os.environ},
        guard=Path(guard.__file__).read_text(),
    )


def refuse_uncommitted() -> None:
    """Raise UserError that names the files which are not committed: clones would not have them.

    What a run writes may differ.
    """
    if git("rev-parse", "--show-prefix"):
        raise UserError(
            "the project is not the top folder of its git repository; "
            "workers clone the repository and look for dvc.yaml at its top"
        )
    status = git("status", "--porcelain")
    names = [line[3:] for line in status.splitlines()]
    changed = [name for name in names if not name.startswith(OF_A_RUN)]
    if changed:
        named = ", ".join(changed[:NAMED])
        if len(changed) > NAMED:
            named += f" and {len(changed) - NAMED} more"
        raise UserError(
            f"not committed: {named}; workers clone the last commit and would run without: "
            "commit, stash or ignore it, then repeat the command"
        )
