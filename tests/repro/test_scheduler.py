"""Which job starts when, and what a failure stops. Jobs here end when the test says so."""

from frill.errors import UserError
from frill.repro.jobs import Ended, Job
from frill.repro.scheduler import Scheduler


class Desk:
    """Stages and a place in one: keeps what runs until `end` is called."""

    def __init__(self, room: int, current: set[str] = frozenset(), broken: set[str] = frozenset()):
        self.room = room
        self.current = current  # up to date
        self.broken = broken  # cannot be recorded
        self.running: dict[str, Job] = {}
        self.workers: dict[str, int] = {}
        self.stopped = False
        self._ended: list[Ended] = []

    def begin(self, job):
        return "up to date" if job.name in self.current else None

    def finish(self, job, entry):
        if job.name in self.broken:
            raise UserError("no space is left on the disk")

    def save(self):
        pass

    def has_room(self, job):
        return len(self.running) < self.room

    def start(self, job, workers):
        self.running[job.name] = job
        self.workers[job.name] = workers

    def poll(self):
        ended, self._ended = self._ended, []
        return ended

    def stop(self):
        self.stopped = True

    def end(self, name: str, error: str = "") -> None:
        job = self.running.pop(name)
        self._ended.append(Ended(job, "failed" if error else "done", error, 1.0))


def job(name: str, *needs: str, alone: bool = False) -> Job:
    return Job(name, name.partition("@")[0], frozenset(needs), alone=alone)


def follow(jobs: list[Job], desk: Desk, cores: int = 8, fail: tuple[str, ...] = ()):
    """Run the jobs, ending the oldest whenever nothing more can start.

    Returns the sets that ran at once, and what became of each by its name.
    """
    scheduler = Scheduler(jobs, desk, lambda _: desk)
    at_once, outcomes = [], {}
    for event in scheduler.run(cores):
        if event is not None:
            outcomes[event.job.name] = event
        elif desk.running:
            if not at_once or at_once[-1] != set(desk.running):
                at_once.append(set(desk.running))
            oldest = next(iter(desk.running))
            desk.end(oldest, "it broke" if oldest in fail else "")
    return at_once, outcomes


def test_as_many_run_at_once_as_there_is_room_for_in_the_graphs_order():
    jobs = [job("check"), *(job(f"distill@{n}", "check") for n in "abc"), job("end", "distill@c")]
    at_once, outcomes = follow(jobs, Desk(room=2))
    assert at_once == [
        {"check"},
        {"distill@a", "distill@b"},
        {"distill@b", "distill@c"},
        {"distill@c"},
        {"end"},
    ]
    assert {each.status for each in outcomes.values()} == {"done"}


def test_timings_run_after_the_rest_and_beside_nothing():
    jobs = [
        job("convert@a"),
        job("benchmark@a", "convert@a", alone=True),
        job("benchmark@b", "convert@a", alone=True),
        job("evaluate@a", "convert@a"),
        job("evaluate@b", "evaluate@a"),
        job("frontier", "benchmark@a", "benchmark@b", "evaluate@b"),
    ]
    at_once, _ = follow(jobs, Desk(room=4))
    assert at_once == [
        {"convert@a"},
        {"evaluate@a"},
        {"evaluate@b"},
        {"benchmark@a"},
        {"benchmark@b"},
        {"frontier"},
    ]


def test_a_failure_stops_what_needs_it_and_nothing_else():
    jobs = [
        job("distill@a"),
        job("distill@b"),
        job("convert@a", "distill@a"),
        job("convert@b", "distill@b"),
        job("frontier", "convert@a", "convert@b"),
    ]
    _, outcomes = follow(jobs, Desk(room=2), fail=("distill@a",))
    statuses = {name: each.status for name, each in outcomes.items()}
    assert statuses == {
        "distill@a": "failed",
        "distill@b": "done",
        "convert@a": "not run",
        "convert@b": "done",
        "frontier": "not run",
    }
    assert outcomes["frontier"].error == "needs distill@a, which failed"


def test_what_cannot_be_recorded_has_failed():
    jobs = [job("distill@a"), job("convert@a", "distill@a")]
    _, outcomes = follow(jobs, Desk(room=2, broken={"distill@a"}))
    assert outcomes["distill@a"].error == "no space is left on the disk"
    assert outcomes["convert@a"].status == "not run"


def test_what_is_up_to_date_takes_no_room():
    jobs = [job("check"), job("a", "check"), job("b", "a")]
    at_once, outcomes = follow(jobs, Desk(room=1, current={"check", "a"}))
    assert at_once == [{"b"}]
    assert [outcomes[name].status for name in ("check", "a", "b")] == [
        "up to date",
        "up to date",
        "done",
    ]


def test_free_cores_are_shared_by_those_that_begin_together():
    desk = Desk(room=8)
    jobs = [job("alone"), *(job(f"one@{n}", "alone") for n in "abcd")]
    follow(jobs, desk, cores=8)
    assert desk.workers["alone"] == 8
    assert [desk.workers[f"one@{n}"] for n in "abcd"] == [2, 2, 3, 5]


def test_what_runs_is_stopped_when_nobody_looks_any_longer():
    desk = Desk(room=1)
    events = Scheduler([job("a")], desk, lambda _: desk).run(1)
    next(events)
    events.close()
    assert desk.stopped
