"""frill's own builders as anybody uses them, by import and tfds.load, on miniatures."""

import io
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import soundfile
import tensorflow_datasets as tfds
import tfds_miniatures as miniatures

import frill.corpora.tfds.compare_mask
import frill.corpora.tfds.esc50  # noqa: F401 - both register their builders


def load(name, folder, **arguments):
    config = tfds.download.DownloadConfig(manual_dir=folder)
    return tfds.load(
        name,
        data_dir=folder / "data",
        download_and_prepare_kwargs={"download_config": config},
        with_info=True,
        **arguments,
    )


def test_esc50_human(tmp_path):
    truth = miniatures.esc50(tmp_path)
    folds, info = load("esc50_human", tmp_path, split=["fold1", "fold2+fold5"])
    assert info.full_name == "esc50_human/human/1.0.0"
    assert (info.features["audio"].sample_rate, len(info.splits)) == (44100, 5)
    assert info.features["label"].names == list(miniatures.HUMAN_SOUNDS.values())
    assert "Piczak" in info.citation and info.supervised_keys == ("audio", "label")
    for dataset, expected in zip(folds, ({"1"}, {"2", "5"}), strict=True):
        examples = {example["file_name"].decode(): example for example in tfds.as_numpy(dataset)}
        assert set(examples) == {name for name, clip in truth.items() if clip.fold in expected}
        with zipfile.ZipFile(tmp_path / "ESC-50-master.zip") as archive:
            for name, example in examples.items():
                content = archive.read(f"ESC-50-master/audio/{name}")
                written, _ = soundfile.read(io.BytesIO(content), dtype="int16")
                assert example["audio"].dtype == np.int16 and (example["audio"] == written).all()
                assert str(example["fold"]) == truth[name].fold
                assert info.features["label"].int2str(example["label"]) == truth[name].label


def test_compare_mask(tmp_path):
    truth = miniatures.compare_mask(tmp_path, hidden=True)
    splits = ["train", "validation", "test"]
    datasets, info = load("compare_mask", tmp_path, split=splits)
    assert info.full_name == "compare_mask/challenge/1.0.0"
    assert info.features["label"].names == ["clear", "mask"]
    assert "Mask" in info.citation and info.supervised_keys == ("audio", "label")
    for dataset, split in zip(datasets, splits, strict=True):
        examples = {example["file_name"].decode(): example for example in tfds.as_numpy(dataset)}
        assert set(examples) == {name for name, clip in truth.items() if clip.split == split}
        for name, example in examples.items():
            assert (example["audio"] == truth[name].samples).all()
            index = -1 if split == "test" else ["clear", "mask"].index(truth[name].label)
            assert example["label"] == index


def test_compare_mask_devel_as_test(tmp_path):
    truth = miniatures.compare_mask(tmp_path)
    datasets, info = load("compare_mask/devel_as_test", tmp_path)
    assert set(datasets) == {"train", "test"}
    names = {example["file_name"].decode() for example in tfds.as_numpy(datasets["test"])}
    assert names == {name for name, clip in truth.items() if clip.split == "validation"}


def test_compare_mask_at_another_rate(tmp_path):
    miniatures.compare_mask(tmp_path)
    content = miniatures.wav(miniatures.tone(440, 48000, 1.0), 48000)
    (tmp_path / "wav/train_00001.wav").write_bytes(content)
    train, _ = load("compare_mask", tmp_path, split="train")
    clips = {example["file_name"]: example["audio"] for example in tfds.as_numpy(train)}
    samples = clips[b"train_00001.wav"]
    assert len(samples) == 16000
    expected = miniatures.tone(440, 16000, 1.0).astype(int)
    assert np.abs(samples - expected)[400:-400].max() < 40


PREPARE = """
import hashlib, sys
from frill.corpora.reading import read_all
from frill.corpora.tfds import examples
from frill.params.audio import TfdsSet
spec = TfdsSet(use="task", dataset=sys.argv[1], data_dir=sys.argv[3], manual_dir=sys.argv[2])
digest = hashlib.sha256()
for clip in read_all(examples.prepare_reads("x", spec)):
    fields = (clip.name, clip.label, clip.split, clip.speaker, clip.source)
    digest.update(repr(fields).encode())
    digest.update(clip.samples.tobytes())
print("digest", digest.hexdigest())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "dataset, write", [("crema_d", miniatures.crema_d), ("savee", miniatures.savee)]
)
def test_the_order_does_not_depend_on_the_process(tmp_path, dataset, write):
    """Keep the order, though TFDS's builders have file names in sets, which have none."""
    manual = tmp_path / "manual"
    manual.mkdir()
    write(manual)
    outputs = set()
    for seed in ("1", "2"):
        folders = [str(manual), str(tmp_path / f"data{seed}")]
        command = [sys.executable, "-c", PREPARE, dataset, *folders]
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        outputs.add(done.stdout.splitlines()[-1])
    assert len(outputs) == 1 and outputs.pop().startswith("digest")
