"""Delete scratch, logs and preset worktrees, then shrink DVC's cache by `dvc gc --workspace` to
what the workspace uses, unless it lies outside of the project.
"""

import shutil
import subprocess
import sys
from pathlib import Path

FOLDERS = (Path("scratch"), Path("logs"), Path("build"), Path("dist"))


def run() -> int:
    from frill.workflow import dvc_project, presets

    with dvc_project.lock_project():  # scratch is a running stage's
        for path in FOLDERS:
            if path.exists():
                shutil.rmtree(path)
                print(f"removed {path}/")
        presets.remove_all()
    cache = dvc_project.find_cache()
    if cache.is_relative_to(Path.cwd().resolve()):
        subprocess.run([sys.executable, "-m", "dvc", "gc", "--workspace", "--force"], check=False)
    else:
        print(
            f"{cache} is outside of the project and other projects may share it, so it is left "
            "alone: `dvc gc --workspace --projects FOLDER...`, with the folders of all others "
            "that use it, shrinks it"
        )
    return 0
