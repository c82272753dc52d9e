"""Names of files in scratch/ change with all that shapes them, and files appear whole."""

import subprocess
import sys

import pytest

from frill import scratch


def test_a_contents_hash_is_of_names_and_bytes(tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "x").write_bytes(b"1")
    hashes = [scratch.content_hash(folder), scratch.content_hash(folder / "x")]
    (folder / "x").rename(folder / "y")
    hashes.append(scratch.content_hash(folder))
    (folder / "y").write_bytes(b"2")
    hashes.append(scratch.content_hash(folder))
    assert len(set(hashes)) == 4 and hashes[-1] == scratch.content_hash(folder)


def test_a_file_is_whole_or_not_there(tmp_path):
    path = tmp_path / "new/file"
    with pytest.raises(KeyboardInterrupt), scratch.atomic_write(path) as new:
        new.write_text("half")
        raise KeyboardInterrupt
    assert not path.exists()
    with scratch.atomic_write(path) as new:
        new.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"


def test_of_several_processes_one_makes_a_file(tmp_path):
    code = """
import sys, time
from pathlib import Path
from frill.scratch import write_once

def write(new):
    with open("writers", "a") as file:
        file.write("x")
    time.sleep(1)
    new.write_text("whole")

write_once(Path("made/file"), write)
print(Path("made/file").read_text())
"""
    command = [sys.executable, "-c", code]
    both = [subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) for _ in range(2)]
    outputs = sorted(process.communicate()[0] for process in both)
    assert outputs == [b"waits for made/file, which another process makes\nwhole\n", b"whole\n"]
    assert not (tmp_path / "made/file.lock").exists()
    assert (tmp_path / "writers").read_text() == "x"


def test_a_file_that_could_not_be_made_is_made_by_the_next(tmp_path):
    def fail(new):
        raise OSError

    with pytest.raises(OSError):
        scratch.write_once(tmp_path / "file", fail)
    scratch.write_once(tmp_path / "file", lambda new: new.write_text("whole"))
    scratch.write_once(tmp_path / "file", fail)
    assert (tmp_path / "file").read_text() == "whole"


def test_what_another_process_has_locked_is_left_alone_and_free_when_it_was_killed(tmp_path):
    path = tmp_path / "work"
    code = f"""
import sys
from pathlib import Path
from frill.scratch import lock

with lock(Path({str(path)!r})):
    print("locked", flush=True)
    sys.stdin.read()
"""
    other = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout.readline() == b"locked\n"
    with scratch.lock(path, wait=False) as locked:
        assert not locked
    other.kill()
    other.communicate()
    with scratch.lock(path, wait=False) as locked:
        assert locked
    assert not list(tmp_path.iterdir())
