"""Which project a workspace belongs to: itself, or the one whose preset or experiment it is.

`dvc exp run --queue` runs experiments in clones below .dvc/tmp/exps, presets have worktrees below
.presets. They share MLflow's store and scratch/ with the project that began them.
"""

import os
from pathlib import Path

EXPERIMENTS = (".dvc", "tmp", "exps")
PRESETS = (".presets",)


def find_home(folder: Path = Path()) -> Path:
    """Return the absolute path of the project that a folder is a workspace of."""
    folder = folder.resolve()
    for place in (EXPERIMENTS, PRESETS):
        if _is_in(folder, place):
            return find_home(folder.parents[len(place)])
    return folder


def find_experiment() -> str | None:
    """Return DVC's name of the experiment that this is run in, if DVC keeps its results apart.

    An experiment that runs in the workspace leaves its results there: they are the project's.
    """
    if not _is_in(Path.cwd(), EXPERIMENTS):
        return None
    return os.environ.get("DVC_EXP_NAME") or "unnamed"


def _is_in(folder: Path, place: tuple[str, ...]) -> bool:
    return folder.parts[-len(place) - 1 : -1] == place


def share_scratch() -> None:
    """Make scratch/ a link to the home's, where this is another workspace and has none."""
    home = find_home()
    scratch = Path("scratch")
    if home == Path.cwd() or scratch.exists():
        return
    (home / scratch).mkdir(exist_ok=True)
    try:
        scratch.symlink_to(home / scratch)
    except FileExistsError:  # another stage was faster
        pass
