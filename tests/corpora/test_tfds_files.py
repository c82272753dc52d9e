"""Files that are not the published ones, not whole, not audio or that mean harm."""

import io
import tarfile
import zipfile

import numpy as np
import pytest
import soundfile
import tensorflow_datasets as tfds
import tfds_miniatures as miniatures
from tfds_checks import VOXCELEB_LIST, VOXFORGE_LIST, assert_same, read_clips, spec

from frill.audio.clips import Rejected
from frill.corpora.tfds import builders as tfds_builders
from frill.errors import UserError

pytestmark = pytest.mark.usefixtures("no_network")


def test_a_recording_that_is_not_audio(tmp_path, manual, register):
    """Refuse it: passed over, the number of clips would not be the paper's.

    pydub calls ffmpeg for what it cannot read itself.
    """
    miniatures.voxceleb(manual)
    with zipfile.ZipFile(manual / "vox_dev_wav.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    miniatures.write_zip(manual / "vox_dev_wav.zip", members | {sorted(members)[0]: b"no sound"})
    register(tfds.builder_cls("voxceleb"), {VOXCELEB_LIST: manual / "iden_split.txt"})
    message = "audio.tfds.vox: TFDS could not prepare voxceleb: .*id10001/Y01-_video00/00001.wav"
    with pytest.raises(UserError, match=message):
        next(read_clips("vox", spec(tmp_path, "voxceleb")))


def test_another_archive_than_voxcelebs(tmp_path, manual, register):
    miniatures.voxceleb(manual)
    with zipfile.ZipFile(manual / "vox_dev_wav.zip") as archive:
        members = {name.removeprefix("wav/"): archive.read(name) for name in archive.namelist()}
    miniatures.write_zip(manual / "vox_dev_wav.zip", members)
    register(tfds.builder_cls("voxceleb"), {VOXCELEB_LIST: manual / "iden_split.txt"})
    message = "No examples were yielded.*it holds wav/id10001/VIDEO/00001.wav"
    with pytest.raises(UserError, match=message):
        next(read_clips("vox", spec(tmp_path, "voxceleb")))


def test_voxforge_archives_that_mean_harm(tmp_path, manual, register):
    """Pass over a link to a file outside and a path that leads out.

    Archives are read, not unpacked.
    """
    truth = miniatures.voxforge(manual)
    register(tfds_builders.Voxforge, {VOXFORGE_LIST: manual / "voxforge_urls.txt"})
    (tmp_path / "secret.wav").write_bytes(miniatures.wav(miniatures.noise(1), 16000))
    path = next(manual.glob("www*/**/speaker7-*.tgz"))
    with tarfile.open(path) as archive:
        members = {member.name: archive.extractfile(member).read() for member in archive}
    recording = next(content for name, content in members.items() if name.endswith(".wav"))
    members["../../out.wav"] = recording
    with tarfile.open(path, "w:gz") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            link = tarfile.TarInfo(f"speaker7/wav/link{kind.decode()}.wav")
            link.type = kind
            link.linkname = str(tmp_path / "secret.wav")
            archive.addfile(link)
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    assert_same(list(read_clips("voxforge", spec(tmp_path, "voxforge"))), truth)
    assert not list(tmp_path.rglob("out.wav"))


@pytest.mark.parametrize(
    "dataset, write, file",
    [
        ("voxceleb", miniatures.voxceleb, "iden_split.txt"),
        ("voxforge", miniatures.voxforge, "voxforge_urls.txt"),
        ("speech_commands", miniatures.speech_commands, "speech_commands_v0.02.tar.gz"),
    ],
)
def test_files_that_are_not_the_published_ones_are_refused(tmp_path, manual, dataset, write, file):
    """Compare checksums that come with TFDS."""
    write(manual)
    message = (
        f"audio.tfds.mine: TFDS could not prepare {dataset}: NonMatchingChecksumError: "
        f".*manual/{file}, has wrong checksum"
    )
    with pytest.raises(UserError, match=message):
        next(read_clips("mine", spec(tmp_path, dataset)))


def test_voxforge_archive_that_is_listed_and_absent(tmp_path, manual, register):
    miniatures.voxforge(manual)
    register(tfds_builders.Voxforge, {VOXFORGE_LIST: manual / "voxforge_urls.txt"})
    gone = next(manual.glob("www*/**/speaker7-*.tgz"))
    gone.unlink()
    message = f"audio.tfds.voxforge: .*{gone.name} is missing; .*wget -x -i voxforge_urls.txt"
    with pytest.raises(UserError, match=message):
        next(read_clips("voxforge", spec(tmp_path, "voxforge")))


def test_samples_of_more_than_16_bits_are_rejected(tmp_path, manual):
    """Reject them: TFDS does not keep their width, so they would be taken for clipped ones."""
    clone = manual / "CREMA-D"
    truth = miniatures.crema_d(clone)
    path = clone / "AudioWAV/1001_IEO_NEU_XX.wav"
    soundfile.write(path, miniatures.noise(1), 16000, subtype="PCM_24")
    items = list(read_clips("crema", spec(tmp_path, "crema_d", manual_dir=str(clone))))
    (rejected,) = [item for item in items if isinstance(item, Rejected)]
    assert rejected.reason == "has samples of more than 16 bits"
    assert len(items) == len(truth)


def test_crema_d_without_git_lfs(tmp_path, manual):
    clone = manual / "CREMA-D"
    miniatures.crema_d(clone)
    pointer = clone / "AudioWAV/1001_IEO_NEU_XX.wav"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n")
    message = "1001_IEO_NEU_XX.wav: stands for a recording .*git lfs pull"
    with pytest.raises(UserError, match=message):
        next(read_clips("crema", spec(tmp_path, "crema_d", manual_dir=str(clone))))


def test_a_replaced_archive_is_unpacked_anew(tmp_path, manual):
    miniatures.write_zip(manual / "AudioData.zip", {"Data/DC/a01.wav": b""})  # not SAVEE's layout
    mine = spec(tmp_path, "savee")
    with pytest.raises(UserError, match="params.yaml: audio.tfds.savee.* savee.*Register.html"):
        next(read_clips("savee", mine))
    truth = miniatures.savee(manual)
    assert len(list(read_clips("savee", mine))) == len(truth)


def test_an_empty_recording_is_rejected(tmp_path, manual):
    miniatures.compare_mask(manual)
    (manual / "wav/train_00001.wav").write_bytes(miniatures.wav(np.zeros(0, np.int16), 16000))
    items = read_clips("mask", spec(tmp_path, "compare_mask"))
    (rejected,) = [item for item in items if isinstance(item, Rejected)]
    assert rejected == Rejected("train_00001.wav", "empty (no samples)", "empty")


def test_no_way_to_download(tmp_path, monkeypatch):
    # TFDS tries for minutes.
    monkeypatch.setattr("urllib3.util.Retry.sleep", lambda *arguments: None)
    message = "audio.tfds.human: TFDS could not prepare esc50_human: .*ESC-50/archive/master.zip"
    with pytest.raises(UserError, match=message):
        next(read_clips("human", spec(tmp_path, "esc50_human", manual=False)))
