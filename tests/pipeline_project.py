"""A copy of the project with params.yaml in miniature: the real stages and the real DVC graph, in about two minutes."""

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
MINIATURE_STUDENTS = {
    "one": {
        "backbone": "tiny",
        "width": 0.5,
        "pooling": "gap",
        "rank": "none",
        "qat": 0,
        "precision": "float32",
        "seeds": 1,
    },
    "two": {
        "backbone": "tiny",
        "width": 0.5,
        "pooling": "gap",
        "rank": 8,
        "qat": 0,
        "precision": "float32",
        "seeds": 2,
    },
}


def miniature() -> dict:
    """params.yaml's content, cut to seconds of audio and a handful of steps."""
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
    params["devices"]["host"] |= {"rounds": 3, "round_ms": 5.0}
    params["selection"] |= {"latency_ms": 1000.0, "file_bytes": "none"}
    return params


def stages_run(printed: str) -> list[str]:
    """The stages that DVC says it ran."""
    return re.findall(r"Running stage '(?:track/dvc.yaml:)?([^']+)'", printed)


class Project:
    """The project in a folder of its own, under git."""

    extra: dict[str, str] = {}  # of the environment of what it runs

    def __init__(self, folder: Path, params: dict):
        self.folder = folder
        for name in (
            "src",
            "stages",
            "track",
            "dvc.yaml",
            "requirements.lock",
            ".dvcignore",
            ".gitignore",
            "presets",
        ):
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(
                    source,
                    folder / name,
                    ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "dvc.lock"),
                )
            else:
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, folder / name)
        (folder / ".dvc").mkdir()
        for name in ("config", ".gitignore"):
            shutil.copy(ROOT / ".dvc" / name, folder / ".dvc" / name)
        self.params = params
        subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
        self.commit()

    def clone(self, folder: Path) -> "Project":
        """What git has of it, elsewhere: no outputs, no cache."""
        subprocess.run(["git", "clone", "--quiet", str(self.folder), str(folder)], check=True)
        return self._at(folder)

    @classmethod
    def at(cls, folder: Path) -> "Project":
        """One that is there already."""
        found = cls.__new__(cls)
        found.folder, found.params = folder, yaml.safe_load((folder / "params.yaml").read_text())
        return found

    def copy(self, folder: Path) -> "Project":
        """The project as it stands, elsewhere."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return self._at(folder)

    def _at(self, folder: Path) -> "Project":
        twin = copy.copy(self)
        twin.folder, twin.params = folder, copy.deepcopy(self.params)
        return twin

    def write(self) -> None:
        """params.yaml, from `params`."""
        (self.folder / "params.yaml").write_text(yaml.safe_dump(self.params, sort_keys=False))

    def commit(self) -> None:
        """params.yaml, from `params`, and all other files that are not ignored."""
        self.write()
        for command in (
            "add --all",
            "-c user.name=test -c user.email=test@example.org commit --quiet --message test",
        ):
            subprocess.run(["git", *command.split()], cwd=self.folder, check=True)

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        """A command of this environment, such as run("dvc", "repro"), with both its streams in stdout."""
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
        """The same in the background, in a process group of its own; silent unless it is given a file to write to."""
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
        """Runs `dvc repro` and returns the names of the stages that really ran. Fails with its output if it fails."""
        self.write()
        done = self.run("dvc", "repro", *arguments)
        assert done.returncode == 0, done.stdout
        return stages_run(done.stdout)

    def lock(self) -> dict:
        """The entries of dvc.lock and track/dvc.lock."""
        return {
            name: entry
            for path in LOCKS
            for name, entry in yaml.safe_load((self.folder / path).read_text())["stages"].items()
        }


def logged_runs(project: Project) -> list[str]:
    """Names of the models that MLflow has; frontiers have runs beside them."""
    with sqlite3.connect(project.folder / "mlflow.db") as database:
        return [
            name
            for (name,) in database.execute(
                "select name from runs where status = 'FINISHED' and name not like 'frontier %'"
            )
        ]
