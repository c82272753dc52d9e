"""Runs jobs in the order of their graph, as many at once as their places have room for."""

import time
from collections.abc import Callable, Iterator

from frill.errors import UserError
from frill.repro.jobs import Ended, Job, Place, Stages

POLL_S = 0.05
SAVE_S = 5.0  # at most so much of what was recorded is lost to a kill


class Scheduler:
    """One run of `jobs`, which stand in the order of their graph.

    A job whose stage fails stops none but those that need it. `place_of` says where a job runs.
    """

    def __init__(self, jobs: list[Job], stages: Stages, place_of: Callable[[Job], Place]):
        self.running: dict[str, Job] = {}
        self._waiting = list(jobs)
        self._stages = stages
        self._place_of = place_of
        self._places = list({id(place): place for place in map(place_of, jobs)}.values())
        self._done: set[str] = set()
        self._failed: dict[str, str] = {}  # the job that failed, by the names of it and its like
        self._saved = time.monotonic()

    def run(self, cores: int) -> Iterator[Ended | None]:
        """Yield what becomes of every job; None about every 50 ms, for whoever watches.

        What runs is killed if the caller stops.
        """
        try:
            while self._waiting or self.running:
                begun = yield from self._start(cores)
                ended = [each for place in self._places for each in place.poll()]
                for each in ended:
                    yield self._end(each)
                if not begun and not ended:
                    time.sleep(POLL_S)
                self._save(every_s=SAVE_S if self.running else 0.0)
                yield None
        finally:
            for place in self._places:
                place.stop()
            self._save(every_s=0.0)

    def _start(self, cores: int) -> Iterator[Ended]:
        """Start what there is room for. Returns whether anything was begun."""
        begun = False
        for job in list(self._waiting):
            if failed := [need for need in sorted(job.needs) if need in self._failed]:
                self._waiting.remove(job)
                cause = self._failed[failed[0]]
                self._failed[job.name] = cause
                yield Ended(job, "not run", f"needs {cause}, which failed")
                begun = True
            elif self._is_ready(job) and self._may_start(job):
                self._waiting.remove(job)
                if (ended := self._begin(job, cores)) is not None:
                    yield self._record(ended)
                begun = True
        return begun

    def _is_ready(self, job: Job) -> bool:
        return job.needs <= self._done

    def _may_start(self, job: Job) -> bool:
        if any(other.alone for other in self.running.values()):
            return False
        if not job.alone:
            return self._place_of(job).has_room(job)
        others = (other for other in self._waiting if not other.alone)
        return not self.running and not any(map(self._is_ready, others))

    def _begin(self, job: Job, cores: int) -> Ended | None:
        """Return what became of a job that need not run. None if it is started."""
        try:
            if status := self._stages.begin(job):
                return Ended(job, status)
            ready = sum(map(self._is_ready, self._waiting))
            free = cores - len(self.running)
            self._place_of(job).start(job, max(1, free // (1 + ready)))
        except UserError as error:
            return Ended(job, "failed", str(error))
        self.running[job.name] = job
        return None

    def _end(self, ended: Ended) -> Ended:
        del self.running[ended.job.name]
        if ended.succeeded:
            try:
                self._stages.finish(ended.job, ended.entry)
            except UserError as error:
                ended = Ended(ended.job, "failed", str(error), ended.seconds, log=ended.log)
        return self._record(ended)

    def _record(self, ended: Ended) -> Ended:
        if ended.succeeded:
            self._done.add(ended.job.name)
        else:
            self._failed[ended.job.name] = ended.job.name
        return ended

    def _save(self, every_s: float) -> None:
        if time.monotonic() - self._saved >= every_s:
            self._stages.save()
            self._saved = time.monotonic()
