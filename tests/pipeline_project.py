"""A copy of the project with params.yaml in miniature.

The real stages run in the real DVC graph, in about two minutes.
"""

import copy
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import IO

import yaml

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("dvc.lock", "track/dvc.lock")
MINIATURE_STUDENT = {
    "backbone": "tiny",
    "width": 0.5,
    "pooling": "gap",
    "rank": "none",
    "qat": 0,
    "precision": "float32",
    "seeds": 1,
}
MINIATURE_STUDENTS = {"one": MINIATURE_STUDENT, "two": MINIATURE_STUDENT | {"rank": 8, "seeds": 2}}


def miniature() -> dict:
    """Return params.yaml's content, cut to seconds of audio and a handful of steps."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["audio"]["espeak"] = {
        "speech": {"use": "corpus", "set": "distillation", "hours": 0.03},
        "mask": {"use": "task", "set": "mask", "clips": 40},
        "emotion": {"use": "task", "set": "emotion", "clips": 60},
    }
    params["teacher"]["training"] |= {"steps": 3, "batch_windows": 8}
    params["targets"] |= {"windows_per_clip": 8, "validation_share": 0.2, "projection": 16}
    params["distill"] |= {
        "bottleneck": 32,
        "steps": 6,
        "batch_windows": 8,
        "checkpoint_steps": 2,
        "validate_steps": 2,
    }
    params["students"] = MINIATURE_STUDENTS
    params["convert"] |= {"min_cosine_quantised": 0.5, "min_cosine_int8": 0.5}
    params["devices"]["host"] |= {"rounds": 3, "round_ms": 5.0, "cadence_runs": 2}
    params["selection"] |= {"latency_ms": 1000.0, "file_bytes": "none"}
    return params


def stages_run(printed: str) -> list[str]:
    """Return the stages that DVC says it ran."""
    return re.findall(r"Running stage '(?:track/dvc.yaml:)?([^']+)'", printed)


class Project:
    """The project in a folder of its own, under git."""

    extra: dict[str, str] = {}  # of the environment of what it runs

    def __init__(self, folder: Path, params: dict):
        self.folder = folder
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "dvc.lock")
        for name in ("src", "stages", "track", "presets"):
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        packages = ("requirements.lock", "requirements-gpu.lock")
        for name in ("dvc.yaml", *packages, ".dvcignore", ".gitignore"):
            shutil.copy(ROOT / name, folder / name)
        (folder / ".dvc").mkdir()
        for name in ("config", ".gitignore"):
            shutil.copy(ROOT / ".dvc" / name, folder / ".dvc" / name)
        self.params = params
        subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
        self.commit()

    def clone(self, folder: Path) -> "Project":
        """Return what git has of it, elsewhere: no outputs, no cache."""
        subprocess.run(["git", "clone", "--quiet", str(self.folder), str(folder)], check=True)
        return self._at(folder)

    @classmethod
    def at(cls, folder: Path) -> "Project":
        """Return one that is there already."""
        project = cls.__new__(cls)
        project.folder = folder
        project.params = yaml.safe_load((folder / "params.yaml").read_text())
        return project

    def copy(self, folder: Path) -> "Project":
        """Return the project as it stands, elsewhere.

        Without its MLflow store, which names the place that it was made in: `track` writes another.
        """
        store = shutil.ignore_patterns("mlflow.db", "mlruns")
        shutil.copytree(self.folder, folder, symlinks=True, ignore=store)
        return self._at(folder)

    def _at(self, folder: Path) -> "Project":
        twin = copy.copy(self)
        twin.folder = folder
        twin.params = copy.deepcopy(self.params)
        return twin

    def write(self) -> None:
        """Write params.yaml from `params`."""
        (self.folder / "params.yaml").write_text(yaml.safe_dump(self.params, sort_keys=False))

    def commit(self) -> None:
        """Commit params.yaml, from `params`, and all other files that are not ignored."""
        self.write()
        author = "-c user.name=test -c user.email=test@example.org"
        for command in ("add --all", f"{author} commit --quiet --message test"):
            subprocess.run(["git", *command.split()], cwd=self.folder, check=True)

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run a command of this environment, such as run("dvc", "repro").

        Both its streams are in stdout.
        """
        return subprocess.run(
            arguments,
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    def start(self, *arguments: str, stdout: int | IO = subprocess.DEVNULL) -> subprocess.Popen:
        """Start a command in the background, in a process group of its own.

        It is silent unless it is given a file to write to.
        """
        return subprocess.Popen(
            arguments,
            cwd=self.folder,
            env=self._environment(),
            start_new_session=True,
            stdout=stdout,
            stderr=subprocess.STDOUT,
        )

    def _environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return os.environ | {"PYTHONPATH": str(self.folder / "src"), "PATH": path} | self.extra

    def repro(self, *arguments: str) -> list[str]:
        """Run `dvc repro` and return the names of the stages that really ran.

        Fails with its output if it fails.
        """
        self.write()
        done = self.run("dvc", "repro", *arguments)
        assert done.returncode == 0, done.stdout
        return stages_run(done.stdout)

    def lock(self) -> dict:
        """Return the entries of dvc.lock and track/dvc.lock."""
        entries = {}
        for path in LOCKS:
            entries |= yaml.safe_load((self.folder / path).read_text())["stages"]
        return entries


def logged_runs(project: Project) -> list[str]:
    """Return the names of the models that MLflow has; frontiers have runs beside them."""
    query = "select name from runs where status = 'FINISHED' and name not like 'frontier %'"
    with sqlite3.connect(project.folder / "mlflow.db") as database:
        return [name for (name,) in database.execute(query)]
