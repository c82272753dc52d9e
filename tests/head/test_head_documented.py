"""What docs/head.md tells a reader to type."""

import csv
import shlex

import numpy as np
from documented import read_block, read_commands
from head_sounds import make_sound, write_folder

from frill.cli import run


def test_heads_are_made_and_used_as_written(release, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "release").symlink_to(release)
    write_folder(tmp_path / "mood", ["happy", "sad"], 6)
    for speaker in ("anna", "ben", "carl"):
        write_folder(tmp_path / "moods" / speaker, ["happy", "sad"], 2)
        for label in ("happy", "sad"):
            folder = tmp_path / "mood_by_speaker" / label
            folder.mkdir(parents=True, exist_ok=True)
            (tmp_path / "moods" / speaker / label).rename(folder / speaker)
    write_folder(tmp_path / "words", ["yes", "no"], 6)
    for name, header in (("list", ["file", "label"]), ("other", ["path", "word"])):
        with open(tmp_path / f"words/{name}.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            for path in sorted((tmp_path / "words").glob("*/*.wav")):
                writer.writerow([path.relative_to(tmp_path / "words"), path.parent.name])
    for command in read_commands("docs/head.md", "frill head"):
        assert run(shlex.split(command)[1:]) == 0
        if "--levels" in command:
            assert "in 3 folds by whole speakers" in capsys.readouterr().out
    run(["head", "mood", "--out", "mood.tflite"])  # the first one's: another wrote over it
    known = {"samples": np.tile(make_sound(0, 3), 3)}
    exec(read_block("docs/head.md", "from frill import Head"), known)
    assert set(known["shares"]) == {"happy", "sad"} and known["rows"].shape[1] == 2
