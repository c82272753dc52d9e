"""What every fault needs: a copy of the miniature project that has run to its end.

Its stages and their processes are here too, and what has to be the same afterwards.
"""

import json
import os
import shlex
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline_project import LOCKS, Project

from frill.workflow.stage import read_log

# Latencies, and what is derived from them, are measured anew; all else has the same bytes.
SAME = (
    "data/**/*",
    "models/**/*",
    "results/noss/*",
    "release/*.tflite",
    "release/saved_model/**/*",
)
AUTHOR = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
COMMIT = ["git", *AUTHOR, "commit", "--quiet", "--all", "--message", "run"]
OF_A_RUN = ("data", "models", "results", "release", "reports", "scratch", "logs", "mlruns")


@dataclass(frozen=True)
class Stage:
    name: str  # as in dvc.lock
    argv: list[str]
    seconds: float  # it took, undisturbed
    outs: list[str]


def take(reference: Project, folder: Path) -> Project:
    """Return a copy of the reference, tracked, under git with its dvc.lock."""
    project = reference.copy(folder)
    assert project.repro("track/dvc.yaml") == ["track"]
    subprocess.run(["git", "add", "--all"], cwd=folder, check=True)
    subprocess.run(COMMIT, cwd=folder, check=False)
    return project


def forget(project: Project, *names: str) -> None:
    """Delete what stages made, as if they had never run: outputs, and the cache of them.

    They are all whose names begin with one of `names`; without names every stage.
    """
    if names:
        gone = [".dvc/cache/runs", "scratch"]
        for name, stage in project.lock().items():
            if name.startswith(names):
                for out in stage["outs"]:
                    md5 = out["md5"]
                    gone += [out["path"], f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}"]
    else:
        gone = [*OF_A_RUN, ".dvc/cache", ".dvc/tmp", "mlflow.db", *LOCKS]
    for name in gone:
        path = project.folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def stages(project: Project) -> list[Stage]:
    """Return the stages in the order in which they ran."""
    lock = project.lock()
    seconds = {entry["stage"]: entry["seconds"] for entry in read_log(folder=project.folder)}
    assert set(seconds) == set(lock), "a stage's name in stages/ is not that in dvc.yaml"
    ran = []
    for name, taken in seconds.items():
        outs = [out["path"] for out in lock[name]["outs"]]
        command = shlex.split(lock[name]["cmd"])
        argv = command[command.index("python") :]  # without the environment before it
        ran.append(Stage(name, argv, taken, outs))
    return ran


def content(project: Project) -> dict[str, bytes]:
    paths = {path for pattern in SAME for path in project.folder.glob(pattern) if path.is_file()}
    return {str(path.relative_to(project.folder)): path.read_bytes() for path in paths}


def assert_same(project: Project, reference: Project) -> int:
    """Assert that files have the reference's bytes and each model one finished run in MLflow.

    The files are those that are a function of the inputs. Returns how many.
    """
    actual = content(project)
    expected = content(reference)
    paths = sorted(actual.keys() | expected.keys())
    other = [path for path in paths if actual.get(path) != expected.get(path)]
    assert not other, f"other bytes: {other}"
    frontier = json.loads((project.folder / "results/frontier.json").read_text())
    models = frontier["students"] + frontier["references"]
    names = runs(project)
    assert sorted(names) == sorted(model["name"] for model in models), names
    return len(actual)


def runs(project: Project) -> list[str]:
    """Return models with a current, finished run in MLflow, each as often as it has one."""
    query = """select name from runs join tags using (run_uuid)
        where status = 'FINISHED' and name not like 'frontier %'
        and tags.key = 'state' and tags.value = 'current'"""
    with sqlite3.connect(project.folder / "mlflow.db") as database:
        return [name for (name,) in database.execute(query)]


def processes(folder: Path) -> list[tuple[int, list[str]]]:
    """Return (pid, arguments) of all that runs in a folder."""
    running_here = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(path / "cwd")) != folder.resolve():
                continue
            line = (path / "cmdline").read_text(errors="replace").rstrip("\0")
        except OSError:  # it has ended
            continue
        if line:  # else it has ended, and nobody has asked about it
            running_here.append((int(path.name), line.split("\0")))
    return running_here


def running(project: Project, stage: Stage) -> int | None:
    """Return the process of a stage's script."""
    for pid, argv in processes(project.folder):
        if argv[1:] == stage.argv[1:]:
            return pid
    return None


def kill_all(project: Project) -> None:
    """Kill -9 DVC, the stage and its workers alike."""
    while alive := processes(project.folder):
        for pid, _ in alive:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def wait(condition: Callable[[], object], what: str, seconds: float = 400) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.01)


def untidy(project: Project) -> list[str]:
    """Return what a stopped run leaves behind that it should not.

    That is processes, files that git sees, and half-written ones.
    """
    left = [" ".join(argv) for _, argv in processes(project.folder)]
    command = ["git", "status", "--porcelain"]
    status = subprocess.run(command, cwd=project.folder, capture_output=True, text=True)
    locks = [f" M {path}" for path in LOCKS]
    left += [line for line in status.stdout.splitlines() if line not in locks]
    for path in project.folder.rglob("*"):
        is_half = path.is_file() and path.suffix in (".new", ".tmp", ".part")
        if is_half and ".git" not in path.parts:
            left.append(str(path.relative_to(project.folder)))
    return left
