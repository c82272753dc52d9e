"""What users are told of a missing file: where it comes from, what to accept, where to put it.

Also archives that mean harm.
"""

import csv
import stat
import zipfile

import numpy as np
import pytest
import tfds_miniatures as miniatures
from pydantic import ValidationError
from tfds_checks import read_clips

from frill.corpora.tfds import sources as tfds_sources
from frill.corpora.tfds.compare_mask_labels import LabelsError, read_labels
from frill.corpora.tfds.unpack import unpack_zip
from frill.errors import UserError
from frill.params.audio import TfdsSet

REQUIRED = {  # dataset: (files, where they come from and what has to be done there)
    "voxceleb": (
        "vox_dev_wav.zip",
        "fill it in at https://mm.kaist.ac.kr/datasets/voxceleb .*accept its terms",
    ),
    "voxforge": ("www.repository.voxforge1.org", "wget -x -i voxforge_urls.txt"),
    "savee": (
        "AudioData.zip",
        "register at http://personal.ee.surrey.ac.uk/Personal/P.Jackson/SAVEE/Register.html",
    ),
    "compare_mask": (
        "lab/labels.csv",
        "http://www.compare.openaudio.eu.*sign their licence agreement",
    ),
}


@pytest.fixture(autouse=True)
def packages(monkeypatch):
    monkeypatch.setattr(tfds_sources, "find_spec", lambda name: name)


def spec(tmp_path, **changes):
    values = {
        "use": "task",
        "dataset": "savee",
        "data_dir": str(tmp_path / "data"),
        "manual_dir": str(tmp_path),
    }
    return TfdsSet.model_validate(values | changes)


@pytest.mark.parametrize("dataset", REQUIRED)
def test_a_set_that_must_be_asked_for(tmp_path, dataset):
    file, source = REQUIRED[dataset]
    states = {
        "none": "none: .* needs a folder with",
        str(tmp_path / "no"): "no such folder; make it and put",
        str(tmp_path): "holds no",
    }
    for manual_dir, state in states.items():
        mine = spec(tmp_path, dataset=dataset, manual_dir=manual_dir)
        message = f"^params.yaml: audio.tfds.mine.manual_dir = .*{state} .*{file}.*{source}"
        with pytest.raises(UserError, match=message) as error:
            next(read_clips("mine", mine))
        assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("dataset", ["speech_commands", "crema_d", "esc50_human"])
def test_a_set_that_can_be_downloaded_needs_no_folder(tmp_path, dataset):
    mine = spec(tmp_path, dataset=dataset, manual_dir="none")
    assert tfds_sources.find_problem("mine", mine) == ""
    message = tfds_sources.find_problem("mine", spec(tmp_path, dataset=dataset))
    assert "set manual_dir to none to have" in message


def test_missing_packages(tmp_path, monkeypatch):
    monkeypatch.setattr(tfds_sources, "find_spec", lambda name: None)
    message = tfds_sources.find_problem("mine", spec(tmp_path))
    assert message.endswith("run `pip install importlib_resources pydub`")


def test_a_path_that_misleads_tfds(tmp_path):
    folder = tmp_path / "Trunk"
    (folder / "www.repository.voxforge1.org").mkdir(parents=True)
    mine = spec(tmp_path, dataset="voxforge", manual_dir=str(folder))
    assert "holds /Trunk; rename that folder" in tfds_sources.find_problem("mine", mine)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"dataset": "mnist"}, "Input should be 'voxceleb', 'voxforge'"),
        ({"manual_dir": ""}, "at least 1 character"),
        ({"data_dir": None}, "write the word none"),
        ({"manual_dir": 3}, "valid string"),
        ({"manual_folder": "x"}, "Extra inputs"),
        ({"use": "test"}, "'corpus' or 'task'"),
    ],
)
def test_a_spec_that_is_none(tmp_path, changes, message):
    with pytest.raises(ValidationError, match=message):
        spec(tmp_path, **changes)


HEADER = ("file_name", "label")


def write_labels(path, rows, header=HEADER):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


COMPLETE = [("train_00001.wav", "mask"), ("devel_00001.wav", "clear"), ("test_00001.wav", "?")]


