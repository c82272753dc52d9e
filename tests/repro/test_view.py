"""What a run prints, on a terminal and elsewhere."""

import json
from io import StringIO

from rich.console import Console

from frill import progress as progress_bars
from frill.progress import Progress, progress, read_progress
from frill.repro import view
from frill.repro.jobs import Ended, Job
from frill.repro.processes import progress_path

TRAIN, SCORE = Job("distill@a", "distill"), Job("evaluate@a", "evaluate")


def test_a_stage_tells_how_far_it_is(tmp_path, monkeypatch):
    file = tmp_path / "told"
    monkeypatch.setenv(progress_bars.FILE, str(file))
    bar = progress(range(10), "a", 10, "step", initial=4)
    assert read_progress(file) == Progress(done=4, total=10, unit="step", left_s=None)
    bar.update(3)
    bar.refresh()
    told = read_progress(file)
    assert (told.done, told.total, told.unit) == (7, 10, "step")
    # Three steps took as long as the three that are left will.
    assert abs(told.left_s - bar.format_dict["elapsed"]) < 0.2


def test_half_a_file_is_no_progress(tmp_path):
    (tmp_path / "told").write_text('{"done": 1, "to')
    assert read_progress(tmp_path / "told") is None
    assert read_progress(tmp_path / "nothing") is None


def test_plain_lines_name_what_begins_and_ends_and_count_the_rest(monkeypatch):
    console = Console(file=StringIO(), highlight=False)
    with view._Lines(console, total=4) as shown:
        shown.show(Ended(Job("check", "check"), "up to date"))
        shown.look({"distill@a": TRAIN})
        shown.look({"distill@a": TRAIN, "evaluate@a": SCORE})
        shown.show(Ended(TRAIN, "done", "", 12.34, "a: ok, R2 0.7 [of 1]"))
        shown.show(Ended(SCORE, "failed", "no such task\nsecond line", 2.0))
    assert console.file.getvalue().splitlines() == [
        "distill@a: begins",
        "evaluate@a: begins",
        "distill@a: done (12.3 s, 2 of 4): a: ok, R2 0.7 [of 1]",
        "evaluate@a: failed (2.0 s, 3 of 4): no such task",
        "    second line",
    ]


def test_a_terminal_shows_a_bar_for_each_that_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = progress_path(TRAIN)
    path.parent.mkdir()
    path.write_text(json.dumps({"done": 120, "total": 450, "unit": "step", "left_s": 83.0}))
    console = Console(file=StringIO(), force_terminal=True, width=120, color_system=None)
    with view._Live(console, total=9, cores=2) as shown:
        shown.show(Ended(Job("check", "check"), "up to date"))
        shown.look({"distill@a": TRAIN, "evaluate@a": SCORE})
        screen = console.file.getvalue()
        shown.show(Ended(TRAIN, "done", "", 100.0, "a: ok"))
    assert "120/450 step" in screen and "1:23 left" in screen
    assert "1/9 stage" in screen and "2 running, 2 cores" in screen
    assert "● distill@a: done (100.0 s): a: ok" in console.file.getvalue()


def test_times_are_read_at_a_glance():
    assert view.format_seconds(9) == "0:09"
    assert view.format_seconds(83.4) == "1:23"
    assert view.format_seconds(3725) == "1:02:05"
