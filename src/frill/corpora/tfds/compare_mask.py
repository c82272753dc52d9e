"""The Mask Sub-Challenge of ComParE 2020 as a builder of TensorFlow Datasets.

The question is whether the speaker wears a surgical mask.

import frill.corpora.tfds.compare_mask
config = tfds.download.DownloadConfig(manual_dir="ComParE2020_Mask")
tfds.load("compare_mask", download_and_prepare_kwargs={"download_config": config})
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import tensorflow_datasets as tfds

from frill.audio.files import read_audio
from frill.audio.waveform import SAMPLE_RATE_HZ
from frill.corpora.tfds.compare_mask_labels import LABELS, read_labels

HOMEPAGE = "http://www.compare.openaudio.eu"
# By configuration: {split in TFDS: the challenge's name of it}.
PARTS = {
    "challenge": {"train": "train", "validation": "devel", "test": "test"},
    "devel_as_test": {"train": "train", "test": "devel"},
}


class CompareMask(tfds.core.GeneratorBasedBuilder):
    """Chunks of German speech, 16 kHz mono (Mask Augsburg Speech Corpus).

    A hidden label, as of the challenge's test files, is -1.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name="challenge", description="The challenge's three parts."),
        tfds.core.BuilderConfig(
            name="devel_as_test",
            description="For those to whom the test labels are hidden: the development part tests; "
            "there is no validation split.",
        ),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"""
    Ask the organisers of ComParE 2020 ({HOMEPAGE}) for the Mask Sub-Challenge's data and sign
    their licence agreement. Unzip ComParE2020_Mask.zip with the password they send. manual_dir is
    the folder that then holds lab/labels.csv and wav/train_00001.wav and on.
    """

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description="Speech with and without a surgical mask: the Mask Sub-Challenge of the "
            "Interspeech 2020 Computational Paralinguistics Challenge.",
            features=tfds.features.FeaturesDict(
                {
                    "audio": tfds.features.Audio(
                        file_format="wav", sample_rate=SAMPLE_RATE_HZ, dtype=np.int16
                    ),
                    "label": tfds.features.ClassLabel(names=LABELS),
                    "file_name": tfds.features.Text(),
                }
            ),
            supervised_keys=("audio", "label"),
            homepage=HOMEPAGE,
            citation="""@inproceedings{schuller2020compare,
  title = {The {INTERSPEECH} 2020 Computational Paralinguistics Challenge: \
Elderly Emotion, Breathing & Masks},
  author = {Schuller, Bj{\\"o}rn W. and Batliner, Anton and Bergler, Christian and others},
  booktitle = {Proc. Interspeech 2020},
  pages = {2042--2046},
  year = {2020},
}""",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        folder = Path(dl_manager.manual_dir)
        labels = read_labels(folder / "lab/labels.csv")
        generators = {}
        for split, part in PARTS[self.builder_config.name].items():
            generators[split] = self._generate_examples(folder / "wav", labels[part])
        return generators

    def _generate_examples(
        self, folder: Path, labels: list[tuple[str, str]]
    ) -> Iterator[tuple[str, dict]]:
        for name, label in labels:
            samples = _read(folder / name)
            yield name, {"audio": samples, "label": label or -1, "file_name": name}


def _read(path: Path) -> np.ndarray:
    """Return int16 [samples], 16 kHz mono; the file's own values where it is that already."""
    samples, rate_hz = soundfile.read(path, dtype="int16", always_2d=True)
    if rate_hz == SAMPLE_RATE_HZ and samples.shape[1] == 1:
        return samples[:, 0]
    return read_audio(path)
