"""The seven tasks through TFDS's real builders, each on a miniature in the original's format. No network: a connection fails the test."""

import functools
import http.server
import io
import socket
import sys
import tarfile
import threading
import zipfile

import numpy as np
import pytest
import soundfile
import tensorflow_datasets as tfds
import tfds_miniatures as miniatures

from frill.audio import read_audio
from frill.clips import Clip, ClipStore, Rejected, write_clips
from frill.corpora import tfds as tfds_corpus
from frill.corpora import tfds_builders
from frill.corpora.tfds_spec import TfdsSet
from frill.errors import UserError
from frill.noss.splits import splits

VOXCELEB_LIST = "http://www.robots.ox.ac.uk/~vgg/data/voxceleb/meta/iden_split.txt"
VOXFORGE_LIST = "https://storage.googleapis.com/tfds-data/downloads/voxforge/voxforge_urls.txt"
SPEECH_COMMANDS = "http://download.tensorflow.org/data/"


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    real = socket.socket.connect

    def connect(self, address):
        if isinstance(address, tuple) and address[0] != "127.0.0.1":
            raise ConnectionRefusedError(f"the test must not reach {address}")
        return real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", functools.partial(_only_local, socket.getaddrinfo))


def _only_local(real, host, *arguments, **named):
    if host not in ("127.0.0.1", "localhost", None):
        raise socket.gaierror(f"the test must not look up {host}")
    return real(host, *arguments, **named)


@pytest.fixture
def register(monkeypatch):
    """TFDS takes a download from manual_dir if it knows its checksum and name: register(builder class, {url: file})."""

    def register(builder_class, files):
        lines = {url: miniatures.checksum_line(url, path) for url, path in files.items()}
        infos = {url: tfds.download.checksums.UrlInfo(size, digest, files[url].name) for url, (_, size, digest) in lines.items()}
        monkeypatch.setattr(builder_class, "url_infos", infos)

    return register


def spec(tmp_path, dataset, manual=True, **changes):
    values = {"use": "task", "dataset": dataset, "data_dir": str(tmp_path / "data"), "manual_dir": str(tmp_path / "manual") if manual else "none"}
    return TfdsSet.model_validate(values | changes)


@pytest.fixture
def manual(tmp_path):
    (tmp_path / "manual").mkdir()
    return tmp_path / "manual"


def assert_same(found: list[Clip], truth: dict[str, miniatures.Expected], tolerance: int = 1, edge: int = 0) -> None:
    """Every expected clip once, and no other, by its samples: x 32767 / 32768, as 16-bit files are read by 32768 and kept by TRILL's 32767."""
    assert all(isinstance(clip, Clip) and clip.samples.dtype == np.int16 for clip in found)
    assert len(found) == len(truth)
    for what, expected in truth.items():
        wanted = expected.samples * (32767 / 32768)
        inner = slice(edge, len(wanted) - edge)
        matches = [clip for clip in found if len(clip.samples) == len(wanted) and np.abs(clip.samples[inner] - wanted[inner]).max() <= tolerance]
        assert len(matches) == 1, what
        clip = matches[0]
        assert (clip.label, clip.split, clip.speaker, clip.fold) == (expected.label, expected.split, expected.speaker, expected.fold), what


def assert_same_tones(found: list[Clip], truth: dict[str, miniatures.Expected]) -> None:
    """The same for resampled tones, away from their ends: against the closed form at 16 kHz."""
    assert_same(found, truth, tolerance=40, edge=400)


def assert_task(tmp_path, found: list[Clip], again: list[Clip]) -> None:
    """Same clips in the same order when read again from what TFDS prepared; stored, they make a task."""
    assert [(clip.name, clip.source, clip.label) for clip in found] == [(clip.name, clip.source, clip.label) for clip in again]
    assert all((a.samples == b.samples).all() for a, b in zip(found, again, strict=True))
    assert len({clip.source for clip in found}) == len(found)
    write_clips(tmp_path / "store", found)
    assert splits(ClipStore(tmp_path / "store"), 0.5, 17)


def test_voxceleb(tmp_path, manual, register, capsys):
    truth = miniatures.voxceleb(manual)
    register(tfds.builder_cls("voxceleb"), {VOXCELEB_LIST: manual / "iden_split.txt"})
    mine = spec(tmp_path, "voxceleb")
    found = list(tfds_corpus.clips("vox", mine))
    assert_same(found, truth)
    assert "vox: voxceleb has 3 clips in split train, published are 134000" in capsys.readouterr().err
    assert not list((tmp_path / "data").glob("downloads/*/**/*.wav"))  # what was unpacked is gone
    (manual / "vox_dev_wav.zip").unlink()  # prepared once, the archive may go
    assert_task(tmp_path, found, list(tfds_corpus.clips("vox", mine)))


