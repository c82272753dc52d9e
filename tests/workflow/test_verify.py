"""frill verify: what a disk damaged is found whatever the file's time and length say, named and deleted; the rest stays."""

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
    """A real DVC project of one stage, whose files are hard links into the cache."""
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
    """Bytes change; time, length and mode do not."""
    stat = path.stat()
    path.chmod(0o644)
    path.write_text(text)
    path.chmod(stat.st_mode)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_nothing_is_damaged(project):
    found = verify_files(project)
    assert (
        found.damaged == [] and found.files == 4 and found.read_bytes > 11
    )  # three outputs, and the listing of the folder


@pytest.mark.parametrize(("name", "text"), [("out/a", "onf"), ("single", "thref")])
def test_a_damaged_output_is_named_deleted_and_made_again(project, name, text):
    good = (project / name).read_text()
    damage(project / name, text)
    assert "Data and pipelines are up to date" in dvc(
        project, "status"
    )  # DVC looks at time and length
    found = verify_files(project)
    assert [line.split(":")[0] for line in found.damaged][0] == name and len(
        found.damaged
    ) == 2  # and the cached copy, which is the same file
    assert not (project / name).exists()
    dvc(project, "repro")
    assert (project / name).read_text() == good and verify_files(project).damaged == []


def test_a_damaged_copy_in_the_cache_leaves_the_output_alone(project):
    (project / "single").unlink()
    (project / "single").write_text("three")
    (path,) = (path for path in (project / CACHE).glob("??/*") if path.read_text() == "three")
    damage(path, "thref")
    (line,) = verify_files(project).damaged
    assert (
        line.endswith("DVC's copy is damaged")
        and not path.exists()
        and (project / "single").read_text() == "three"
    )


def test_a_damaged_listing_is_found(project):
    (path,) = (project / CACHE).glob("??/*.dir")
    damage(path, path.read_text().replace("a", "b", 1))
    assert len(verify_files(project).damaged) == 1 and not path.exists()
    dvc(project, "repro")
    assert verify_files(project).damaged == []


@pytest.mark.parametrize("keep", [30, 120, 200])
def test_a_lock_that_was_cut_off_says_what_to_do(project, keep):
    lock = project / "dvc.lock"
    whole = read_lock(lock)
    assert list(whole) == ["make"] and read_lock(project / "none.lock") == {}
    lock.write_bytes(lock.read_bytes()[:keep])
    try:
        assert list(read_lock(lock)) in (
            [],
            ["make"],
        )  # what is left reads as a lock: DVC takes the stage for changed
    except UserError as error:
        assert "git checkout" in str(error) and "dvc.lock" in str(error)


def test_a_cache_elsewhere_is_read_too(project, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "cache"
    (project / ".dvc/cache").rename(elsewhere)
    dvc(project, "cache", "dir", str(elsewhere))
    assert verify_files(project).damaged == []
    damage(project / "out/a", "oNe")
    found = verify_files(project).damaged
    assert len(found) == 2 and found[0].startswith("out/a: ") and str(elsewhere.name) in found[1]


def test_a_copy_that_another_project_has_begun_stays(project):
    begun = (
        next((project / CACHE).glob("??")) / ".c2hhcmVkIGNhY2hl.tmp"
    )  # dvc_objects.fs.utils.tmp_fname
    begun.write_text("hal")
    assert verify_files(project).damaged == [] and begun.exists()


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
    monkeypatch.setattr(
        "frill.workflow.verify.os.access", lambda *_: writable
    )  # root may write anywhere
    assert len(verify_files(project).damaged) == 2 and not copy.exists()
    assert (copy.parent.stat().st_mode & 0o7777, (project / "out").stat().st_mode & 0o7777) == (
        cache_mode,
        out_mode,
    )
