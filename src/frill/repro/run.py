"""One run of the whole graph: from the project's lock to the sentence at the end."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from frill.errors import UserError
from frill.gpus import list_gpus
from frill.params.load import load_params
from frill.params.schema import Params
from frill.repro import view
from frill.repro.dvc_stages import DvcStages
from frill.repro.jobs import Ended, Job, Place
from frill.repro.processes import Processes
from frill.repro.scheduler import Scheduler
from frill.workers import count_workers
from frill.workflow.dvc_project import lock_project

# Of the memory that is free when a run begins: the rest is for files that stages read again.
MEMORY_SHARE = 0.9
CGROUP_MEMORY = Path("/sys/fs/cgroup/memory.max")

# What a cluster is made from: the stages and the settings.
MakePlace = Callable[[DvcStages, Params], tuple[Place, frozenset[str]]]


def run(jobs: int | None, make_cluster: MakePlace | None = None) -> list[Ended]:
    """Run every stage that is not up to date, at most `jobs` at once on this machine.

    Without `jobs` as many as there are cores for `threads` each. `make_cluster` makes a place for
    stages of the kinds that it returns. Returns what became of each. Raises UserError, and
    KeyboardInterrupt after Ctrl-C, when all that ran has ended.
    """
    params = load_params()
    cores = count_workers()
    at_once = jobs or max(1, cores // params.threads)
    with lock_project() as repo, _stop_on_signals() as stopped, repo.scm_context:
        stages = DvcStages(repo)
        memory_gib = MEMORY_SHARE * read_free_memory_gib()
        here = Processes(stages, at_once, memory_gib, list_gpus())
        elsewhere, kinds = make_cluster(stages, params) if make_cluster else (here, frozenset())

        def place_of(job: Job) -> Place:
            return elsewhere if job.kind in kinds else here

        all_jobs = stages.list_jobs(params.sweep)
        meter = view.CoreMeter(cores)
        scheduler = Scheduler(all_jobs, stages, place_of)
        ended = []
        with view.choose(all_jobs, cores) as shown:
            events = scheduler.run(cores)
            try:
                for event in events:
                    if stopped:
                        break
                    if event is None:
                        shown.look(scheduler.running)
                        continue
                    ended.append(event)
                    shown.show(event)
            finally:
                events.close()
                stages.sort_lock()
    if stopped:
        print("\ninterrupted; what is finished stays, and the next run goes on", file=sys.stderr)
        raise KeyboardInterrupt
    print(f"\n{summarise(ended, meter)}", flush=True)
    return ended


def summarise(ended: list[Ended], meter: view.CoreMeter) -> str:
    """Return how much ran and was up to date, how busy the cores were, and who failed."""
    counts = {}
    for each in ended:
        counts[each.status] = counts.get(each.status, 0) + 1
    parts = [f"{number} {status}" for status, number in counts.items()]
    lines = [f"{len(ended)} stages in {view.format_seconds(meter.elapsed_s)}: {', '.join(parts)}"]
    if counts.get("done"):
        lines[0] += f"; {meter.describe()}"
    if failed := [each for each in ended if each.status == "failed"]:
        lines += ["", "Failed; all that did not need them ran:"]
        for each in failed:
            log = f" (all of it: {each.log})" if each.log else ""
            lines.append(f"  {each.job.name}{log}")
            lines += [f"    {line}" for line in each.error.splitlines()]
        lines.append("Mend the cause and repeat the command: what is finished stays.")
    return "\n".join(lines)


def read_free_memory_gib() -> float:
    """Return what is free on this machine, or in this container if that has a limit."""
    free = psutil.virtual_memory().available
    try:
        free = min(free, int(CGROUP_MEMORY.read_text()))
    except (OSError, ValueError):  # no container, or one without a limit
        pass
    return free / 2**30


@contextmanager
def _stop_on_signals() -> Iterator[list[int]]:
    """Give a list that has a signal's number once Ctrl-C or SIGTERM asked to stop.

    Neither comes into the midst of what DVC writes. A second Ctrl-C does. A second SIGTERM changes
    nothing: where one is sent to a group, its caller hands on another.
    """
    stopped: list[int] = []

    def note(number: int, _frame) -> None:
        if stopped and number == signal.SIGINT:
            raise KeyboardInterrupt
        stopped.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def check_jobs(jobs: int | None) -> None:
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs {jobs}: must be 1 or more; without it all cores are used")
