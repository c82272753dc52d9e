"""What a person sees of a run: live on a terminal, plain lines elsewhere."""

import resource
import time
from contextlib import AbstractContextManager
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, TaskID, TextColumn
from rich.text import Text

from frill.progress import read_progress
from frill.repro.jobs import Ended, Job
from frill.repro.processes import progress_path

LOOK_EVERY_S = 0.25
STYLES = {"done": "green", "from DVC's cache": "green", "failed": "red", "not run": "yellow"}


class View(Protocol):
    def show(self, ended: Ended) -> None:
        """Say what became of a job."""

    def look(self, running: dict[str, Job]) -> None:
        """Show what runs now, and how far it is."""


def choose(jobs: list[Job], cores: int) -> AbstractContextManager[View]:
    """Return the view for standard output, to be entered while the jobs run."""
    console = Console(highlight=False)
    if console.is_terminal:
        return _Live(console, len(jobs), cores)
    return _Lines(console, len(jobs))


def format_seconds(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class CoreMeter:
    """How much of the cores all stages used that have ended. Those of a cluster are not seen."""

    def __init__(self, cores: int):
        self._cores = cores
        self._begun = time.monotonic()
        self._before_s = _used_s()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._begun

    def describe(self) -> str:
        used = (_used_s() - self._before_s) / self.elapsed_s
        return f"{used:.2f} of {self._cores} cores busy in the mean"


def _used_s() -> float:
    """Return the CPU seconds of this process and of all that it has waited for."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    usages = map(resource.getrusage, who)
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


class _Lines:
    """A line for every stage that begins or ends. What is up to date is counted only."""

    def __init__(self, console: Console, total: int):
        self._console = console
        self._total = total
        self._ended = 0
        self._said: set[str] = set()

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_error) -> None:
        pass

    def show(self, ended: Ended) -> None:
        self._ended += 1
        if ended.status != "up to date":
            self._print(_describe(ended, f"{self._ended} of {self._total}"))

    def look(self, running: dict[str, Job]) -> None:
        for name in running.keys() - self._said:
            self._said.add(name)
            self._print(f"{name}: begins")

    def _print(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, markup=False)
        self._console.file.flush()


class _Live:
    """Finished stages above; below a bar for each that runs, and one for the whole."""

    def __init__(self, console: Console, total: int, cores: int):
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            _Amount(),
            _Left(),
            console=console,
            transient=True,
            auto_refresh=False,
        )
        self._cores = cores
        self._whole = self._bars.add_task("[bold]all stages", total=total, unit="stage")
        self._tasks: dict[str, TaskID] = {}
        self._looked = 0.0

    def __enter__(self) -> "_Live":
        self._bars.start()
        return self

    def __exit__(self, *_error) -> None:
        self._bars.stop()

    def show(self, ended: Ended) -> None:
        self._bars.advance(self._whole)
        if task := self._tasks.pop(ended.job.name, None):
            self._bars.remove_task(task)
        if ended.status != "up to date":
            style = STYLES.get(ended.status, "")
            text = escape(_describe(ended, ""))
            self._console.print(f"[{style}]●[/] {text}" if style else text, soft_wrap=True)

    def look(self, running: dict[str, Job]) -> None:
        if time.monotonic() - self._looked < LOOK_EVERY_S:
            return
        self._looked = time.monotonic()
        for name, job in running.items():
            if name not in self._tasks:
                self._tasks[name] = self._bars.add_task(escape(name), total=None)
            if (told := read_progress(progress_path(job))) is not None:
                self._bars.update(
                    self._tasks[name],
                    total=told.total,
                    completed=told.done,
                    unit=told.unit,
                    left_s=told.left_s,
                )
        busy = f"{len(running)} running, {self._cores} cores"
        self._bars.update(self._whole, busy=busy)
        self._bars.refresh()


class _Amount(ProgressColumn):
    """Such as 120/450 step; nothing before a stage has told."""

    def render(self, task) -> Text:
        if task.total is None:
            return Text("")
        return Text(f"{task.completed:.0f}/{task.total:.0f} {task.fields.get('unit', '')}")


class _Left(ProgressColumn):
    """The time that a stage runs, and what it has left by its own account."""

    def render(self, task) -> Text:
        parts = [format_seconds(task.elapsed or 0)]
        if (left_s := task.fields.get("left_s")) is not None:
            parts.append(f"{format_seconds(left_s)} left")
        if busy := task.fields.get("busy"):
            parts.append(busy)
        return Text(", ".join(parts), style="cyan")


def _describe(ended: Ended, count: str) -> str:
    """Return a line on a job that ended; after a failure, the last lines of its log, too."""
    took = f"{ended.seconds:.1f} s" if ended.seconds else ""
    details = ", ".join(part for part in (took, count) if part)
    head = f"{ended.job.name}: {ended.status}" + (f" ({details})" if details else "")
    if ended.error:
        first, *rest = ended.error.splitlines()
        return "\n".join([f"{head}: {first}", *(f"    {line}" for line in rest)])
    return f"{head}: {ended.note}" if ended.note else head
