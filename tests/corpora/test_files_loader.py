"""A folder without a list: sub-folders name labels and speakers, a fifth is for testing."""

import numpy as np
import pytest
import soundfile
from examples import speechlike

from frill.audio.clips import Clip
from frill.corpora import files
from frill.corpora.reading import read_all
from frill.errors import UserError
from frill.params.audio import FilesSet


def write(path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, speechlike(8000, seed), 16000)


@pytest.fixture
def mood(tmp_path):
    """Make ten speakers of two moods, two files each, and files that are no clips."""
    for speaker in range(10):
        for number in range(2):
            for label in ("happy", "sad"):
                write(tmp_path / f"mood/{label}/s{speaker}/{number}.wav", 10 * speaker + number)
    (tmp_path / "mood/README.txt").write_text("not audio")
    (tmp_path / "mood/happy/._1.wav").write_bytes(b"not audio")
    (tmp_path / "mood/.cache").mkdir()
    write(tmp_path / "mood/.cache/thumb.wav")
    return tmp_path / "mood"


def rows(folder, **settings) -> list[dict]:
    return list(files.read_rows("mood", FilesSet(folder=str(folder), **settings)))


def test_sub_folders_name_label_and_speaker(mood):
    listed = rows(mood, use="task", levels=["label", "speaker"])
    assert len(listed) == 40 and listed[0]["file"] == "happy/s0/0.wav"
    assert {row["label"] for row in listed} == {"happy", "sad"}
    assert {row["speaker"] for row in listed} == {f"s{number}" for number in range(10)}
    assert listed == rows(mood, use="task", levels=["label", "speaker"])


def test_a_fifth_of_the_speakers_is_for_testing_and_trains_nothing(mood):
    listed = rows(mood, use="task", levels=["label", "speaker"])
    split = {
        part: {row["speaker"] for row in listed if row["split"] == part}
        for part in ("train", "test")
    }
    assert len(split["test"]) == 2 and len(split["train"]) == 8
    other = rows(mood, use="task", levels=["label", "speaker"], split_seed=1)
    assert {row["speaker"] for row in other if row["split"] == "test"} != split["test"]


def test_without_speakers_it_is_a_fifth_of_each_label(mood):
    listed = rows(mood, use="task")
    for label in ("happy", "sad"):
        tested = [row["split"] for row in listed if row["label"] == label].count("test")
        assert tested == 4  # of 20


def test_a_corpus_takes_every_file_and_needs_no_levels(mood):
    spec = FilesSet(folder=str(mood), use="corpus", licence="CC0-1.0")
    clips = list(read_all(files.prepare_reads("mood", spec)))
    assert len(clips) == 40 and all(isinstance(clip, Clip) for clip in clips)
    assert {(clip.split, clip.label, clip.licence) for clip in clips} == {("", "", "CC0-1.0")}
    assert np.abs(clips[0].samples).max() > 0


@pytest.mark.parametrize(
    "folder, message",
    [
        ("nowhere", "no such folder"),
        ("empty", "no audio file is below it"),
        ("mood/happy", r"lies in 1 folders below .*levels names 2: label, speaker"),
    ],
)
def test_what_cannot_be_used_is_a_sentence(mood, folder, message):
    (mood.parent / "empty").mkdir()
    with pytest.raises(UserError, match=message):
        rows(mood.parent / folder, use="task", levels=["label", "speaker"])


@pytest.mark.parametrize(
    "levels, message", [(["speaker"], "needs label among"), (["label", "label"], "one twice")]
)
def test_levels_that_make_no_sense(levels, message):
    with pytest.raises(ValueError, match=message):
        FilesSet(folder="a", use="task", levels=levels)
