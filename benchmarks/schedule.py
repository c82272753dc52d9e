"""What a run would take on other numbers of cores, by the seconds of its last stages.

    make repro && python benchmarks/schedule.py [--cores 2 4 8 16]

It takes the seconds of every stage from logs/stages.jsonl and lets frill's own scheduler place
them on so many cores, with a clock that jumps from end to end. Left out: memory, DVC's work between
stages, and that a stage with worker processes is faster where cores are free. Seconds are those of
the run that measured them: of a busy machine, more. Then it prints the longest chain of stages that
need each other: no number of cores is faster.
"""

import argparse
import sys

from frill.params.load import load_params
from frill.repro.dvc_stages import DvcStages
from frill.repro.jobs import Ended, Job
from frill.repro.scheduler import Scheduler
from frill.repro.view import format_seconds
from frill.workflow.dvc_project import lock_project
from frill.workflow.stage import read_log


class Clock:
    """Stages that are all stale, and a place where each takes the seconds it took."""

    def __init__(self, seconds: dict[str, float], cores: int):
        self.now_s = 0.0
        self._seconds = seconds
        self._cores = cores
        self._ends_s: dict[Job, float] = {}

    def begin(self, job: Job) -> None:
        return None

    def finish(self, job: Job, entry: dict | None) -> None:
        pass

    def save(self) -> None:
        pass

    def has_room(self, job: Job) -> bool:
        return len(self._ends_s) < self._cores

    def start(self, job: Job, workers: int) -> None:
        self._ends_s[job] = self.now_s + self._seconds[job.name]

    def poll(self) -> list[Ended]:
        """Go on to when the next stage ends."""
        if not self._ends_s:
            return []
        job = min(self._ends_s, key=self._ends_s.__getitem__)
        self.now_s = self._ends_s.pop(job)
        return [Ended(job, "done")]

    def stop(self) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    arguments = parser.parse_args()
    with lock_project() as repo:
        jobs = DvcStages(repo).list_jobs(load_params().sweep)
    last = {entry["stage"]: entry["seconds"] for entry in read_log()}
    seconds = {job.name: last.get(job.name) for job in jobs}
    if missing := [name for name, value in seconds.items() if value is None]:
        sys.exit(f"logs/stages.jsonl has no time of {', '.join(missing)}; run `make repro` first")
    total_s = sum(seconds.values())
    print(f"{len(jobs)} stages of {format_seconds(total_s)} together")
    print(f"{'cores':>7}{'time':>9}{'busy':>8}")
    for cores in arguments.cores:
        took_s = simulate(jobs, seconds, cores)
        print(f"{cores:>7}{format_seconds(took_s):>9}{total_s / took_s / cores:>8.0%}")
    chain, chain_s = find_longest_chain(jobs, seconds)
    print(f"\nlongest chain, {format_seconds(chain_s)}")
    for name in chain:
        print(f"  {name:<36}{seconds[name]:>7.1f} s")


def simulate(jobs: list[Job], seconds: dict[str, float], cores: int) -> float:
    """Return the seconds of all jobs on so many cores."""
    clock = Clock(seconds, cores)
    for _ in Scheduler(jobs, clock, lambda _: clock).run(cores):
        pass
    return clock.now_s


def find_longest_chain(jobs: list[Job], seconds: dict[str, float]) -> tuple[list[str], float]:
    """Return the names of the jobs that wait for each other the longest, and their seconds.

    Timings wait for all the rest, too, and run one after the other: that is not in it.
    """
    longest: dict[str, tuple[float, list[str]]] = {}
    for job in jobs:  # each after those that it needs
        before_s, before = max((longest[need] for need in job.needs), default=(0.0, []))
        longest[job.name] = (before_s + seconds[job.name], [*before, job.name])
    chain_s, chain = max(longest.values())
    return chain, chain_s


if __name__ == "__main__":
    main()
