"""What every fault needs: a copy of the miniature project that has run to its end, its stages and their processes, and what has to be the same afterwards."""

import json
import os
import shlex
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline_project import LOCKS, Project

# Latencies, and what is derived from them, are measured anew; all else has to come out with the same bytes.
SAME = (
    "data/**/*",
    "models/**/*",
    "results/noss/*",
    "release/*.tflite",
    "release/saved_model/**/*",
)
COMMIT = [
    "git",
    "-c",
    "user.name=test",
    "-c",
    "user.email=test@example.org",
    "commit",
    "--quiet",
    "--all",
    "--message",
    "run",
]


@dataclass(frozen=True)
class Stage:
    name: str  # as in dvc.lock
    argv: list[str]
    seconds: float  # it took, undisturbed
    outs: list[str]


def take(reference: Project, folder: Path) -> Project:
    """A copy of the reference, under git with its dvc.lock."""
    project = reference.copy(folder)
    subprocess.run(["git", "add", "--all"], cwd=folder, check=True)
    subprocess.run(COMMIT, cwd=folder, check=False)
    return project


def forget(project: Project, *names: str) -> None:
    """As if these stages (all whose names begin so), or without a name none at all, had ever run: no outputs, and no cache to take them from."""
    if names:
        outs = [
            out
            for name, stage in project.lock().items()
            if name.startswith(names)
            for out in stage["outs"]
        ]
        cached = [f".dvc/cache/files/md5/{out['md5'][:2]}/{out['md5'][2:]}" for out in outs]
        gone = [out["path"] for out in outs] + cached + [".dvc/cache/runs", "scratch"]
    else:
        gone = [
            "data",
            "models",
            "results",
            "release",
            "reports",
            "scratch",
            "logs",
            ".dvc/cache",
            ".dvc/tmp",
            "mlruns",
            "mlflow.db",
            *LOCKS,
        ]
    for path in (project.folder / name for name in gone):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def stages(project: Project) -> list[Stage]:
    """In the order in which they ran."""
    lock = project.lock()
    log = [
        json.loads(line) for line in (project.folder / "logs/stages.jsonl").read_text().splitlines()
    ]
    seconds = {entry["stage"]: entry["seconds"] for entry in log}
    found = [
        Stage(
            name, shlex.split(lock[name]["cmd"]), taken, [out["path"] for out in lock[name]["outs"]]
        )
        for name, taken in seconds.items()
    ]
    assert {stage.name for stage in found} == set(lock), (
        "a stage's name in stages/ is not that in dvc.yaml"
    )
    return found


def content(project: Project) -> dict[str, bytes]:
    paths = {path for pattern in SAME for path in project.folder.glob(pattern) if path.is_file()}
    return {str(path.relative_to(project.folder)): path.read_bytes() for path in paths}


def assert_same(project: Project, reference: Project) -> int:
    """Every file that is a function of the inputs has the reference's bytes, every model has one finished run in MLflow. Returns how many files."""
    found, expected = content(project), content(reference)
    other = sorted(
        path for path in found.keys() | expected.keys() if found.get(path) != expected.get(path)
    )
    assert not other, f"other bytes: {other}"
    names, frontier = (
        runs(project),
        json.loads((project.folder / "results/frontier.json").read_text()),
    )
    assert sorted(names) == sorted(
        model["name"] for model in frontier["students"] + frontier["references"]
    ), names
    return len(found)


def runs(project: Project) -> list[str]:
    """Models with a current, finished run in MLflow, each as often as it has one."""
    query = """select name from runs join tags using (run_uuid) where status = 'FINISHED' and name not like 'frontier %'
               and tags.key = 'state' and tags.value = 'current'"""
    with sqlite3.connect(project.folder / "mlflow.db") as database:
        return [name for (name,) in database.execute(query)]


def processes(folder: Path) -> list[tuple[int, list[str]]]:
    """(pid, arguments) of all that runs in a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(path / "cwd")) == folder.resolve():
                found.append(
                    (
                        int(path.name),
                        (path / "cmdline").read_text(errors="replace").rstrip("\0").split("\0"),
                    )
                )
        except OSError:  # it has ended
            continue
    return [
        (pid, argv) for pid, argv in found if argv != [""]
    ]  # an ended one that nobody has asked about


def running(project: Project, stage: Stage) -> int | None:
    """The process of a stage's script."""
    return next(
        (pid for pid, argv in processes(project.folder) if argv[1:] == stage.argv[1:]), None
    )


def kill_all(project: Project) -> None:
    """Kill -9 for DVC, the stage and its workers alike."""
    while found := processes(project.folder):
        for pid, _ in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.02)


def wait(condition: Callable[[], object], what: str, seconds: float = 400) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.01)


def untidy(project: Project) -> list[str]:
    """What a stopped run leaves behind that it should not: processes, files that git sees, half-written ones."""
    left = [" ".join(argv) for _, argv in processes(project.folder)]
    left += subprocess.run(
        ["git", "status", "--porcelain"], cwd=project.folder, capture_output=True, text=True
    ).stdout.splitlines()
    half = [
        path
        for path in files(project.folder)
        if path.suffix in (".new", ".tmp", ".part") and ".git" not in path.parts
    ]
    return [line for line in left if line not in [f" M {path}" for path in LOCKS]] + [
        str(path.relative_to(project.folder)) for path in half
    ]


def files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
