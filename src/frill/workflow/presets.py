"""`make repro PRESET=NAME`: presets/NAME.yaml in a worktree of its own, with the shared DVC cache.

The default's params.yaml, dvc.lock and results stay as they are. In a preset, $NAME is taken from the environment (make passes its variables on),
and paths are relative to the project's folder.
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

WORKTREES = Path(".presets")
SHAPED_BY = ("src", "stages", "dvc.yaml", "track/dvc.yaml", "requirements.lock")
PATH_KEY = re.compile(
    r"(?<=[\s{])(folder|csv|ontology|manual_dir|data_dir|source|tool): *([^\s,}#]+)"
)


def run(name: str, command: str = "repro", *options: str) -> int:
    """Runs the preset to its end; returns the exit code of `frill repro` or `frill sweep` there."""
    preset = Path("presets", f"{name}.yaml")
    if not preset.is_file():
        raise UserError(
            f"PRESET = {name!r}: there are {', '.join(sorted(p.stem for p in Path('presets').glob('*.yaml')))}"
        )
    text = with_absolute_paths(preset.read_text(), preset)
    worktree = _worktree(name)
    (worktree / "params.yaml").write_text(text)
    print(f"preset {name}: runs in {worktree}", flush=True)
    if command == "sweep" and _git(
        "status", "--porcelain", "--", "params.yaml", cwd=worktree
    ):  # workers clone a commit
        author = (
            "-c",
            "user.name=frill",
            "-c",
            "user.email=frill@localhost",
            "-c",
            "commit.gpgsign=false",
        )
        _git(
            *author,
            "commit",
            "--quiet",
            "--no-verify",
            "--message",
            f"preset {name}",
            "--",
            "params.yaml",
            cwd=worktree,
        )
    arguments = [sys.executable, "-m", "frill", command, *options]
    return subcommand.call(
        arguments,
        kill=False,
        cwd=worktree,
        env=os.environ | {"PYTHONPATH": str((worktree / "src").resolve())},
    )


def load(name: str) -> Params:
    """Return a preset to plan with: $NAMEs that are not set stay as they are. Raises UserError."""
    found = {path.stem: path for path in sorted(Path("presets").glob("*.yaml"))}
    if name not in found:
        names = ", ".join(found) or "none in presets/"
        raise UserError(f"--preset {name}: there is none of this name; there are {names}")
    text = os.path.expandvars(found[name].read_text())
    text = re.sub(r"\$\w*SHA256\b", "f" * 64, text)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{name}.yaml")
        path.write_text(text)
        try:
            return load_params(path)
        except ParamsError as error:
            raise ParamsError(str(error).replace(str(path), str(found[name]))) from None


def with_absolute_paths(text: str, preset: Path) -> str:
    """The preset's text with $NAMEs filled in and the paths that exist here made absolute. Raises UserError for an unset name."""
    lines = [
        line.partition("#")[0] if line.lstrip().startswith("#") else line
        for line in text.splitlines()
    ]
    unset = sorted(
        {name for line in lines for name in re.findall(r"\$(\w+)", line) if name not in os.environ}
    )
    if unset:
        example = " ".join(f"{name}=FOLDER" for name in unset)
        raise UserError(
            f"{preset}: ${unset[0]} is not set; run `make repro PRESET={preset.stem} {example}`"
        )
    text = "\n".join(os.path.expandvars(line) for line in lines) + "\n"
    return PATH_KEY.sub(lambda m: f"{m[1]}: {_absolute(m[2])}", text)


def _absolute(path: str) -> str:
    """Paths of the project's own files stay relative: they exist in the worktree too."""
    tracked = (
        subprocess.run(["git", "ls-files", "--error-unmatch", path], capture_output=True).returncode
        == 0
    )
    return path if tracked or not Path(path).exists() else str(Path(path).resolve())


def _worktree(name: str) -> Path:
    """A git worktree at HEAD that keeps its own dvc.lock and results from one run to the next."""
    path = (WORKTREES / name).resolve()
    if _git("status", "--porcelain", "--", *SHAPED_BY):
        print(
            "note: uncommitted changes of code, dvc.yaml or requirements.lock are not in the preset's worktree; commit them first",
            file=sys.stderr,
        )
    lock = (path / "dvc.lock").read_text() if (path / "dvc.lock").exists() else None
    if path.exists():
        _git("checkout", "--quiet", "--force", "--detach", _git("rev-parse", "HEAD"), cwd=path)
    else:
        _git("worktree", "prune")
        _git("worktree", "add", "--quiet", "--detach", str(path))
        cache = str(Path(".dvc/cache").resolve())
        subprocess.run(
            [sys.executable, "-m", "dvc", "cache", "dir", "--local", "--quiet", cache],
            cwd=path,
            check=True,
        )
    if lock is None:
        (path / "dvc.lock").unlink(missing_ok=True)  # the default's
    else:
        (path / "dvc.lock").write_text(lock)
    return path


def remove_all() -> None:
    """Deletes every preset's worktree with its results."""
    for path in WORKTREES.glob("*"):
        shutil.rmtree(path)
        print(f"removed {path}")
    _git("worktree", "prune")


def _git(*arguments: str, cwd: Path = Path()) -> str:
    done = subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise UserError(
            f"git {arguments[0]}: {done.stderr.strip()}; presets need the project to be a git checkout with a commit"
        )
    return done.stdout.strip()
