"""Disk full: a stage at a time in a copy of the project on a tmpfs that has no room left, in namespaces of its own.

unshare -r -m python tests/faults/small_disk.py PROJECT FOLDER STAGE...     (all stages without a name); prints a JSON line for each
"""

import json
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
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={ROOMY_KIB}k", "tmpfs", folder], check=True
        )

    def leave(self, kib: int) -> None:
        """So much room from now on."""
        found = os.statvfs(self.folder)
        self._resize((found.f_blocks - found.f_bfree) * found.f_bsize // 1024 + max(kib, 0))

    def grow(self) -> None:
        self._resize(ROOMY_KIB)

    def _resize(self, kib: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={kib}k", self.folder], check=True)


def written_kib(project: Project, stage: Stage) -> int:
    """What a stage's outputs take on the disk."""
    paths = [
        path
        for out in stage.outs
        for path in [project.folder / out, *(project.folder / out).rglob("*")]
        if path.is_file()
    ]
    return sum(-(-path.stat().st_size // 4096) * PAGE_KIB for path in paths)


def fill_up(disk: SmallDisk, project: Project, stage: Stage, kib: int, command: list[str]) -> dict:
    """Runs the stage where so much is left on the disk; what it leaves behind stays, for DVC to judge."""
    for out in stage.outs:  # as DVC does before it runs a stage
        subprocess.run(["rm", "-rf", project.folder / out], check=True)
        (project.folder / out).parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["rm", "-rf", project.folder / "scratch"], check=True
    )  # what scoring and training keep is written again
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
        half, script = (
            written_kib(project, stage) // 2 // PAGE_KIB * PAGE_KIB,
            ["python", *stage.argv[1:]],
        )
        for kib in sorted({0, half}) if names else [half if half > 16 * PAGE_KIB else 0]:
            print(
                json.dumps({"stage": stage.name, **fill_up(disk, project, stage, kib, script)}),
                flush=True,
            )
        for out in stage.outs:  # the next stage needs it whole
            subprocess.run(["rm", "-rf", project.folder / out], check=True)
            subprocess.run(["cp", "-a", whole.folder / out, project.folder / out], check=True)
    by_dvc = ["dvc", "repro", "--force", "--single-item", "--no-run-cache"]
    for stage in stages(project):
        if stage.name in BY_DVC and (not names or stage.name in names):
            for kib in (0, PAGE_KIB):
                print(
                    json.dumps(
                        {
                            "stage": f"DVC, {stage.name}",
                            **fill_up(disk, project, stage, kib, [*by_dvc, stage.name]),
                        }
                    ),
                    flush=True,
                )
    done = project.run("frill", "repro")
    assert done.returncode == 0, done.stdout
    print(
        json.dumps(
            {"same_files": assert_same(project, whole), "ran": done.stdout.count("Running stage")}
        ),
        flush=True,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
