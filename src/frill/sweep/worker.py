"""One stage in a clone of the project: what a node of the cluster runs.

It is sent to the nodes by value, so that they need no frill of the same version. So it imports
nothing of frill.
"""

import fcntl
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO

import yaml

# Ray sets the first; sums, and so bits, depend on them.
SUM_ORDER = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Setup:
    """What every clone of a sweep is made of."""

    name: str  # of the folder, under the node's temporary one, that keeps the sweep's clones
    repository: bytes  # a bare git repository of one commit, as a tar
    # DVC's cache, at this path on every node. None: each node has its own, filled from the remote
    # and pushed to it.
    cache: str | None
    remote: tuple[str, str] | None  # the default remote's name and URL, if nodes share that
    config: str  # .dvc/config.local
    environment: dict[str, str]  # SUM_ORDER, as far as set where the sweep was started
    guard: str  # the text of frill.repro.guard


@dataclass(frozen=True)
class Stage:
    """One stage of one student, such as distill@small_100."""

    name: str
    kind: str  # distill
    student: str  # small_100
    needs: list[str]  # stages whose cached outputs it depends on


def run_stage(stage: Stage, lock: dict, setup: Setup) -> dict:
    """Run a stage by `dvc repro` in a clone that is its own meanwhile.

    `lock` has dvc.lock's entries of `stage.needs`, and the stage's own if there is one. Returns the
    stage's new entry (None if it failed), what it printed, and whether its student diverged.
    "unfit" says why this node could not run it: no clone, no cache, no remote.
    """
    import ray

    context = ray.get_runtime_context()
    node_id = context.get_node_id()
    # A machine may be several nodes.
    result = {"node": f"{socket.gethostname()}/{node_id[:6]}", "node_id": node_id, "unfit": ""}
    # Ray sets a number of threads of its own, and shows a task without a GPU all of them.
    cpus = context.get_assigned_resources().get("CPU", 1)
    variables = setup.environment | {"FRILL_WORKERS": str(max(1, int(cpus)))}
    if not ray.get_gpu_ids():
        variables["CUDA_VISIBLE_DEVICES"] = "-1"
    try:
        return result | _run_stage(stage, lock, setup, variables)
    except Exception as error:  # of whatever kind: a stage that fails raises nothing
        return result | {"unfit": str(error) or type(error).__name__}


def _run_stage(stage: Stage, lock: dict, setup: Setup, variables: dict[str, str]) -> dict:
    start = time.monotonic()
    with _claim_clone(setup) as (clone, lock_descriptor):
        (clone / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": lock}))
        get = "checkout" if setup.cache else "pull"
        commands = [[get, "--force", *stage.needs], ["repro", "--single-item", stage.name]]
        if not setup.cache:
            commands.append(["push", "--run-cache", stage.name])
        output = ""
        entry = None
        for command in commands:
            arguments = [sys.executable, "-m", "dvc", *command]
            done = _run_guarded(setup.guard, arguments, clone, lock_descriptor, variables)
            output += done.stdout
            if done.returncode == 0:
                continue
            if command[0] != "repro":
                raise RuntimeError(f"dvc {command[0]}: {done.stdout.strip()}")
            break
        else:
            entry = yaml.safe_load((clone / "dvc.lock").read_text())["stages"][stage.name]
        return {
            "entry": entry,
            "output": output,
            "ran": f"Running stage '{stage.name}'" in output,
            "killed": bool(re.search(r"exited with (-\d|13[0-9]|14[0-9])", output)),
            "diverged": _has_diverged(clone / "models/students" / stage.student / "summary.json"),
            "seconds": time.monotonic() - start,
            "times": _read_times(clone / "logs/stages.jsonl", stage.name),
        }


def clean_up(setup: Setup) -> None:
    """Remove the sweep's clones from this node, and those that interrupted sweeps left."""
    of_all_commits = setup.name.rpartition("-")[0]
    for home in Path(tempfile.gettempdir()).glob(f"{of_all_commits}-*"):
        if home.name == setup.name or not _is_used(home):
            shutil.rmtree(home, ignore_errors=True)


def build_environment(project: Path, variables: dict[str, str] | None = None) -> dict[str, str]:
    """Return the environment of commands in a project's folder.

    They find its own frill, and this interpreter first on the PATH. If `variables` are given, they
    alone say what SUM_ORDER is.
    """
    environment = dict(os.environ)
    if variables is not None:
        for name in SUM_ORDER:
            environment.pop(name, None)
        environment |= variables
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return environment | {"PYTHONPATH": str(project / "src"), "PATH": path}


@contextmanager
def _claim_clone(setup: Setup) -> Iterator[tuple[Path, int]]:
    """Give the first clone on this node that nobody works in, and the descriptor of its lock.

    It is made if there is none.
    """
    home = _make_home(setup)
    for number in count():
        with open(home / f"{number}.lock", "w") as lock:
            if not _take(lock):
                continue
            clone = home / f"clone-{number}"
            if not clone.exists():
                _make_clone(setup, home, clone)
            yield clone, lock.fileno()
            return


def _is_used(home: Path) -> bool:
    for path in home.glob("*.lock"):
        with open(path) as lock:
            if not _take(lock):
                return True
    return False


def _take(lock: IO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


def _make_home(setup: Setup) -> Path:
    home = Path(tempfile.gettempdir(), setup.name)
    home.mkdir(mode=0o700, exist_ok=True)
    if home.stat().st_uid != os.getuid():
        raise PermissionError(f"{home}: belongs to another user")
    return home


def _make_clone(setup: Setup, home: Path, clone: Path) -> None:
    """Make a clone, which appears whole.

    scratch/ is the node's: its clones share frames of clips, and any of them goes on with a
    training that was killed.
    """
    new = clone.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=home) as bare:
        tarfile.open(fileobj=io.BytesIO(setup.repository)).extractall(bare, filter="data")
        _run_checked(["git", "clone", "--quiet", bare, str(new)], home)
    (new / ".dvc/config.local").write_text(setup.config)
    settings = [["cache", "dir", "--local", setup.cache or str(home / "cache")]]
    if setup.remote:
        # A URL that is relative to the workspace is not to the clone.
        name, url = setup.remote
        settings.append(["remote", "modify", "--local", name, "url", url])
    for setting in settings:
        _run_checked([sys.executable, "-m", "dvc", *setting, "--quiet"], new)
    (home / "scratch").mkdir(exist_ok=True)
    (new / "scratch").symlink_to(home / "scratch")
    new.rename(clone)


def _run_checked(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


def _run_guarded(
    guard: str, command: list[str], clone: Path, lock_descriptor: int, variables: dict[str, str]
) -> subprocess.CompletedProcess:
    """Run a command that ends with this worker.

    It keeps the clone's lock: the clone is another's only when the stage's last process has ended.
    """
    reading, writing = os.pipe()
    try:
        return subprocess.run(
            [sys.executable, "-c", guard, str(reading), *command],
            cwd=clone,
            env=build_environment(clone, variables),
            pass_fds=[reading, lock_descriptor],
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    finally:
        os.close(reading)
        os.close(writing)


def _has_diverged(summary: Path) -> bool:
    return summary.exists() and json.loads(summary.read_text())["status"] == "diverged"


def _read_times(log: Path, stage: str) -> dict | None:
    """Return the stage's last entry in the clone's log of times."""
    last = None
    for line in log.read_text(errors="replace").splitlines() if log.exists() else []:
        with suppress(ValueError):  # a line that was cut off, by a full disk
            entry = json.loads(line)
            if entry["stage"] == stage:
                last = entry
    return last
