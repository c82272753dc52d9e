"""Stages as processes of this machine, each with a log of its own."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from frill import progress
from frill import workers as workers_setting
from frill.gpus import VARIABLE
from frill.repro import guard
from frill.repro.dvc_stages import DvcStages
from frill.repro.jobs import Ended, Job

LOGS = Path("logs")
LAST_LINES = 5  # of a failed stage's log


@dataclass
class _Running:
    job: Job
    process: subprocess.Popen
    begun: float
    gpus: list[str]


class Processes:
    """This machine, with room for `jobs` stages at once and for as many as `memory_gib` takes.

    A stage that asks for GPUs gets some of `gpus`, and sees no others. Where there are too few in
    all, it is started nevertheless, and says so.
    Nothing that it starts outlives this process, however that ends.
    """

    def __init__(self, stages: DvcStages, jobs: int, memory_gib: float, gpus: list[str]):
        self._stages = stages
        self._jobs = jobs
        self._memory_gib = memory_gib
        self._gpus = gpus
        self._running: dict[str, _Running] = {}
        # The guards read from it; it is at its end when this process is gone.
        self._reading, self._writing = os.pipe()
        self._guard = Path(guard.__file__).read_text()

    def has_room(self, job: Job) -> bool:
        """One stage always has: the memory that it is said to take is an estimate."""
        taken_gib = sum(each.job.memory_gib for each in self._running.values())
        fits = taken_gib + job.memory_gib <= self._memory_gib
        fits = fits and job.gpus <= len(self._list_free_gpus())
        return not self._running or (len(self._running) < self._jobs and fits)

    def start(self, job: Job, workers: int) -> None:
        log = log_path(job)
        log.parent.mkdir(exist_ok=True)
        progress_path(job).unlink(missing_ok=True)
        command, options = self._stages.describe_command(job)
        options["env"] |= {
            workers_setting.VARIABLE: str(workers),
            progress.FILE: str(progress_path(job).absolute()),
            "PYTHONPATH": str(Path("src").resolve()),
            "PYTHONUNBUFFERED": "1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{options['env']['PATH']}",
        }
        gpus = self._list_free_gpus()[: job.gpus]
        if gpus:
            options["env"][VARIABLE] = ",".join(gpus)
        options.pop("shell")
        options.pop("close_fds")
        guarded = [sys.executable, "-I", "-c", self._guard, str(self._reading), "sh", "-c"]
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*guarded, command],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                pass_fds=[self._reading],
                start_new_session=True,
                **options,
            )
        self._running[job.name] = _Running(job, process, time.monotonic(), gpus)

    def _list_free_gpus(self) -> list[str]:
        taken = [gpu for each in self._running.values() for gpu in each.gpus]
        return [gpu for gpu in self._gpus if gpu not in taken]

    def poll(self) -> list[Ended]:
        ended = []
        for name, running in list(self._running.items()):
            code = running.process.poll()
            if code is not None:
                del self._running[name]
                progress_path(running.job).unlink(missing_ok=True)
                ended.append(_describe_end(running, code))
        return ended

    def stop(self) -> None:
        for running in self._running.values():
            os.killpg(running.process.pid, signal.SIGKILL)
            running.process.wait()
            progress_path(running.job).unlink(missing_ok=True)
        self._running.clear()


def log_path(job: Job) -> Path:
    """Return the file with all that a job's stage prints."""
    return LOGS / f"{job.name}.log"


def progress_path(job: Job) -> Path:
    return log_path(job).with_suffix(".progress")


def read_last_lines(job: Job) -> list[str]:
    """Return the last lines of a job's log, without its own name before them."""
    lines = log_path(job).read_text(errors="replace").splitlines()
    lines = [line.removeprefix(f"{job.name}: ") for line in lines if line.strip()]
    return lines[-LAST_LINES:]


def _describe_end(running: _Running, code: int) -> Ended:
    job = running.job
    seconds = time.monotonic() - running.begun
    lines = read_last_lines(job)
    if code == 0:
        return Ended(job, "done", "", seconds, lines[-1] if lines else "", str(log_path(job)))
    if code < 0 or code > 128:
        number = -code if code < 0 else code - 128
        lines.append(f"killed by {signal.Signals(number).name}")
    error = "\n".join(lines) or f"it ended with exit code {code} and printed nothing"
    return Ended(job, "failed", error, seconds, log=str(log_path(job)))
