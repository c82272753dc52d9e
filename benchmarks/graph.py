"""What DVC's own work costs as students grow.

    python benchmarks/graph.py [--students 36 144 1000] [--full 144] [--frill] [--busy] [--profile]

It takes this project's dvc.yaml and code into a throwaway repository and replaces every command by
a stub that writes the stage's outputs. For each number of students:

full      everything, from an empty folder. Beyond --full students outputs are written and `dvc
          commit`ed instead, and the time is extrapolated: DVC rewrites its whole lock file after
          each stage, so a stage costs a + b x (stages so far); a is from the smallest graph, b from
          `add one`
no-op     nothing has changed: `track` runs, which always does
add one   a line more in params.yaml: its four stages and the last ones run
--frill   by `frill repro`, which runs stages side by side, in place of `dvc repro`
--busy    the no-op once more beside as many spinning processes as there are cores

Seconds of CPU (DVC's and the stubs') and of wall; the stubs' own part is some 3 ms a stage.
`--profile` prints where a no-op spends its time.
"""

import argparse
import multiprocessing
import os
import pstats
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).resolve().parent.parent
COPIED = (
    "src",
    "stages",
    "track/dvc.yaml",
    "dvc.yaml",
    "requirements.lock",
    "requirements-gpu.lock",
    "params.yaml",
    ".dvc/config",
    ".dvcignore",
    ".gitignore",
)
GRAPHS = ("dvc.yaml", "track/dvc.yaml")
# In an output that is a folder: a student's has four, a converted one's two or three.
FILES = "summary.json 2 3"
STUB = f"""#!/bin/sh
# Arguments: outputs, folders with a / at the end; -- and the command that is not run.
# What is written differs from command to command.
for out in "$@"; do
  case $out in
  --) break ;;
  */) mkdir -p "$out"; for i in {FILES}; do echo "$out $i $*" > "$out$i"; done ;;
  *) mkdir -p "${{out%/*}}"; echo "$out $*" > "$out" ;;
  esac
done
"""


# `frill repro` without the table at its end, which stubs give no figures for.
FRILL = ("-c", "from frill.repro.run import run; run(None)")


# Its outputs' names are those of the stages; it takes a second or two.
REAL = "code"


class Cost(NamedTuple):
    """What a command took, and the stages that it ran."""

    wall_s: float
    cpu_s: float
    ran: int


