"""The seven tasks through TFDS's real builders, each on a miniature in the original's format. No network."""

import sys

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
    spec,
)

from frill.audio.files import read_audio
from frill.corpora.tfds import builders as tfds_builders
from frill.corpora.tfds import examples as tfds_corpus
from frill.errors import UserError

pytestmark = pytest.mark.usefixtures("no_network")


def test_voxceleb(tmp_path, manual, register, capsys):
    truth = miniatures.voxceleb(manual)
    register(tfds.builder_cls("voxceleb"), {VOXCELEB_LIST: manual / "iden_split.txt"})
    mine = spec(tmp_path, "voxceleb")
    found = list(tfds_corpus.clips("vox", mine))
    assert_same(found, truth)
    assert (
        "vox: voxceleb has 3 clips in split train, published are 134000" in capsys.readouterr().err
    )
    assert not list((tmp_path / "data").glob("downloads/*/**/*.wav"))  # what was unpacked is gone
    (manual / "vox_dev_wav.zip").unlink()  # prepared once, the archive may go
    assert_task(tmp_path, found, list(tfds_corpus.clips("vox", mine)))


def test_voxforge(tmp_path, manual, register):
    truth = miniatures.voxforge(manual)
    register(tfds_builders.Voxforge, {VOXFORGE_LIST: manual / "voxforge_urls.txt"})
    mine = spec(tmp_path, "voxforge")
    found = list(tfds_corpus.clips("voxforge", mine))
    assert_same(found, truth)
    assert_task(tmp_path, found, list(tfds_corpus.clips("voxforge", mine)))
    assert "apache_beam" not in sys.modules
    by_split = {
        split: {clip.speaker for clip in found if clip.split == split}
        for split in ("train", "validation", "test")
    }
    assert [len(speakers) for speakers in by_split.values()] == [14, 2, 5]
    published = tfds.builder(
        "voxforge", data_dir=tmp_path / "data"
    )  # TFDS's own class reads what ours made
    assert published.info.splits["train"].num_examples == sum(
        clip.split == "train" for clip in found
    )


def test_speech_commands(tmp_path, manual, register):
    truth = miniatures.speech_commands(manual)
    names = ("speech_commands_v0.02.tar.gz", "speech_commands_test_set_v0.02.tar.gz")
    register(
        tfds_builders.SpeechCommands, {SPEECH_COMMANDS + name: manual / name for name in names}
    )
    mine = spec(tmp_path, "speech_commands")
    found = list(tfds_corpus.clips("words", mine))
    assert_same(found, truth)
    assert_task(tmp_path, found, list(tfds_corpus.clips("words", mine)))


def test_crema_d_from_a_clone(tmp_path, manual):
    truth = miniatures.crema_d(manual / "CREMA-D")
    mine = spec(tmp_path, "crema_d", manual_dir=str(manual / "CREMA-D"))
    found = list(tfds_corpus.clips("crema", mine))
    assert_same(found, truth)
    assert_task(tmp_path, found, list(tfds_corpus.clips("crema", mine)))


def test_crema_d_by_download(tmp_path, served, monkeypatch):
    """Each recording by itself, checked against the list of checksums that TFDS downloads first (in its older format: blanks, no names)."""
    from tensorflow_datasets.audio import crema_d

    www, address = served
    truth = miniatures.crema_d(www / "CREMA-D")
    table = www / "CREMA-D/processedResults/summaryTable.csv"
    lines = [
        miniatures.checksum_line(f"{address}/CREMA-D/AudioWAV/{path.name}", path)
        for path in sorted((www / "CREMA-D/AudioWAV").iterdir())
    ]
    lines.append(
        miniatures.checksum_line(f"{address}/CREMA-D/processedResults/summaryTable.csv", table)
    )
    (www / "crema_d.txt").write_text(
        "".join(f"{url} {size} {digest}\n" for url, size, digest in lines)
    )
    monkeypatch.setattr(crema_d, "_CHECKSUMS_URL", f"{address}/crema_d.txt")
    monkeypatch.setattr(
        crema_d, "SUMMARY_TABLE_URL", f"{address}/CREMA-D/processedResults/summaryTable.csv"
    )
    monkeypatch.setattr(crema_d, "WAV_DATA_URL", f"{address}/CREMA-D/AudioWAV/")
    assert_same(list(tfds_corpus.clips("crema", spec(tmp_path, "crema_d", manual=False))), truth)


def test_savee(tmp_path, manual):
    truth = miniatures.savee(manual)
    mine = spec(tmp_path, "savee")
    found = list(tfds_corpus.clips("savee", mine))
    assert_same_tones(found, truth)
    assert [
        len({clip.speaker for clip in found if clip.split == split})
        for split in ("train", "validation", "test")
    ] == [2, 1, 1]
    assert_task(tmp_path, found, list(tfds_corpus.clips("savee", mine)))


@pytest.mark.parametrize("manually", [True, False])
def test_esc50_human(tmp_path, manual, served, monkeypatch, manually):
    from frill.corpora.tfds import esc50

    truth = miniatures.esc50(manual if manually else served[0])
    monkeypatch.setattr(esc50, "URL", f"{served[1]}/ESC-50-master.zip")
    mine = spec(tmp_path, "esc50_human", manual=manually)
    found = list(tfds_corpus.clips("human", mine))
    assert {clip.source for clip in found} == set(truth)
    assert_same_tones(found, truth)
    assert_task(tmp_path, found, list(tfds_corpus.clips("human", mine)))


def test_compare_mask(tmp_path, manual):
    truth = miniatures.compare_mask(manual)
    mine = spec(tmp_path, "compare_mask")
    found = list(tfds_corpus.clips("mask", mine))
    assert_same(found, truth)
    assert_task(tmp_path, found, list(tfds_corpus.clips("mask", mine)))


def test_compare_mask_as_the_challenge_gave_it_out(tmp_path, manual):
    truth = miniatures.compare_mask(manual, hidden=True)
    with pytest.raises(
        UserError,
        match="audio.tfds.mask.manual_dir = .*labels.csv hides the labels of the test files.*compare_mask/devel_as_test",
    ):
        next(tfds_corpus.clips("mask", spec(tmp_path, "compare_mask")))
    labelled = {name: expected for name, expected in truth.items() if expected.split != "test"}
    as_test = {
        name: miniatures.Expected(
            e.samples, e.label, "test" if e.split == "validation" else "train"
        )
        for name, e in labelled.items()
    }
    assert_same(
        list(tfds_corpus.clips("mask", spec(tmp_path, "compare_mask/devel_as_test"))), as_test
    )
    corpus = list(
        tfds_corpus.clips("mask", spec(tmp_path, "compare_mask", use="corpus"))
    )  # to distil from, no labels are needed
    assert [clip.label for clip in corpus if clip.split == "test"] == [""] * 4


def test_the_folder_loader_gives_the_same_samples(tmp_path, manual):
    miniatures.compare_mask(manual)
    for clip in tfds_corpus.clips("mask", spec(tmp_path, "compare_mask")):
        assert (clip.samples == read_audio(manual / "wav" / clip.source)).all()
