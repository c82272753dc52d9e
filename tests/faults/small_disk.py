"""Runs a stage at a time in a copy of the project on a tmpfs that has no room left.

    unshare -r -m python tests/faults/small_disk.py PROJECT FOLDER STAGE...

Without a stage it runs all. It prints a JSON line for each.
"""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from disturbed import Stage, assert_same, stages, take  # noqa: E402
from pipeline_project import Project  # noqa: E402

NAMESPACES = ["unshare", "-r", "-m"]
ROOMY_KIB = 8 << 20
PAGE_KIB = 4
BY_DVC = ("frontier",)  # DVC itself has no room for its lock, its cache, dvc.lock


class SmallDisk:
    def __init__(self, folder: Path):
        folder.mkdir(parents=True)
        self.folder = folder
        size = f"size={ROOMY_KIB}k"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], check=True)

    def leave(self, kib: int) -> None:
        """Leave so much room from now on."""
        disk = os.statvfs(self.folder)
        used_kib = (disk.f_blocks - disk.f_bfree) * disk.f_bsize // 1024
        self._resize(used_kib + max(kib, 0))

    def grow(self) -> None:
        self._resize(ROOMY_KIB)

    def _resize(self, kib: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={kib}k", self.folder], check=True)


def written_kib(project: Project, stage: Stage) -> int:
    """Return what a stage's outputs take on the disk."""
    pages = 0
    for out in stage.outs:
        for path in [project.folder / out, *(project.folder / out).rglob("*")]:
            if path.is_file():
                pages += math.ceil(path.stat().st_size / (PAGE_KIB << 10))
    return pages * PAGE_KIB


def fill_up(disk: SmallDisk, project: Project, stage: Stage, kib: int, command: list[str]) -> dict:
    """Run a stage where so much is left on the disk.

    What it leaves behind stays, for DVC to judge.
    """
    for out in stage.outs:  # as DVC does before it runs a stage
        subprocess.run(["rm", "-rf", project.folder / out], check=True)
        (project.folder / out).parent.mkdir(parents=True, exist_ok=True)
    # What scoring and training keep is written again.
    subprocess.run(["rm", "-rf", project.folder / "scratch"], check=True)
    disk.leave(kib)
    done = project.run(*command)
    disk.grow()
    lines = [line for line in done.stdout.splitlines() if "o space" in line]
    return {
        "kib": kib,
        "code": done.returncode,
        "trace": "Traceback" in done.stdout,
        "said": lines[:1],
        "last": done.stdout.splitlines()[-2:],
    }


def main(reference: Path, folder: Path, *names: str) -> None:
    whole = Project.at(reference)
    disk = SmallDisk(folder)
    project = take(whole, folder / "frill")
    for stage in stages(project):
        if names and stage.name not in names:
            continue
        half = written_kib(project, stage) // 2 // PAGE_KIB * PAGE_KIB
        sizes = [half if half > 16 * PAGE_KIB else 0]
        if names:
            sizes = sorted({0, half})
        for kib in sizes:
            result = fill_up(disk, project, stage, kib, ["python", *stage.argv[1:]])
            tell({"stage": stage.name, **result})
        for out in stage.outs:  # the next stage needs it whole
            subprocess.run(["rm", "-rf", project.folder / out], check=True)
            subprocess.run(["cp", "-a", whole.folder / out, project.folder / out], check=True)
    by_dvc = ["dvc", "repro", "--force", "--single-item", "--no-run-cache"]
    for stage in stages(project):
        if stage.name in BY_DVC and (not names or stage.name in names):
            for kib in (0, PAGE_KIB):
                result = fill_up(disk, project, stage, kib, [*by_dvc, stage.name])
                tell({"stage": f"DVC, {stage.name}", **result})
    done = project.run("frill", "repro")
    assert done.returncode == 0, done.stdout
    same = assert_same(project, whole)
    tell({"same_files": same, "ran": done.stdout.count("Running stage")})


def tell(result: dict) -> None:
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
