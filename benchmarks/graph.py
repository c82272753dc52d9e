"""What DVC's own work costs as students grow: this project's dvc.yaml and code, every command replaced by a stub that writes the stage's outputs.

    python benchmarks/graph.py [--students 36 144 1000] [--full 144] [--busy] [--profile]

In a throwaway repository, for each number of students:

full      everything, from an empty folder. Beyond --full students outputs are written and `dvc commit`ed instead, and the time is extrapolated: DVC rewrites
          its whole lock file after each stage, so a stage costs a + b x (stages so far); a is from the smallest graph, b from `add one`
no-op     nothing has changed: `track` runs, which always does
add one   a line more in params.yaml: its four stages and the last ones run
--busy    the no-op once more beside as many spinning processes as there are cores

Seconds of CPU (DVC's and the stubs') and of wall; the stubs' own part is some 3 ms a stage. `--profile` prints where a no-op spends its time.
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
    "params.yaml",
    ".dvc/config",
    ".dvcignore",
    ".gitignore",
)
GRAPHS = ("dvc.yaml", "track/dvc.yaml")
FILES = "summary.json 2 3"  # in an output that is a folder: a student's has four, a converted one's two or three
STUB = f"""#!/bin/sh
# Arguments: outputs, folders with a / at the end; -- and the command that is not run. What is written differs from command to command.
for out in "$@"; do
  case $out in
  --) break ;;
  */) mkdir -p "$out"; for i in {FILES}; do echo "$out $i $*" > "$out$i"; done ;;
  *) mkdir -p "${{out%/*}}"; echo "$out $*" > "$out" ;;
  esac
done
"""


class Cost(NamedTuple):
    """What a command took, and the stages that it ran."""

    wall_s: float
    cpu_s: float
    ran: int


class Graph:
    """The project in `folder`, with a number of students."""

    def __init__(self, folder: Path, students: int):
        self.folder = folder
        tracked = subprocess.run(
            ["git", "ls-files", "-z", *COPIED], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout
        for name in filter(None, tracked.split("\0")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        for path in (folder / name for name in GRAPHS):
            graph = yaml.safe_load(path.read_text())
            for stage in graph["stages"].values():
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
        """One more student, a line in params.yaml as people write it."""
        number, head = (
            len(self.params["students"]),
            {key: value for key, value in self.params.items() if key != "students"},
        )
        self.params["students"][f"student_{number:04}"] = dict(
            backbone="small",
            width=0.5 + number / 1000,
            pooling="gap",
            rank="none",
            qat=0,
            precision="float32",
            seeds=1,
        )
        lines = [
            f"  {name}: {yaml.safe_dump(axes, default_flow_style=True, width=999, sort_keys=False)}"
            for name, axes in self.params["students"].items()
        ]
        (self.folder / "params.yaml").write_text(
            yaml.safe_dump(head, sort_keys=False) + "students:\n" + "".join(lines)
        )

    def dvc(self, *arguments: str, python: tuple[str, ...] = ()) -> Cost:
        """Runs DVC to its end. Fails with what it printed."""
        before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        command = [sys.executable, *python, "-m", "dvc", *arguments]
        environment = {
            name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
        }
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        wall_s, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            sys.exit(done.stdout)
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Cost(wall_s, cpu_s, len(re.findall("(?m)^Running stage", done.stdout)))

    def write_outputs(self) -> None:
        """What a full run would write, without DVC."""
        from dvc.repo import Repo

        commands = [stage.cmd for stage in Repo(self.folder).index.stages]
        subprocess.run(
            ["sh", "-e"], input="\n".join(commands), cwd=self.folder, check=True, text=True
        )


def stub(stage: dict) -> None:
    """Replaces the command, which stays behind as arguments: a student's values stand in it, and a change of them has to re-run it."""
    paths = [out if isinstance(out, str) else next(iter(out)) for out in stage["outs"]]
    outs = [path if Path(path).suffix in (".json", ".txt") else f"{path}/" for path in paths]
    stage["cmd"] = " ".join(["sh stub.sh", *outs, "--", stage["cmd"]])


def spin() -> None:
    while True:
        pass


def busy(run):
    """What `run` returns, beside a spinning process a core."""
    spinning = [
        multiprocessing.Process(target=spin, daemon=True) for _ in range(os.cpu_count() or 1)
    ]
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
    parser.add_argument(
        "--full", type=int, default=144, help="the most students whose full run is measured (144)"
    )
    parser.add_argument(
        "--busy", action="store_true", help="the no-op beside spinning processes too"
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="where the no-op and the last stages spend their time",
    )
    arguments = parser.parse_args()
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; seconds of CPU / of wall, in brackets the stages that ran",
        flush=True,
    )
    smallest = None
    for students in sorted(arguments.students):
        with tempfile.TemporaryDirectory() as folder:
            graph = Graph(Path(folder), students)
            smallest = measure(graph, students, arguments, smallest)


def measure(
    graph: Graph, students: int, arguments: argparse.Namespace, smallest: float | None
) -> float | None:
    """Prints a number of students' lines. Returns what a stage costs in the smallest graph, in seconds of CPU."""

    def tell(what: str, cost: Cost, note: str = "") -> None:
        print(
            f"{students:>6} {what:<9}{cost.cpu_s:8.1f} / {cost.wall_s:7.1f} ({cost.ran}){note}",
            flush=True,
        )

    measured = students <= arguments.full
    if measured:
        full = graph.dvc("repro")
        tell("full", full)
        smallest = smallest or full.cpu_s / full.ran
    else:
        graph.write_outputs()
        tell("commit", graph.dvc("commit", "--force", "--quiet"))
    noop = graph.dvc("repro")
    lock = (graph.folder / "dvc.lock").read_text()
    tell("no-op", noop, f"; dvc.lock has {lock.count(chr(10))} lines, {len(lock) / 2**20:.1f} MiB")
    if arguments.busy:
        tell("no-op", busy(lambda: graph.dvc("repro")), " beside spinning processes")
    if arguments.profile:
        profile(graph)
    graph.add()
    added = graph.dvc("repro")
    tell("add one", added)
    if not measured and smallest:
        stages, last_s = (
            lock.count("\n    cmd:"),
            (added.cpu_s - noop.cpu_s) / (added.ran - noop.ran),
        )
        print(
            f"{students:>6} {'full':<9}{stages * (smallest + last_s) / 2:8.1f} of CPU, extrapolated ({stages}): {last_s:.2f} for the last stage",
            flush=True,
        )
    return smallest


def profile(graph: Graph) -> None:
    path = graph.folder / "profile.out"
    graph.dvc("repro", python=("-m", "cProfile", "-o", str(path)))
    pstats.Stats(str(path)).sort_stats("cumulative").print_stats(90)


if __name__ == "__main__":
    main()
