"""Delete scratch and logs, then shrink DVC's cache to what the workspace, presets and experiments
use. It says how many bytes each takes. `--dry-run` deletes nothing.
"""

import shutil
import subprocess
import sys
from argparse import ArgumentParser
from contextlib import ExitStack
from pathlib import Path

FOLDERS = (Path("scratch"), Path("logs"), Path("build"), Path("dist"), Path("dvc_plots"))
MIB = 2**20


def add_arguments(parser: ArgumentParser) -> None:
    dry = "say what would be deleted, and delete nothing"
    parser.add_argument("--dry-run", action="store_true", help=dry)
    presets = "delete presets' worktrees with their results, too"
    parser.add_argument("--presets", action="store_true", help=presets)
    experiments = "let go of what only `dvc exp`'s experiments use, too"
    parser.add_argument("--experiments", action="store_true", help=experiments)


def run(dry_run: bool = False, presets: bool = False, experiments: bool = False) -> int:
    from frill.workflow import dvc_project
    from frill.workflow.home import EXPERIMENTS
    from frill.workflow.presets import WORKTREES
    from frill.workflow.subcommand import git

    worktrees = sorted(WORKTREES.glob("*"))
    with ExitStack() as locks:
        # scratch is a running stage's, in a preset's or an experiment's workspace too.
        for workspace in [Path(), *worktrees, *Path(*EXPERIMENTS).glob("*")]:
            if workspace == Path() or (workspace / ".dvc").is_dir():
                locks.enter_context(dvc_project.lock_project(workspace))
        for path in [*FOLDERS, *(worktrees if presets else [])]:
            if path.exists():
                print(f"{'would remove' if dry_run else 'removed'} {path}/ ({_measure(path)})")
                if not dry_run:
                    shutil.rmtree(path)
        if presets and not dry_run:
            git("worktree", "prune")
        for path in [] if presets else worktrees:
            print(f"kept {path}/ ({_measure(path)}): --presets deletes it")
    cache = dvc_project.find_cache()
    if not cache.is_relative_to(Path.cwd().resolve()):
        print(
            f"{cache} is outside of the project and other projects may share it, so it is left "
            "alone: `dvc gc --workspace --projects FOLDER...`, with the folders of all others "
            "that use it, shrinks it"
        )
        return 0
    before = _count_bytes(cache)
    command = [sys.executable, "-m", "dvc", "gc", "--workspace", "--force"]
    command += [] if experiments else ["--all-experiments"]
    command += ["--dry"] if dry_run else []
    kept = [str(path) for path in worktrees if path.exists()]
    subprocess.run(command + (["--projects", *kept] if kept else []), check=False)
    if not dry_run:
        print(f"DVC's cache: {(before - _count_bytes(cache)) / MIB:,.0f} MiB less")
    return 0


def _measure(folder: Path) -> str:
    return f"{_count_bytes(folder) / MIB:,.0f} MiB"


def _count_bytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