def test_a_recording_that_is_not_audio(tmp_path, manual, register):
    """Not passed over: the paper's number of clips would be another. pydub calls ffmpeg for what it cannot read itself."""
    miniatures.voxceleb(manual)
    with zipfile.ZipFile(manual / "vox_dev_wav.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    miniatures.write_zip(manual / "vox_dev_wav.zip", members | {sorted(members)[0]: b"no sound"})
    register(tfds.builder_cls("voxceleb"), {VOXCELEB_LIST: manual / "iden_split.txt"})
    with pytest.raises(UserError, match="audio.tfds.vox: TFDS could not prepare voxceleb: .*wav/id10001/Y01-_video00/00001.wav"):
        next(tfds_corpus.clips("vox", spec(tmp_path, "voxceleb")))


def test_another_archive_than_voxcelebs(tmp_path, manual, register):
    miniatures.voxceleb(manual)
    with zipfile.ZipFile(manual / "vox_dev_wav.zip") as archive:
        members = {name.removeprefix("wav/"): archive.read(name) for name in archive.namelist()}
    miniatures.write_zip(manual / "vox_dev_wav.zip", members)
    register(tfds.builder_cls("voxceleb"), {VOXCELEB_LIST: manual / "iden_split.txt"})
    with pytest.raises(UserError, match="No examples were yielded.*it holds wav/id10001/VIDEO/00001.wav"):
        next(tfds_corpus.clips("vox", spec(tmp_path, "voxceleb")))


def test_voxforge(tmp_path, manual, register):
    truth = miniatures.voxforge(manual)
    register(tfds_builders.Voxforge, {VOXFORGE_LIST: manual / "voxforge_urls.txt"})
    mine = spec(tmp_path, "voxforge")
    found = list(tfds_corpus.clips("voxforge", mine))
    assert_same(found, truth)
    assert_task(tmp_path, found, list(tfds_corpus.clips("voxforge", mine)))
    assert "apache_beam" not in sys.modules
    by_split = {split: {clip.speaker for clip in found if clip.split == split} for split in ("train", "validation", "test")}
    assert [len(speakers) for speakers in by_split.values()] == [14, 2, 5]
    published = tfds.builder("voxforge", data_dir=tmp_path / "data")  # TFDS's own class reads what ours made
    assert published.info.splits["train"].num_examples == sum(clip.split == "train" for clip in found)


def test_voxforge_archives_that_mean_harm(tmp_path, manual, register):
    """A link to a file outside and a path that leads out are passed over: archives are read, not unpacked."""
    truth = miniatures.voxforge(manual)
    register(tfds_builders.Voxforge, {VOXFORGE_LIST: manual / "voxforge_urls.txt"})
    (tmp_path / "secret.wav").write_bytes(miniatures.wav(miniatures.noise(1), 16000))
    path = next(manual.glob("www*/**/speaker7-*.tgz"))
    with tarfile.open(path) as archive:
        members = {member.name: archive.extractfile(member).read() for member in archive}
    with tarfile.open(path, "w:gz") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            link = tarfile.TarInfo(f"speaker7/wav/link{kind.decode()}.wav")
            link.type, link.linkname = kind, str(tmp_path / "secret.wav")
            archive.addfile(link)
        for name, content in (members | {"../../out.wav": members[next(name for name in members if name.endswith(".wav"))]}).items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    assert_same(list(tfds_corpus.clips("voxforge", spec(tmp_path, "voxforge"))), truth)
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
    """By the checksums that come with TFDS."""
    write(manual)
    with pytest.raises(
        UserError, match=f"audio.tfds.mine: TFDS could not prepare {dataset}: NonMatchingChecksumError: .*manual/{file}, has wrong checksum"
    ):
        next(tfds_corpus.clips("mine", spec(tmp_path, dataset)))


def test_voxforge_archive_that_is_listed_and_absent(tmp_path, manual, register):
    miniatures.voxforge(manual)
    register(tfds_builders.Voxforge, {VOXFORGE_LIST: manual / "voxforge_urls.txt"})
    gone = next(manual.glob("www*/**/speaker7-*.tgz"))
    gone.unlink()
    with pytest.raises(UserError, match=f"audio.tfds.voxforge: .*{gone.name} is missing; .*wget -x -i voxforge_urls.txt"):
        next(tfds_corpus.clips("voxforge", spec(tmp_path, "voxforge")))


def test_speech_commands(tmp_path, manual, register):
    truth = miniatures.speech_commands(manual)
    names = ("speech_commands_v0.02.tar.gz", "speech_commands_test_set_v0.02.tar.gz")
    register(tfds_builders.SpeechCommands, {SPEECH_COMMANDS + name: manual / name for name in names})
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


def test_samples_of_more_than_16_bits_are_rejected(tmp_path, manual):
    """TFDS does not keep the width of the samples; they would be taken for clipped ones."""
    truth = miniatures.crema_d(manual / "CREMA-D")
    soundfile.write(manual / "CREMA-D/AudioWAV/1001_IEO_NEU_XX.wav", miniatures.noise(1), 16000, subtype="PCM_24")
    found = list(tfds_corpus.clips("crema", spec(tmp_path, "crema_d", manual_dir=str(manual / "CREMA-D"))))
    assert [item.reason for item in found if isinstance(item, Rejected)] == ["has samples of more than 16 bits"]
    assert len(found) == len(truth)


def test_crema_d_without_git_lfs(tmp_path, manual):
    miniatures.crema_d(manual / "CREMA-D")
    pointer = manual / "CREMA-D/AudioWAV/1001_IEO_NEU_XX.wav"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n")
    with pytest.raises(UserError, match=r"1001_IEO_NEU_XX.wav: stands for a recording .*git lfs pull"):
        next(tfds_corpus.clips("crema", spec(tmp_path, "crema_d", manual_dir=str(manual / "CREMA-D"))))


@pytest.fixture
def served(tmp_path):
    """tmp_path/www over HTTP."""
    (tmp_path / "www").mkdir()
    handler = functools.partial(_Quiet, directory=str(tmp_path / "www"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield tmp_path / "www", f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def test_crema_d_by_download(tmp_path, served, monkeypatch):
    """Each recording by itself, checked against the list of checksums that TFDS downloads first (in its older format: blanks, no names)."""
    from tensorflow_datasets.audio import crema_d

    www, address = served
    truth = miniatures.crema_d(www / "CREMA-D")
    table = www / "CREMA-D/processedResults/summaryTable.csv"
    lines = [miniatures.checksum_line(f"{address}/CREMA-D/AudioWAV/{path.name}", path) for path in sorted((www / "CREMA-D/AudioWAV").iterdir())]
    lines.append(miniatures.checksum_line(f"{address}/CREMA-D/processedResults/summaryTable.csv", table))
    (www / "crema_d.txt").write_text("".join(f"{url} {size} {digest}\n" for url, size, digest in lines))
    monkeypatch.setattr(crema_d, "_CHECKSUMS_URL", f"{address}/crema_d.txt")
    monkeypatch.setattr(crema_d, "SUMMARY_TABLE_URL", f"{address}/CREMA-D/processedResults/summaryTable.csv")
    monkeypatch.setattr(crema_d, "WAV_DATA_URL", f"{address}/CREMA-D/AudioWAV/")
    assert_same(list(tfds_corpus.clips("crema", spec(tmp_path, "crema_d", manual=False))), truth)


def test_savee(tmp_path, manual):
    truth = miniatures.savee(manual)
    mine = spec(tmp_path, "savee")
    found = list(tfds_corpus.clips("savee", mine))
    assert_same_tones(found, truth)
    assert [len({clip.speaker for clip in found if clip.split == split}) for split in ("train", "validation", "test")] == [2, 1, 1]
    assert_task(tmp_path, found, list(tfds_corpus.clips("savee", mine)))


def test_a_replaced_archive_is_unpacked_anew(tmp_path, manual):
    miniatures.write_zip(manual / "AudioData.zip", {"Data/DC/a01.wav": b""})  # not SAVEE's layout
    mine = spec(tmp_path, "savee")
    with pytest.raises(UserError, match="params.yaml: audio.tfds.savee.* savee.*Register.html"):
        next(tfds_corpus.clips("savee", mine))
    truth = miniatures.savee(manual)
    assert len(list(tfds_corpus.clips("savee", mine))) == len(truth)


@pytest.mark.parametrize("manually", [True, False])
def test_esc50_human(tmp_path, manual, served, monkeypatch, manually):
    from frill.corpora import esc50

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
    with pytest.raises(UserError, match="audio.tfds.mask.manual_dir = .*labels.csv hides the labels of the test files.*compare_mask/devel_as_test"):
        next(tfds_corpus.clips("mask", spec(tmp_path, "compare_mask")))
    labelled = {name: expected for name, expected in truth.items() if expected.split != "test"}
    as_test = {name: miniatures.Expected(e.samples, e.label, "test" if e.split == "validation" else "train") for name, e in labelled.items()}
    assert_same(list(tfds_corpus.clips("mask", spec(tmp_path, "compare_mask/devel_as_test"))), as_test)
    corpus = list(tfds_corpus.clips("mask", spec(tmp_path, "compare_mask", use="corpus")))  # to distil from, no labels are needed
    assert [clip.label for clip in corpus if clip.split == "test"] == [""] * 4


def test_the_folder_loader_gives_the_same_samples(tmp_path, manual):
    miniatures.compare_mask(manual)
    for clip in tfds_corpus.clips("mask", spec(tmp_path, "compare_mask")):
        assert (clip.samples == read_audio(manual / "wav" / clip.source)).all()


def test_an_empty_recording_is_rejected(tmp_path, manual):
    miniatures.compare_mask(manual)
    (manual / "wav/train_00001.wav").write_bytes(miniatures.wav(np.zeros(0, np.int16), 16000))
    (rejected,) = [item for item in tfds_corpus.clips("mask", spec(tmp_path, "compare_mask")) if isinstance(item, Rejected)]
    assert rejected == Rejected("train_00001.wav", "empty (no samples)")


def test_no_way_to_download(tmp_path, monkeypatch):
    monkeypatch.setattr("urllib3.util.Retry.sleep", lambda *arguments: None)  # TFDS tries for minutes
    with pytest.raises(UserError, match="audio.tfds.human: TFDS could not prepare esc50_human: .*ESC-50/archive/master.zip"):
        next(tfds_corpus.clips("human", spec(tmp_path, "esc50_human", manual=False)))
