"""Runs of a real DVC project whose stages are a line of shell each."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import yaml
from pipeline_project import ROOT

from frill.repro.dvc_stages import DvcStages
from frill.repro.jobs import Job
from frill.repro.run import _stop_on_signals
from frill.workflow.dvc_project import lock_project

# As in dvc.yaml: students' stages, one that times a device, and one that gathers them.
DVC_YAML = """
stages:
  distill:
    foreach: ${students}
    do:
      cmd: >-
        cat steps/${key} > /dev/null && echo ${key} >> began && sh steps/${key}
        && mkdir -p models && echo model ${key} > models/${key}
      deps: [source]
      outs: ["models/${key}"]
  benchmark:
    foreach: ${students}
    do:
      cmd: mkdir -p times && cat models/${key} > times/${key}
      deps: ["models/${key}"]
      outs: ["times/${key}"]
  frontier:
    cmd: cat times/* > frontier
    deps: [times]
    outs: [frontier]
"""
STUDENTS = ("a", "b", "c", "d")
RUN = """
import sys
from frill.repro.run import run
jobs = int(sys.argv[1]) if sys.argv[1:] else None
sys.exit(not all(ended.succeeded for ended in run(jobs)))
"""
STAGES = 2 * len(STUDENTS) + 1


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("template") / "project"
    folder.mkdir()
    (folder / "dvc.yaml").write_text(DVC_YAML)
    (folder / "source").write_text("old")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    student = next(iter(params["students"].values()))
    params["students"] = dict.fromkeys(STUDENTS, student)
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    (folder / "steps").mkdir()
    for name in STUDENTS:
        (folder / "steps" / name).write_text("true\n")
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "--quiet"], cwd=folder, check=True)
    return folder


@pytest.fixture
def project(template, tmp_path) -> Path:
    return shutil.copytree(template, tmp_path / "project")


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(command(*arguments), cwd=project, capture_output=True, text=True)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", RUN, *arguments]


def start(project: Path) -> subprocess.Popen:
    return subprocess.Popen(
        command("4"),
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def write_step(project: Path, student: str, text: str) -> None:
    (project / "steps" / student).write_text(text)


def wait_for_beginning(project: Path, number: int) -> None:
    wait_until(lambda: len((project / "began").read_text().split()) >= number)


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for what a file will say, which may not be there yet."""
    end = time.monotonic() + 60
    while True:
        with contextlib.suppress(FileNotFoundError):
            if is_so():
                return
        assert time.monotonic() < end
        time.sleep(0.02)


def test_dvc_lock_is_the_same_at_any_number_of_jobs_and_as_of_dvc_repro(template, tmp_path):
    locks = {}
    for jobs in ("1", "2", "4"):
        project = shutil.copytree(template, tmp_path / jobs)
        for delay, student in enumerate(reversed(STUDENTS)):
            write_step(project, student, f"sleep 0.{delay}\n")  # the last ends first
        done = run(project, jobs)
        assert done.returncode == 0, done.stderr
        assert f"{STAGES} stages in" in done.stdout and f": {STAGES} done;" in done.stdout
        locks[jobs] = (project / "dvc.lock").read_bytes()
    assert locks["1"] == locks["2"] == locks["4"]

    serial = shutil.copytree(template, tmp_path / "serial")
    subprocess.run([sys.executable, "-m", "dvc", "repro", "--quiet"], cwd=serial, check=True)
    lock = (serial / "dvc.lock").read_text()
    assert yaml.safe_load(lock) == yaml.safe_load(locks["1"])
    assert run(serial).stdout.strip().endswith(f"{STAGES} up to date")
    assert (serial / "dvc.lock").read_text() == lock


def test_the_students_of_a_graph_run_side_by_side(project):
    for student in STUDENTS:  # each waits for all
        write_step(project, student, "while [ $(wc -l < began) -lt 4 ]; do sleep 0.02; done\n")
    assert run(project, "4").returncode == 0


def test_what_was_deleted_comes_back_from_the_cache(project):
    run(project)
    shutil.rmtree(project / "models")
    (project / "frontier").unlink()
    done = run(project)
    assert done.stdout.count("from DVC's cache") == len(STUDENTS) + 2  # and in the sentence
    assert (project / "models/c").read_text() == "model c\n"
    assert sorted((project / "began").read_text().split()) == sorted(STUDENTS)


def test_only_what_a_change_concerns_runs_again(project):
    run(project)
    (project / "source").write_text("new")
    done = run(project)
    # The models are the same: what depends on them is up to date.
    assert f"{len(STUDENTS)} done, {len(STUDENTS) + 1} up to date" in done.stdout


def test_a_student_that_fails_is_named_with_its_last_lines_and_stops_nobody_else(project):
    write_step(project, "b", "echo early; echo 'distill@b: no such width' >&2; exit 1\n")
    done = run(project, "2")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    statuses = re.findall(r"(?m)^(\w+(?:@\w)?): (failed|not run)", done.stdout)
    assert sorted(statuses) == [
        ("benchmark@b", "not run"),
        ("distill@b", "failed"),
        ("frontier", "not run"),
    ]
    end = done.stdout.partition("Failed; all that did not need them ran:")[2]
    assert "distill@b (all of it: logs/distill@b.log)\n    early\n    no such width\n" in end
    assert (project / "logs/distill@b.log").read_text().startswith("early\n")
    assert (project / "times/d").exists()

    write_step(project, "b", "true\n")
    again = run(project, "2")
    assert again.returncode == 0
    assert "3 done" in again.stdout


def test_a_stage_that_a_signal_killed_says_so(project):
    write_step(project, "a", "kill -KILL $$\n")
    assert "    killed by SIGKILL\n" in run(project).stdout


def find_children(process: subprocess.Popen) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def test_ctrl_c_ends_all_within_three_seconds_and_the_next_run_goes_on(project):
    for student in STUDENTS[1:]:
        write_step(project, student, "sleep 300 & sleep 300\n")
    running = start(project)
    wait_for_beginning(project, len(STUDENTS))
    wait_until(lambda: "distill@a" in (project / "dvc.lock").read_text())
    children = find_children(running)
    pressed = time.monotonic()
    os.kill(running.pid, signal.SIGINT)
    output = running.communicate(timeout=60)[0]
    assert time.monotonic() - pressed < 3 * 4  # a busy machine's three seconds
    assert "interrupted; what is finished stays" in output
    gone, alive = psutil.wait_procs(children, timeout=3)
    assert children and not alive

    for student in STUDENTS:
        write_step(project, student, "true\n")
    again = run(project)
    assert again.returncode == 0, again.stdout + again.stderr
    assert (project / "began").read_text().split().count("a") == 1, "it was finished"


def test_a_killed_run_leaves_no_process_and_the_next_goes_on(project):
    for student in STUDENTS:
        write_step(project, student, "sleep 300 & sleep 300\n")
    running = start(project)
    wait_for_beginning(project, len(STUDENTS))
    children = find_children(running)
    running.kill()
    running.communicate()
    gone, alive = psutil.wait_procs(children, timeout=10)
    assert len(children) >= 3 * len(STUDENTS) and not alive  # a guard, a shell, sleeps

    for student in STUDENTS:
        write_step(project, student, "true\n")
    again = run(project)
    assert again.returncode == 0, again.stdout + again.stderr


def test_what_a_node_is_told_of_a_stages_needs_is_what_dvc_lock_has(project, monkeypatch):
    run(project)
    monkeypatch.chdir(project)
    with lock_project() as repo:
        entries = DvcStages(repo).find_cached_needs(
            Job("benchmark@b", "benchmark", frozenset({"distill@b"}))
        )
    lock = yaml.safe_load((project / "dvc.lock").read_text())["stages"]
    assert yaml.safe_load(yaml.safe_dump(entries)) == {"distill@b": lock["distill@b"]}


def test_a_second_run_of_a_workspace_is_refused(project):
    for student in STUDENTS:
        write_step(project, student, "sleep 300\n")
    first = start(project)
    try:
        wait_for_beginning(project, len(STUDENTS))
        second = run(project)
        assert f"DVC runs in this project (pid {first.pid})" in second.stderr
    finally:
        first.kill()
        first.communicate()


def test_only_a_second_ctrl_c_comes_into_the_midst():
    """A group's SIGTERM comes twice: once by itself, once handed on."""
    with _stop_on_signals() as stopped:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert stopped
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
