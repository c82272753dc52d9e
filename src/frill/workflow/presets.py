"""Runs presets/NAME.yaml in a worktree of its own, with the shared DVC cache.

That is `make repro PRESET=NAME`. The default's params.yaml, dvc.lock and results stay as they are.
In a preset, $NAME is taken from the environment (make passes its variables on), and paths are
relative to the project's folder.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from frill.errors import UserError
from frill.params.load import ParamsError, load_params
from frill.params.schema import Params
from frill.workflow import subcommand
from frill.workflow.subcommand import git

WORKTREES = Path(".presets")
SHAPED_BY = ("src", "stages", "dvc.yaml", "track/dvc.yaml", "requirements.lock")
PATH_KEY = re.compile(
    r"(?<=[\s{])(folder|csv|ontology|manual_dir|data_dir|source|tool): *([^\s,}#]+)"
)


def run(name: str, *options: str) -> int:
    """Run a preset to its end and return the exit code of `frill repro` with `options` there."""
    preset = _find(name)
    text = make_paths_absolute(preset.read_text(), preset)
    worktree = _prepare_worktree(name)
    (worktree / "params.yaml").write_text(text)
    print(f"preset {name}: runs in {worktree}", flush=True)
    if "--address" in options:  # a cluster's workers clone a commit
        _commit_params(name, worktree)
    environment = os.environ | {"PYTHONPATH": str((worktree / "src").resolve())}
    arguments = [sys.executable, "-m", "frill", "repro", *options]
    return subcommand.call(arguments, cwd=worktree, env=environment)


def load(name: str) -> Params:
    """Return a preset to plan with: a $NAME that is not set stays as it is. Raises UserError."""
    preset = _find(name)
    text = os.path.expandvars(preset.read_text())
    text = re.sub(r"\$\w*SHA256\b", "f" * 64, text)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{name}.yaml")
        path.write_text(text)
        try:
            return load_params(path)
        except ParamsError as error:
            raise ParamsError(str(error).replace(str(path), str(preset))) from None


def remove_all() -> None:
    """Delete every preset's worktree with its results."""
    for path in WORKTREES.glob("*"):
        shutil.rmtree(path)
        print(f"removed {path}")
    git("worktree", "prune")


def make_paths_absolute(text: str, preset: Path) -> str:
    """Return a preset's text with $NAMEs filled in and the paths that exist here made absolute.

    Raises UserError for a $NAME that is not set.
    """
    text = re.sub(r"(?m)^([ \t]*)#.*", r"\1", text)
    unset = sorted(set(re.findall(r"\$(\w+)", text)) - os.environ.keys())
    if unset:
        example = " ".join(f"{name}=FOLDER" for name in unset)
        raise UserError(
            f"{preset}: ${unset[0]} is not set; run `make repro PRESET={preset.stem} {example}`"
        )
    text = os.path.expandvars(text)
    return PATH_KEY.sub(lambda match: f"{match[1]}: {_make_absolute(match[2])}", text)


def _make_absolute(path: str) -> str:
    """Leave paths of the project's own files relative: they exist in the worktree too."""
    listed = subprocess.run(["git", "ls-files", "--error-unmatch", path], capture_output=True)
    if listed.returncode == 0 or not Path(path).exists():
        return path
    return str(Path(path).resolve())


def _find(name: str) -> Path:
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
            "note: uncommitted changes of code, dvc.yaml or requirements.lock are not in the "
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
