"""What `frill repro --address` refuses, and what a node keeps, without a cluster.

tests/pipeline/test_sweep.py runs it on one.
"""

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time

import psutil
import pytest
import yaml
from pipeline_project import ROOT

pytest.importorskip("ray", reason="needs Ray: uv pip install '.[sweep]'")

from frill.errors import UserError  # noqa: E402
from frill.sweep import setup, worker  # noqa: E402
from frill.sweep.cluster import KINDS  # noqa: E402

AUTHOR = "-c user.name=test -c user.email=test@example.org"


def make_setup(name: str) -> worker.Setup:
    return worker.Setup(name, b"", None, None, "", {}, "")


def test_every_stage_of_one_student_has_resources():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    of_students = [name for name in stages if stages[name].get("foreach") == "${students}"]
    assert set(of_students) == KINDS


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("seed: 1\n")
    (tmp_path / "dvc.lock").write_text("schema: '2.0'\n")
    (tmp_path / "track").mkdir()
    (tmp_path / "track/dvc.yaml").touch()
    git("init --quiet")
    git("add --all")
    git(f"{AUTHOR} commit --quiet --message start")
    return tmp_path


def git(arguments: str) -> None:
    subprocess.run(["git", *arguments.split()], check=True)


def test_what_is_not_committed_is_refused_but_for_dvc_lock(repository):
    setup.refuse_uncommitted()
    (repository / "dvc.lock").write_text("changed")
    (repository / "track/dvc.lock").touch()
    setup.refuse_uncommitted()
    (repository / "params.yaml").write_text("seed: 2\n")
    (repository / "new.py").touch()
    sentence = (
        "not committed: params.yaml, new.py; workers clone the last commit .*: "
        "commit, stash or ignore it, then repeat the command"
    )
    with pytest.raises(UserError, match=sentence):
        setup.refuse_uncommitted()


def test_what_sweeps_of_other_commits_left_goes_unless_it_is_used(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    new = make_setup("frill-sweep-0-place-new")
    for name in ("place-new", "place-old", "place-busy", "elsewhere-old"):
        (tmp_path / f"frill-sweep-0-{name}").mkdir()
        (tmp_path / f"frill-sweep-0-{name}" / "0.lock").touch()
    with open(tmp_path / "frill-sweep-0-place-busy/0.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        worker.clean_up(new)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "frill-sweep-0-elsewhere-old",
        "frill-sweep-0-place-busy",
    ]


def test_clones_are_for_their_user_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    home = worker._make_home(make_setup("frill-sweep-0-place-new"))
    assert home.parent == tmp_path and home.stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr(os, "getuid", lambda: home.stat().st_uid + 1)
    with pytest.raises(PermissionError, match="belongs to another user"):
        worker._make_home(make_setup(home.name))


def test_why_a_clone_could_not_be_made_is_said(tmp_path):
    command = ["git", "clone", "--quiet", str(tmp_path / "nowhere"), "new"]
    sentence = "^git clone --quiet .*nowhere.* new: fatal: .*nowhere.* does not exist"
    with pytest.raises(RuntimeError, match=sentence):
        worker._run_checked(command, tmp_path)


def test_a_project_below_its_repository_is_refused(repository, monkeypatch):
    (repository / "below").mkdir()
    monkeypatch.chdir(repository / "below")
    with pytest.raises(UserError, match="not the top folder of its git repository"):
        setup.refuse_uncommitted()


WORKER = """
import os, sys
from pathlib import Path
from frill.repro import guard
from frill.sweep import worker
lock = os.open(os.devnull, os.O_RDONLY)
command = ["sh", "-c", "sleep 300 & sleep 300"]
worker._run_guarded(Path(guard.__file__).read_text(), command, Path(), lock, {})
"""


def test_a_killed_worker_takes_all_that_it_started_with_it():
    worker = subprocess.Popen([sys.executable, "-c", WORKER])
    below = psutil.Process(worker.pid)
    end = time.monotonic() + 30
    started = []
    while [process.name() for process in started].count("sleep") < 2:
        assert worker.poll() is None and time.monotonic() < end
        time.sleep(0.05)
        started = below.children(recursive=True)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    gone, alive = psutil.wait_procs(started, timeout=10)
    assert len(gone) == 4 and not alive  # the guard, sh, two sleeps
