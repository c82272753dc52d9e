"""What the scheduler knows of a stage, what became of it, and what runs stages for it."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Job:
    """One stage of the graph, such as distill@small_100."""

    name: str
    kind: str  # distill
    needs: frozenset[str] = frozenset()  # the stages that have to be done before
    memory_gib: float = 0.0
    gpus: int = 0  # that nothing else uses meanwhile
    alone: bool = False  # times a device: runs after the rest, beside nothing


@dataclass(frozen=True)
class Ended:
    """What became of a job. `error` is a sentence, empty if it succeeded."""

    job: Job
    status: str  # done, up to date, from DVC's cache, failed or not run
    error: str = ""
    seconds: float = 0.0
    note: str = ""  # the last line that it printed, or where it ran
    log: str = ""  # the file with all that it printed
    entry: dict | None = None  # of dvc.lock, if it ran in another workspace

    @property
    def succeeded(self) -> bool:
        return not self.error


class Place(Protocol):
    """Where stages run: this machine (processes.py), or a cluster (frill.sweep)."""

    def has_room(self, job: Job) -> bool: ...

    def start(self, job: Job, workers: int) -> None:
        """Start a job whose stage may use as many worker processes as `workers`."""

    def poll(self) -> list[Ended]:
        """Return what has ended since the last call, without waiting."""

    def stop(self) -> None:
        """Kill all that runs."""


class Stages(Protocol):
    """What a stage's inputs and outputs say of it (dvc_stages.py)."""

    def begin(self, job: Job) -> str | None:
        """Return how the job is done already, None if it has to run; its old outputs are gone then.

        Raises UserError.
        """

    def finish(self, job: Job, entry: dict | None) -> None:
        """Record what a job that ran has made, here or by the entry elsewhere. Raises UserError."""

    def save(self) -> None:
        """Write down what was recorded since the last call."""
