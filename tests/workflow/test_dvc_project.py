"""verify and clean refuse beside a DVC that runs, and outside of a project.

A cache that others share is not collected.
"""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from frill.commands import clean
from frill.errors import UserError
from frill.workflow.dvc_project import RWLOCK, lock_project, mend_rwlock
from frill.workflow.verify import verify_files

DVC_YAML = """
stages:
  make:
    cmd:
    - mkdir -p out
    - cp source out/shard-0
    - while test -e hold; do sleep 0.05; done
    - cp source out/shard-1
    deps: [source]
    outs: [out]
"""


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """Make a real DVC project and run its stage.

    The stage writes its second shard only while there is no file `hold`.
    """
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "dvc.yaml").write_text(DVC_YAML)
    (folder / "source").write_text("old")
    monkeypatch.chdir(folder)
    subprocess.run(["git", "init", "--quiet"], check=True)
    dvc("init", "--quiet")
    dvc("repro", "--quiet")
    return folder


def dvc(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def begin_repro(project: Path) -> subprocess.Popen:
    """Run the stage until it has written the first of two shards."""
    (project / "source").write_text("new")
    (project / "hold").touch()
    repro = subprocess.Popen([sys.executable, "-m", "dvc", "repro", "--quiet"])
    shard = project / "out/shard-0"
    until = time.monotonic() + 60
    while not (shard.exists() and shard.read_text() == "new"):
        assert repro.poll() is None and time.monotonic() < until
        time.sleep(0.02)
    return repro


def test_nothing_is_deleted_beside_a_running_stage(project):
    (project / "scratch").mkdir()
    repro = begin_repro(project)
    try:
        running = (
            rf"repro --quiet` \(pid {repro.pid}\) runs a stage .*repeat this when it has ended"
        )
        for command in (verify_files, clean.run):
            with pytest.raises(UserError, match=running):
                command()
    finally:
        (project / "hold").unlink()
        assert repro.wait() == 0
    for name in ("shard-0", "shard-1"):
        assert (project / "out" / name).read_text() == "new"
    assert verify_files().damaged == []
    assert (project / "scratch").exists()


def test_nothing_is_deleted_beside_a_dvc_that_holds_the_lock(project):
    code = "from dvc.repo import Repo; Repo().lock.lock(); print(flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    holder = subprocess.Popen([sys.executable, "-c", code], text=True, **pipes)
    holder.stdout.readline()
    with pytest.raises(UserError, match=rf"DVC runs in this project \(pid {holder.pid}\)"):
        verify_files()
    holder.communicate("\n")
    assert verify_files().damaged == []


def test_no_dvc_begins_beside_verify(project):
    (project / "source").write_text("new")
    with lock_project():
        refused = subprocess.run(
            [sys.executable, "-m", "dvc", "repro"], capture_output=True, text=True
        )
    assert refused.returncode and "Unable to acquire lock" in refused.stderr
    dvc("repro")


@pytest.mark.parametrize("mode", ["read", "write"])
def test_a_process_that_was_killed_stops_nobody(project, mode):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    user = {"pid": dead.pid, "cmd": "dvc repro"}
    users = {"read": [user], "write": user}[mode]
    (project / RWLOCK).write_text(json.dumps({mode: {str(project / "out"): users}}))
    assert verify_files().damaged == []


def test_what_a_kill_left_of_dvcs_rwlock_stops_nobody(project):
    (project / RWLOCK).write_text("")
    refused = subprocess.run(
        [sys.executable, "-m", "dvc", "repro", "--force"], capture_output=True, text=True
    )
    assert refused.returncode and "corrupted" in refused.stderr
    with pytest.raises(UserError, match="cut off by a kill.* `make repro` deletes it"):
        verify_files()
    assert mend_rwlock() and not mend_rwlock()
    dvc("repro", "--force")
    assert not mend_rwlock() and (project / RWLOCK).exists()


@pytest.mark.parametrize("command", ["verify", "clean"])
@pytest.mark.parametrize("folder", ["..", "below"])
def test_outside_of_a_project_is_a_sentence(project, command, folder):
    (project / folder / "scratch").mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-m", "frill", command],
        cwd=project / folder,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert (project / folder / "scratch").exists()
    assert done.stderr == "frill: .dvc: no such folder; run this in the project's folder\n"


@pytest.mark.parametrize("shared", [False, True])
def test_clean_collects_a_cache_of_this_project_only(project, capsys, shared):
    if shared:
        dvc("cache", "dir", "../shared")
        dvc("repro", "--force")
    cache = project.parent / "shared" if shared else project / ".dvc/cache"
    (other,) = set((cache / "files/md5").glob("??/*.dir"))
    (project / "source").write_text("new")
    dvc("repro")
    assert clean.run() == 0
    printed = capsys.readouterr().out
    assert other.exists() == shared
    assert (f"{cache} is outside of the project" in printed) == shared
    assert ("dvc gc --workspace --projects" in printed) == shared
    assert verify_files().damaged == []


def test_clean_says_what_it_takes_and_spares_what_is_not_named(project, capsys):
    (project / "scratch").mkdir()
    (project / "scratch/file").write_bytes(bytes(3 * 2**20))
    worktree = project / ".presets/mine"
    worktree.mkdir(parents=True)
    (worktree / "file").write_text("x")
    assert clean.run(dry_run=True) == 0
    assert "would remove scratch/ (3 MiB)" in capsys.readouterr().out
    assert (project / "scratch/file").exists()
    shutil.copytree(project / ".dvc", worktree / ".dvc", ignore=shutil.ignore_patterns("cache"))
    clean.run()
    printed = capsys.readouterr().out
    assert "removed scratch/ (3 MiB)" in printed and "kept .presets/mine/" in printed
    assert (worktree / "file").exists() and not (project / "scratch").exists()
    clean.run(presets=True)
    assert "removed .presets/mine/" in capsys.readouterr().out and not worktree.exists()


def test_clean_keeps_what_experiments_made_unless_told(project, capsys):
    author = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", "add", "--all"], check=True)
    subprocess.run(["git", *author, "commit", "--quiet", "--message", "test"], check=True)
    (project / "source").write_text("tried")
    dvc("exp", "run", "--name", "tried")
    tried = (project / "out/shard-0").read_bytes()
    subprocess.run(["git", "checkout", "--quiet", "--", "."], check=True)
    dvc("repro")
    clean.run()
    dvc("exp", "apply", "tried")
    dvc("checkout")
    assert (project / "out/shard-0").read_bytes() == tried
    subprocess.run(["git", "checkout", "--quiet", "--", "."], check=True)
    dvc("checkout")
    before = set((project / ".dvc/cache/files/md5").rglob("*"))
    clean.run(experiments=True)
    assert set((project / ".dvc/cache/files/md5").rglob("*")) < before


def test_nothing_is_deleted_beside_a_stage_of_a_presets_workspace(project):
    """It shares scratch/."""
    (project / "scratch").mkdir()
    worktree = project / ".presets/mine"
    shutil.copytree(project / ".dvc", worktree / ".dvc", ignore=shutil.ignore_patterns("cache"))
    code = "from dvc.repo import Repo; Repo().lock.lock(); print(flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    holder = subprocess.Popen([sys.executable, "-c", code], text=True, cwd=worktree, **pipes)
    holder.stdout.readline()
    with pytest.raises(UserError, match=rf"DVC runs in this project \(pid {holder.pid}\)"):
        clean.run()
    holder.communicate("\n")
    assert (project / "scratch").exists()


def test_a_merge_conflict_in_dvc_lock_names_the_ways_out(project):
    lock = project / "dvc.lock"
    before = lock.read_text()
    lock.write_text(f"<<<<<<< HEAD\n{before}=======\n{before}>>>>>>> other\n")
    with pytest.raises(UserError, match=r"has a merge conflict: `git checkout --ours dvc.lock`"):
        verify_files()
    lock.write_text(before)
    assert verify_files().damaged == []
