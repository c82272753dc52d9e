"""One stage in a clone of the project: what a node of the cluster runs.

Sent to the nodes as it stands here, by value, so that they need no frill of the same version: it imports nothing of frill.
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

import yaml

# Between the worker and its command: a worker that dies, however, takes all that it started with it. What went on in its clone would write there
# beside the stage's next try. The pipe's other end closes with the worker.
GUARD = """
import os, signal, subprocess, sys, threading
def end_with_the_worker():
    os.read(int(sys.argv[1]), 1)
    os.killpg(0, signal.SIGKILL)
threading.Thread(target=end_with_the_worker, daemon=True).start()
sys.exit(subprocess.run(sys.argv[2:]).returncode)
"""
SUM_ORDER = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)  # Ray sets the first; sums, and so bits, depend on it


@dataclass(frozen=True)
class Setup:
    """What every clone of a sweep is made of."""

    name: str  # of the folder, under the node's temporary one, that keeps the sweep's clones
    repository: bytes  # a bare git repository of one commit, as a tar
    cache: (
        str | None
    )  # DVC's cache, at this path on every node; None: each node has its own, filled from the remote and pushed to it
    remote: (
        tuple[str, str] | None
    )  # the default remote's name and URL, where that is what nodes share
    config: str  # .dvc/config.local
    environment: dict[str, str]  # SUM_ORDER, as far as set where the sweep was started


@dataclass(frozen=True)
class Stage:
    """One stage of one student, such as distill@small_1.0."""

    name: str
    kind: str  # distill
    student: str  # small_1.0
    needs: list[str]  # stages whose cached outputs it depends on


def run_stage(stage: Stage, lock: dict, setup: Setup) -> dict:
    """Runs the stage by `dvc repro` in a clone that is its own meanwhile. `lock` has dvc.lock's entries of `stage.needs`, and the stage's own if there is one.

    Returns its new entry (None if it failed), what it printed, and whether its student diverged. Where it is this node that could not (no clone, no cache,
    no remote), "unfit" says why.
    """
    import ray

    node = ray.get_runtime_context().get_node_id()
    where = {
        "node": f"{socket.gethostname()}/{node[:6]}",
        "node_id": node,
    }  # a machine may be several nodes
    # Ray shows a task without a GPU all of them; and it sets a number of threads of its own.
    threads_and_gpus = (
        setup.environment
        if ray.get_gpu_ids()
        else setup.environment | {"CUDA_VISIBLE_DEVICES": "-1"}
    )
    try:
        return where | {"unfit": ""} | _run_stage(stage, lock, setup, threads_and_gpus)
    except Exception as error:  # of whatever kind: a stage that fails raises nothing
        return where | {"unfit": str(error) or type(error).__name__}


def _run_stage(stage: Stage, lock: dict, setup: Setup, more: dict[str, str]) -> dict:
    start = time.monotonic()
    with _clone(setup) as (clone, held):
        (clone / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": lock}))
        commands = [
            ["checkout" if setup.cache else "pull", "--force", *stage.needs],
            ["repro", "--single-item", stage.name],
        ]
        if not setup.cache:
            commands.append(["push", "--run-cache", stage.name])
        output, failed = "", False
        for command in commands:
            done = _run([sys.executable, "-m", "dvc", *command], clone, held, more)
            output += done.stdout
            if failed := done.returncode != 0:
                if command[0] != "repro":
                    raise RuntimeError(f"dvc {command[0]}: {done.stdout.strip()}")
                break
        entry = (
            None
            if failed
            else yaml.safe_load((clone / "dvc.lock").read_text())["stages"][stage.name]
        )
        return {
            "entry": entry,
            "output": output,
            "ran": f"Running stage '{stage.name}'" in output,
            "killed": bool(re.search(r"exited with (-\d|13[0-9]|14[0-9])", output)),
            "diverged": _diverged(clone / "models/students" / stage.student / "summary.json"),
            "seconds": time.monotonic() - start,
            "times": _times(clone / "logs/stages.jsonl", stage.name),
        }


def clean_up(setup: Setup) -> None:
    """Removes the sweep's clones from this node, what is kept beside them, and what interrupted sweeps of other commits left."""
    of_all_commits = setup.name.rpartition("-")[0]
    for home in Path(tempfile.gettempdir()).glob(f"{of_all_commits}-*"):
        if home.name == setup.name or not _is_used(home):
            shutil.rmtree(home, ignore_errors=True)


def environment(project: Path, more: dict[str, str] | None = None) -> dict[str, str]:
    """For commands in a project's folder: its own frill, this interpreter first on the PATH."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = (
        os.environ
        if more is None
        else {key: value for key, value in os.environ.items() if key not in SUM_ORDER} | more
    )
    return {**kept, "PYTHONPATH": str(project / "src"), "PATH": path}


@contextmanager
def _clone(setup: Setup) -> Iterator[tuple[Path, int]]:
    """The first clone on this node that nobody works in, made where there is none, and the descriptor of the lock that is held on it."""
    home = _home(setup)
    for number in count():
        with open(home / f"{number}.lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            clone = home / f"clone-{number}"
            if not clone.exists():
                _make_clone(setup, home, clone)
            yield clone, lock.fileno()
            return


def _is_used(home: Path) -> bool:
    for path in home.glob("*.lock"):
        with open(path) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
    return False


def _home(setup: Setup) -> Path:
    home = Path(tempfile.gettempdir(), setup.name)
    home.mkdir(mode=0o700, exist_ok=True)
    if home.stat().st_uid != os.getuid():
        raise PermissionError(f"{home}: belongs to another user")
    return home


def _make_clone(setup: Setup, home: Path, clone: Path) -> None:
    """Appears whole. scratch/ is the node's: its clones share frames of clips, and a training that was killed goes on in any of them."""
    new = clone.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=home) as bare:
        tarfile.open(fileobj=io.BytesIO(setup.repository)).extractall(bare, filter="data")
        _do(["git", "clone", "--quiet", bare, str(new)], home)
    (new / ".dvc/config.local").write_text(setup.config)
    settings = [["cache", "dir", "--local", setup.cache or str(home / "cache")]]
    if setup.remote:
        name, url = setup.remote
        settings.append(
            ["remote", "modify", "--local", name, "url", url]
        )  # one that is relative to the workspace is not to the clone
    for setting in settings:
        _do([sys.executable, "-m", "dvc", *setting, "--quiet"], new)
    (home / "scratch").mkdir(exist_ok=True)
    (new / "scratch").symlink_to(home / "scratch")
    new.rename(clone)


def _do(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


def _run(
    command: list[str], clone: Path, held: int, more: dict[str, str]
) -> subprocess.CompletedProcess:
    reading, writing = os.pipe()
    try:
        return subprocess.run(
            [sys.executable, "-c", GUARD, str(reading), *command],
            cwd=clone,
            env=environment(clone, more),
            pass_fds=[
                reading,
                held,
            ],  # the clone is another's only when the last process of this stage is gone
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    finally:
        os.close(reading)
        os.close(writing)


def _diverged(summary: Path) -> bool:
    return summary.exists() and json.loads(summary.read_text())["status"] == "diverged"


def _times(log: Path, stage: str) -> dict | None:
    """The last entry of the stage in the clone's log of times."""
    found = None
    for line in log.read_text(errors="replace").splitlines() if log.exists() else []:
        with suppress(ValueError):  # a line that was cut off, by a full disk
            found = entry if (entry := json.loads(line))["stage"] == stage else found
    return found
