"""Names of files in scratch/ change with all that shapes them, and files appear whole."""

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