@pytest.mark.parametrize(
    "rows, header, message",
    [
        (COMPLETE, ("file", "label"), "the header is file,label; it must be file_name,label"),
        ([("dev_1.wav", "mask")], HEADER, "file_name = 'dev_1.wav': must be as train_00001.wav"),
        ([("train_/../../1.wav", "mask")], HEADER, "without a folder"),
        ([("train_1.wav", "maybe")], HEADER, "'maybe' for train_1.wav: must be clear, mask or"),
        ([("devel_1.wav", "?"), *COMPLETE], HEADER, "devel_1.wav has no label; only test files"),
        (COMPLETE[:2], HEADER, "lists no test_ files"),
    ],
)
def test_labels_that_are_not_the_challenges(tmp_path, rows, header, message):
    with pytest.raises(LabelsError, match=message):
        read_labels(write_labels(tmp_path / "labels.csv", rows, header))


def test_labels(tmp_path):
    labels = read_labels(write_labels(tmp_path / "labels.csv", COMPLETE))
    assert labels["test"] == [("test_00001.wav", "")]


@pytest.mark.parametrize(
    "name", ["../evil.wav", "/tmp/evil.wav", "a/../../evil.wav", "..\\evil.wav", "C:/evil.wav"]
)
def test_an_archive_that_leads_out(tmp_path, name):
    miniatures.write_zip(tmp_path / "bad.zip", {"AudioData/Info.txt": b"", name: b"evil"})
    message = "bad.zip: holds .*evil.wav', which leads out of the archive's folder; do not use"
    with pytest.raises(UserError, match=message):
        unpack_zip(tmp_path / "bad.zip", tmp_path / "deep/out")
    assert not list(tmp_path.rglob("evil*")) and not (tmp_path / "deep/out").exists()


def test_an_archive_with_a_link(tmp_path):
    link = zipfile.ZipInfo("AudioData/DC")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr(link, str(tmp_path))
        archive.writestr("AudioData/DC/a01.wav", b"through the link")
    with pytest.raises(UserError, match="bad.zip: holds the link 'AudioData/DC'"):
        unpack_zip(tmp_path / "bad.zip", tmp_path / "out")
    assert not (tmp_path / "a01.wav").exists()


def test_an_archive_that_is_not_whole(tmp_path):
    miniatures.write_zip(tmp_path / "whole.zip", {"a.wav": miniatures.noise(1, 10000).tobytes()})
    (tmp_path / "cut.zip").write_bytes((tmp_path / "whole.zip").read_bytes()[:9000])
    message = "cut.zip: not a whole zip file .*download or join it again"
    with pytest.raises(UserError, match=message):
        unpack_zip(tmp_path / "cut.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_archive_members_are_kept_exactly(tmp_path):
    content = miniatures.noise(1, 10000).tobytes()
    miniatures.write_zip(tmp_path / "whole.zip", {"a/b/c.wav": content, "a/empty.txt": b""})
    unpack_zip(tmp_path / "whole.zip", tmp_path / "out")
    paths = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*")}
    assert paths == {"a/b/c.wav", "a/empty.txt"}
    assert (tmp_path / "out/a/b/c.wav").read_bytes() == content


@pytest.mark.parametrize(
    "name, change, message",
    [
        ("ESC-50-master/audio/1-100020-A-20.wav", None, "lacks audio/1-100020-A-20.wav and 0 more"),
        ("ESC-50-master/meta/esc50.csv", None, "holds no meta/esc50.csv"),
        (
            "ESC-50-master/audio/1-100020-A-20.wav",
            miniatures.wav(np.ones(16000, np.int16), 16000),
            "has 16000 Hz and shape .16000,.; it must be 44100 Hz mono",
        ),
        ("ESC-50-master/../../audio/1-100020-A-20.wav", b"evil", ""),  # TFDS passes over it
    ],
)
def test_an_archive_that_is_not_esc50(tmp_path, name, change, message):
    miniatures.esc50(tmp_path)
    with zipfile.ZipFile(tmp_path / "ESC-50-master.zip") as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    members.pop(name, None)
    if change:
        members[name] = change
    miniatures.write_zip(tmp_path / "ESC-50-master.zip", members)
    items = read_clips("human", spec(tmp_path, dataset="esc50_human"))
    if message:
        whole = f"audio.tfds.human: TFDS could not prepare esc50_human: .*{message}"
        with pytest.raises(UserError, match=whole):
            next(items)
    else:
        assert len(list(items)) == 50