class Graph:
    """The project in `folder`, with a number of students."""

    def __init__(self, folder: Path, students: int, by_frill: bool):
        self.folder = folder
        self.repro = FRILL if by_frill else ("-m", "dvc", "repro")
        listing = ["git", "ls-files", "-z", *COPIED]
        tracked = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True)
        for name in filter(None, tracked.stdout.split("\0")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        for name in GRAPHS:
            path = folder / name
            graph = yaml.safe_load(path.read_text())
            for kind, stage in graph["stages"].items():
                if kind != REAL:
                    stub(stage.get("do", stage))
            path.write_text(yaml.safe_dump(graph, sort_keys=False))
        (folder / "stub.sh").write_text(STUB)
        self.params = yaml.safe_load((folder / "params.yaml").read_text())
        self.params["students"] = {}
        for _ in range(students):
            self.add()
        for command in (
            "init --quiet",
            "add --all",
            "-c user.name=graph -c user.email=graph@localhost commit --quiet --message start",
        ):
            subprocess.run(["git", *command.split()], cwd=folder, check=True)

    def add(self) -> None:
        """Add a student, a line in params.yaml as people write it."""
        students = self.params["students"]
        number = len(students)
        students[f"student_{number:04}"] = dict(
            backbone="small",
            width=0.5 + number / 1000,
            pooling="gap",
            rank="none",
            qat=0,
            precision="float32",
            seeds=1,
        )
        head = {key: value for key, value in self.params.items() if key != "students"}
        text = yaml.safe_dump(head, sort_keys=False) + "students:\n"
        for name, axes in students.items():
            line = yaml.safe_dump(axes, default_flow_style=True, width=999, sort_keys=False)
            text += f"  {name}: {line}"
        (self.folder / "params.yaml").write_text(text)

    def run(self, *arguments: str) -> Cost:
        """Run Python, as in run(*graph.repro). Exit with what it printed if it fails."""
        command = [sys.executable, *arguments]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PYTHONPATH": str(self.folder / "src"), "PATH": path}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.perf_counter()
        process = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        wall_s = time.perf_counter() - begin
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if process.returncode:
            sys.exit(process.stdout)
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        ran = len(re.findall(r"(?m)^Running stage|: done \(", process.stdout))
        return Cost(wall_s, cpu_s, ran)

    def write_outputs(self) -> None:
        """Write what a full run would write, without DVC."""
        from dvc.repo import Repo

        script = "\n".join(stage.cmd for stage in Repo(self.folder).index.stages)
        subprocess.run(["sh", "-e"], input=script, cwd=self.folder, check=True, text=True)


def stub(stage: dict) -> None:
    """Replace the command, which stays behind as the stub's arguments.

    A student's values stand in it, and a change of them has to re-run it.
    """
    paths = [out if isinstance(out, str) else next(iter(out)) for out in stage["outs"]]
    outs = [path if Path(path).suffix in (".json", ".txt") else f"{path}/" for path in paths]
    stage["cmd"] = " ".join(["sh stub.sh", *outs, "--", stage["cmd"]])


def spin() -> None:
    while True:
        pass


def busy(run):
    """Return what `run` returns beside a spinning process on every core."""
    cores = range(os.cpu_count() or 1)
    spinning = [multiprocessing.Process(target=spin, daemon=True) for _ in cores]
    for process in spinning:
        process.start()
    try:
        return run()
    finally:
        for process in spinning:
            process.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--students", type=int, nargs="+", default=[36, 144, 1000])
    parser.add_argument("--full", type=int, default=144, help="the most students to run in full")
    parser.add_argument("--frill", action="store_true", help="by frill repro, not dvc repro")
    parser.add_argument("--busy", action="store_true", help="the no-op beside spinning processes")
    parser.add_argument("--profile", action="store_true", help="where the no-op spends its time")
    arguments = parser.parse_args()
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; seconds of CPU / of wall, "
        "in brackets the stages that ran",
        flush=True,
    )
    smallest = None
    for students in sorted(arguments.students):
        with tempfile.TemporaryDirectory() as folder:
            graph = Graph(Path(folder), students, arguments.frill)
            smallest = measure(graph, students, arguments, smallest)


def measure(
    graph: Graph, students: int, arguments: argparse.Namespace, smallest: float | None
) -> float | None:
    """Print the lines of a number of students.

    Returns what a stage costs in the smallest graph, in seconds of CPU.
    """

    def tell(what: str, cost: Cost, note: str = "") -> None:
        times = f"{cost.cpu_s:8.1f} / {cost.wall_s:7.1f}"
        print(f"{students:>6} {what:<9}{times} ({cost.ran}){note}", flush=True)

    measured = students <= arguments.full
    if measured:
        full = graph.run(*graph.repro)
        tell("full", full)
        smallest = smallest or full.cpu_s / full.ran
    else:
        graph.write_outputs()
        tell("commit", graph.run("-m", "dvc", "commit", "--force", "--quiet"))
    noop = graph.run(*graph.repro)
    lock = (graph.folder / "dvc.lock").read_text()
    lines = lock.count("\n")
    tell("no-op", noop, f"; dvc.lock has {lines} lines, {len(lock) / 2**20:.1f} MiB")
    if arguments.busy:
        tell("no-op", busy(lambda: graph.run(*graph.repro)), " beside spinning processes")
    if arguments.profile:
        profile(graph)
    graph.add()
    added = graph.run(*graph.repro)
    tell("add one", added)
    if not measured and smallest:
        stages = lock.count("\n    cmd:")
        last_s = (added.cpu_s - noop.cpu_s) / (added.ran - noop.ran)
        full_s = stages * (smallest + last_s) / 2
        print(
            f"{students:>6} {'full':<9}{full_s:8.1f} of CPU, extrapolated ({stages}): "
            f"{last_s:.2f} for the last stage",
            flush=True,
        )
    return smallest


def profile(graph: Graph) -> None:
    path = graph.folder / "profile.out"
    script = graph.folder / "repro.py"
    module = "import runpy, sys; sys.argv[1:] = ['repro']; runpy.run_module('dvc', alter_sys=True)"
    script.write_text(graph.repro[1] if graph.repro == FRILL else module)
    graph.run("-m", "cProfile", "-o", str(path), str(script))
    pstats.Stats(str(path)).sort_stats("cumulative").print_stats(90)


if __name__ == "__main__":
    main()
