"""The seven tasks through TFDS's real builders, on miniatures in the originals' formats."""

import sys
from collections import Counter
from dataclasses import replace

import pytest
import tensorflow_datasets as tfds
import tfds_miniatures as miniatures
from tfds_checks import (
    SPEECH_COMMANDS,
    VOXCELEB_LIST,
    VOXFORGE_LIST,
    assert_same,
    assert_same_tones,
    assert_task,
    read_clips,
    spec,
)

from frill.audio.clips import Clip
from frill.audio.files import read_audio
from frill.corpora.tfds import builders as tfds_builders
from frill.errors import UserError

pytestmark = pytest.mark.usefixtures("no_network")


def test_voxceleb(tmp_path, manual, register, capsys):
    truth = miniatures.voxceleb(manual)
    register(tfds.builder_cls("voxceleb"), {VOXCELEB_LIST: manual / "iden_split.txt"})
    mine = spec(tmp_path, "voxceleb")
    clips = list(read_clips("vox", mine))
    assert_same(clips, truth)
    warning = "vox: voxceleb has 3 clips in split train, published are 134000"
    assert warning in capsys.readouterr().err
    assert not list((tmp_path / "data").glob("downloads/*/**/*.wav"))  # what was unpacked is gone
    (manual / "vox_dev_wav.zip").unlink()  # prepared once, the archive may go
    assert_task(tmp_path, "vox", mine, clips)


def count_speakers(clips: list[Clip]) -> Counter:
    return Counter(split for split, _ in {(clip.split, clip.speaker) for clip in clips})


def test_voxforge(tmp_path, manual, register):
    truth = miniatures.voxforge(manual)
    register(tfds_builders.Voxforge, {VOXFORGE_LIST: manual / "voxforge_urls.txt"})
    mine = spec(tmp_path, "voxforge")
    clips = list(read_clips("voxforge", mine))
    assert_same(clips, truth)
    assert_task(tmp_path, "voxforge", mine, clips)
    assert "apache_beam" not in sys.modules
    assert count_speakers(clips) == {"train": 14, "validation": 2, "test": 5}
    # TFDS's own class reads what ours made.
    published = tfds.builder("voxforge", data_dir=tmp_path / "data")
    train = [clip for clip in clips if clip.split == "train"]
    assert published.info.splits["train"].num_examples == len(train)


def test_speech_commands(tmp_path, manual, register):
    truth = miniatures.speech_commands(manual)
    names = ("speech_commands_v0.02.tar.gz", "speech_commands_test_set_v0.02.tar.gz")
    files = {SPEECH_COMMANDS + name: manual / name for name in names}
    register(tfds_builders.SpeechCommands, files)
    mine = spec(tmp_path, "speech_commands")
    clips = list(read_clips("words", mine))
    assert_same(clips, truth)
    assert_task(tmp_path, "words", mine, clips)


def test_crema_d_from_a_clone(tmp_path, manual):
    truth = miniatures.crema_d(manual / "CREMA-D")
    mine = spec(tmp_path, "crema_d", manual_dir=str(manual / "CREMA-D"))
    clips = list(read_clips("crema", mine))
    assert_same(clips, truth)
    assert_task(tmp_path, "crema", mine, clips)


def test_crema_d_by_download(tmp_path, served, monkeypatch):
    """Download each recording by itself, checked against TFDS's list of checksums.

    TFDS downloads the list first; it is in the older format: blanks, no names.
    """
    from tensorflow_datasets.audio import crema_d

    www, address = served
    truth = miniatures.crema_d(www / "CREMA-D")
    table = "CREMA-D/processedResults/summaryTable.csv"
    files = [*sorted((www / "CREMA-D/AudioWAV").iterdir()), www / table]
    with open(www / "crema_d.txt", "w") as checksums:
        for path in files:
            line = miniatures.checksum_line(f"{address}/{path.relative_to(www)}", path)
            print(*line, file=checksums)
    monkeypatch.setattr(crema_d, "_CHECKSUMS_URL", f"{address}/crema_d.txt")
    monkeypatch.setattr(crema_d, "SUMMARY_TABLE_URL", f"{address}/{table}")
    monkeypatch.setattr(crema_d, "WAV_DATA_URL", f"{address}/CREMA-D/AudioWAV/")
    assert_same(list(read_clips("crema", spec(tmp_path, "crema_d", manual=False))), truth)


def test_savee(tmp_path, manual):
    truth = miniatures.savee(manual)
    mine = spec(tmp_path, "savee")
    clips = list(read_clips("savee", mine))
    assert_same_tones(clips, truth)
    assert count_speakers(clips) == {"train": 2, "validation": 1, "test": 1}
    assert_task(tmp_path, "savee", mine, clips)


@pytest.mark.parametrize("manually", [True, False])
def test_esc50_human(tmp_path, manual, served, monkeypatch, manually):
    from frill.corpora.tfds import esc50

    truth = miniatures.esc50(manual if manually else served[0])
    monkeypatch.setattr(esc50, "URL", f"{served[1]}/ESC-50-master.zip")
    mine = spec(tmp_path, "esc50_human", manual=manually)
    clips = list(read_clips("human", mine))
    assert {clip.source for clip in clips} == set(truth)
    assert_same_tones(clips, truth)
    assert_task(tmp_path, "human", mine, clips)


def test_compare_mask(tmp_path, manual):
    truth = miniatures.compare_mask(manual)
    mine = spec(tmp_path, "compare_mask")
    clips = list(read_clips("mask", mine))
    assert_same(clips, truth)
    assert_task(tmp_path, "mask", mine, clips)


def test_compare_mask_as_the_challenge_gave_it_out(tmp_path, manual):
    truth = miniatures.compare_mask(manual, hidden=True)
    message = (
        "audio.tfds.mask.manual_dir = .*labels.csv hides the labels of the test files"
        ".*compare_mask/devel_as_test"
    )
    with pytest.raises(UserError, match=message):
        next(read_clips("mask", spec(tmp_path, "compare_mask")))
    expected = {}
    for name, clip in truth.items():
        if clip.split == "train":
            expected[name] = clip
        if clip.split == "validation":
            expected[name] = replace(clip, split="test")
    clips = list(read_clips("mask", spec(tmp_path, "compare_mask/devel_as_test")))
    assert_same(clips, expected)
    # To distil from, no labels are needed.
    corpus = list(read_clips("mask", spec(tmp_path, "compare_mask", use="corpus")))
    assert [clip.label for clip in corpus if clip.split == "test"] == [""] * 4


def test_the_folder_loader_gives_the_same_samples(tmp_path, manual):
    miniatures.compare_mask(manual)
    for clip in read_clips("mask", spec(tmp_path, "compare_mask")):
        assert (clip.samples == read_audio(manual / "wav" / clip.source)).all()
