"""Names of what lies in scratch/ change with all that shapes it, and files appear whole."""

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


def test_a_codes_hash_is_of_the_modules_text(tmp_path, monkeypatch):
    (tmp_path / "noss").mkdir()
    for name in ("audio.py", "noss/embed.py", "noss/probes.py"):
        (tmp_path / name).write_text("1")
    monkeypatch.setattr(scratch, "PACKAGE", tmp_path)
    before = {names: scratch.code_hash(*names) for names in (("audio",), ("noss/embed",), ("noss",), ("audio", "noss/embed"))}
    (tmp_path / "noss/embed.py").write_text("2")
    changed = [names for names, value in before.items() if scratch.code_hash(*names) != value]
    assert changed == [("noss/embed",), ("noss",), ("audio", "noss/embed")]
    with pytest.raises(FileNotFoundError):
        scratch.code_hash("nowhere")


def test_a_file_is_whole_or_not_there(tmp_path):
    path = tmp_path / "new/file"
    with pytest.raises(KeyboardInterrupt), scratch.appearing(path) as new:
        new.write_text("half")
        raise KeyboardInterrupt
    assert not path.exists()
    with scratch.appearing(path) as new:
        new.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
