"""Runs presets/NAME.yaml in a worktree of its own, with the shared DVC cache.

That is `make repro PRESET=NAME`. The default's params.yaml, dvc.lock and results stay as they are.
"""

import os
import subprocess
import sys
from pathlib import Path

from frill.errors import UserError
from frill.params.load import load_params, validate
from frill.params.schema import Params
from frill.workflow import overlay, subcommand
from frill.workflow.subcommand import git

WORKTREES = Path(".presets")
LOCKS = ("requirements.lock", "requirements-gpu.lock")
SHAPED_BY = ("src", "stages", "dvc.yaml", "track/dvc.yaml", *LOCKS)


def run(name: str, *options: str) -> int:
    """Run a preset to its end and return the exit code of `frill repro` with `options` there."""
    preset = find(name)
    params = overlay.read(preset)
    validate(params, str(preset))
    worktree = _prepare_worktree(name)
    overlay.write(params, preset, worktree / "params.yaml")
    print(f"preset {name}: runs in {worktree}", flush=True)
    if "--address" in options:  # a cluster's workers clone a commit
        _commit_params(name, worktree)
    environment = os.environ | {"PYTHONPATH": str((worktree / "src").resolve())}
    arguments = [sys.executable, "-m", "frill", "repro", *options]
    return subcommand.call(arguments, cwd=worktree, env=environment)


def load(name: str | None) -> Params:
    """Return a preset to plan with, a $NAME that is not set as it is; params.yaml without a name.

    Raises UserError.
    """
    if name is None:
        return load_params()
    preset = find(name)
    return validate(overlay.mark_unset(overlay.read(preset, strict=False)), str(preset))


def find(name: str) -> Path:
    """Return the file of a preset. Raises UserError for an unknown name."""
    presets = {path.stem: path for path in sorted(Path("presets").glob("*.yaml"))}
    if name not in presets:
        names = ", ".join(presets) or "none in presets/"
        raise UserError(f"--preset {name}: there is none of this name; there are {names}")
    return presets[name]


def _prepare_worktree(name: str) -> Path:
    """Return a git worktree at HEAD; it keeps its own dvc.lock and figures between runs."""
    path = (WORKTREES / name).resolve()
    if git("status", "--porcelain", "--", *SHAPED_BY):
        print(
            "note: uncommitted changes of code, dvc.yaml or requirements*.lock are not in the "
            "preset's worktree; commit them first",
            file=sys.stderr,
        )
    own = _read_own(path)
    if path.exists():
        git("checkout", "--quiet", "--force", "--detach", git("rev-parse", "HEAD"), cwd=path)
    else:
        git("worktree", "prune")
        git("worktree", "add", "--quiet", "--detach", str(path))
        cache = str(Path(".dvc/cache").resolve())
        set_cache = ["cache", "dir", "--local", "--quiet", cache]
        subprocess.run([sys.executable, "-m", "dvc", *set_cache], cwd=path, check=True)
    for file in _list_own(path):  # the default's
        file.unlink()
    for file, content in own.items():
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
    return path


def _list_own(worktree: Path) -> list[Path]:
    """Return the files that git has of the default's results and a worktree has of its own."""
    return [path for path in (worktree / "dvc.lock", *worktree.glob("figures/*")) if path.exists()]


def _read_own(worktree: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in _list_own(worktree)}


def _commit_params(name: str, worktree: Path) -> None:
    if not git("status", "--porcelain", "--", "params.yaml", cwd=worktree):
        return
    settings = ("user.name=frill", "user.email=frill@localhost", "commit.gpgsign=false")
    author = [part for setting in settings for part in ("-c", setting)]
    commit = ["commit", "--quiet", "--no-verify", "--message", f"preset {name}"]
    git(*author, *commit, "--", "params.yaml", cwd=worktree)
