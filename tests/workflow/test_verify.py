"""frill verify finds, names and deletes what a disk damaged, whatever time and length say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from frill.errors import UserError
from frill.workflow.verify import read_lock, verify_files

CACHE = ".dvc/cache/files/md5"
DVC_YAML = """
stages:
  make:
    cmd: mkdir out && printf one > out/a && printf two > out/b && printf three > single
    outs: [out, single]
"""


@pytest.fixture
def project(tmp_path) -> Path:
    """Make a real DVC project of one stage, whose files are hard links into the cache."""
    (tmp_path / "dvc.yaml").write_text(DVC_YAML)
    for command in ("init --no-scm --quiet", "config cache.type hardlink", "repro --quiet"):
        dvc(tmp_path, *command.split())
    assert (tmp_path / "out/a").stat().st_nlink == 2
    return tmp_path


def dvc(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def damage(path: Path, text: str) -> None:
    """Change bytes, but not time, length and mode."""
    stat = path.stat()
    path.chmod(0o644)
    path.write_text(text)
    path.chmod(stat.st_mode)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_nothing_is_damaged(project):
    verification = verify_files(project)
    assert verification.damaged == []
    assert verification.files == 4  # three outputs, and the listing of the folder
    assert verification.read_bytes > 11


@pytest.mark.parametrize(("name", "text"), [("out/a", "onf"), ("single", "thref")])
def test_a_damaged_output_is_named_deleted_and_made_again(project, name, text):
    good = (project / name).read_text()
    damage(project / name, text)
    # DVC looks at time and length.
    assert "Data and pipelines are up to date" in dvc(project, "status")
    output, _copy = verify_files(project).damaged  # which are the same file
    assert output.split(":")[0] == name
    assert not (project / name).exists()
    dvc(project, "repro")
    assert (project / name).read_text() == good
    assert verify_files(project).damaged == []


def test_a_damaged_copy_in_the_cache_leaves_the_output_alone(project):
    (project / "single").unlink()
    (project / "single").write_text("three")
    (copy,) = (path for path in (project / CACHE).glob("??/*") if path.read_text() == "three")
    damage(copy, "thref")
    (line,) = verify_files(project).damaged
    assert line.endswith("DVC's copy is damaged")
    assert not copy.exists()
    assert (project / "single").read_text() == "three"


def test_a_damaged_listing_is_found(project):
    (path,) = (project / CACHE).glob("??/*.dir")
    damage(path, path.read_text().replace("a", "b", 1))
    assert len(verify_files(project).damaged) == 1
    assert not path.exists()
    dvc(project, "repro")
    assert verify_files(project).damaged == []


@pytest.mark.parametrize("keep", [30, 120, 200])
def test_a_lock_that_was_cut_off_says_what_to_do(project, keep):
    lock = project / "dvc.lock"
    whole = read_lock(lock)
    assert list(whole) == ["make"]
    assert read_lock(project / "none.lock") == {}
    lock.write_bytes(lock.read_bytes()[:keep])
    try:
        # What is left may read as a lock: DVC takes the stage for changed.
        assert list(read_lock(lock)) in ([], ["make"])
    except UserError as error:
        assert "git checkout" in str(error)
        assert "dvc.lock" in str(error)


def test_a_cache_elsewhere_is_read_too(project, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "cache"
    (project / ".dvc/cache").rename(elsewhere)
    dvc(project, "cache", "dir", str(elsewhere))
    assert verify_files(project).damaged == []
    damage(project / "out/a", "oNe")
    output, copy = verify_files(project).damaged
    assert output.startswith("out/a: ")
    assert elsewhere.name in copy


def test_a_copy_that_another_project_has_begun_stays(project):
    # The name is dvc_objects.fs.utils.tmp_fname's.
    begun = next((project / CACHE).glob("??")) / ".c2hhcmVkIGNhY2hl.tmp"
    begun.write_text("hal")
    assert verify_files(project).damaged == []
    assert begun.exists()


@pytest.mark.parametrize(
    ("writable", "cache_mode", "out_mode"), [(True, 0o2775, 0o770), (False, 0o2755, 0o750)]
)
def test_folders_keep_their_modes_except_for_a_missing_write_bit(
    project, monkeypatch, writable, cache_mode, out_mode
):
    damage(project / "out/a", "onf")
    (copy,) = (path for path in (project / CACHE).glob("??/*") if path.samefile(project / "out/a"))
    missing = 0 if writable else 0o200
    copy.parent.chmod(cache_mode - missing)
    (project / "out").chmod(out_mode - missing)
    # Root may write anywhere.
    monkeypatch.setattr("frill.workflow.verify.os.access", lambda *_: writable)
    assert len(verify_files(project).damaged) == 2
    assert not copy.exists()
    assert copy.parent.stat().st_mode & 0o7777 == cache_mode
    assert (project / "out").stat().st_mode & 0o7777 == out_mode
