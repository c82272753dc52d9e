"""ESC-50's human, non-speech sounds as a builder of TensorFlow Datasets.

import frill.corpora.tfds.esc50
tfds.load("esc50_human", split="fold1+fold2+fold3")

The five folds are five splits: cross-validation is then TFDS's own split arithmetic, and a fold
that is not asked for is not read. The feature `fold` tells clips of joined splits apart.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np
import soundfile
import tensorflow_datasets as tfds

ARCHIVE = "ESC-50-master.zip"
URL = "https://github.com/karolpiczak/ESC-50/archive/master.zip"
SAMPLE_RATE_HZ = 44100
FOLDS = ("1", "2", "3", "4", "5")
# Of the archive's meta/esc50.csv, in the order of its targets.
CATEGORIES = (
    "crying_baby", "sneezing", "clapping", "breathing", "coughing",
    "footsteps", "laughing", "brushing_teeth", "snoring", "drinking_sipping",
)  # fmt: skip


class Esc50Human(tfds.core.GeneratorBasedBuilder):
    """10 classes x 40 clips of 5 s, 44.1 kHz mono, in five folds.

    A fold keeps the clips of one recording together.
    No checksum is registered: the archive is that of a branch, and GitHub has served more than one.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = [
        # A part of the prepared set's path.
        tfds.core.BuilderConfig(
            name="human",
            description="The category 'Human, non-speech sounds': targets 20 to 29.",
        )
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Optional: {URL} as {ARCHIVE} in manual_dir. It is downloaded if it is not there."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description="The human, non-speech part of ESC-50: environmental recordings of "
            "Freesound, cut to 5 s (CC BY-NC 3.0).",
            features=tfds.features.FeaturesDict(
                {
                    "audio": tfds.features.Audio(
                        file_format="wav", sample_rate=SAMPLE_RATE_HZ, dtype=np.int16
                    ),
                    "label": tfds.features.ClassLabel(names=CATEGORIES),
                    "fold": np.int64,
                    "file_name": tfds.features.Text(),
                }
            ),
            supervised_keys=("audio", "label"),
            homepage="https://github.com/karolpiczak/ESC-50",
            citation="""@inproceedings{piczak2015esc,
  title = {{ESC}: {Dataset} for {Environmental Sound Classification}},
  author = {Piczak, Karol J.},
  booktitle = {Proceedings of the 23rd {Annual ACM Conference} on {Multimedia}},
  pages = {1015--1018},
  year = {2015},
  doi = {10.1145/2733373.2806390},
}""",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        path = _find_placed(dl_manager) or dl_manager.download(URL)
        archive = tfds.download.Resource(path=path, extract_method=tfds.download.ExtractMethod.ZIP)
        rows = _read_rows(dl_manager.iter_archive(archive))
        generators = {}
        for fold in FOLDS:
            members = dl_manager.iter_archive(archive)
            generators[f"fold{fold}"] = self._generate_examples(members, int(fold), rows[fold])
        return generators

    def _generate_examples(
        self, members: Iterator[tuple[str, io.BufferedIOBase]], fold: int, rows: dict[str, str]
    ) -> Iterator[tuple[str, dict]]:
        missing = set(rows)
        for path, file in members:  # read from the archive, in its order: nothing is unpacked
            name = PurePosixPath(path).name
            if PurePosixPath(path).parts[1:] != ("audio", name) or name not in missing:
                continue
            samples, rate_hz = soundfile.read(io.BytesIO(file.read()), dtype="int16")
            if rate_hz != SAMPLE_RATE_HZ or samples.ndim != 1:
                raise ValueError(
                    f"{ARCHIVE}: {path} has {rate_hz} Hz and shape {samples.shape}; "
                    f"it must be {SAMPLE_RATE_HZ} Hz mono"
                )
            missing.remove(name)
            yield name, {"audio": samples, "label": rows[name], "fold": fold, "file_name": name}
        if missing:
            raise ValueError(
                f"{ARCHIVE} lacks audio/{min(missing)} and {len(missing) - 1} more of its "
                f"meta/esc50.csv; download {URL} again"
            )


def _read_rows(members: Iterator[tuple[str, io.BufferedIOBase]]) -> dict[str, dict[str, str]]:
    """Return {fold: {file name: category}} of CATEGORIES. Raises ValueError."""
    for path, file in members:
        if PurePosixPath(path).parts[1:] != ("meta", "esc50.csv"):
            continue
        rows = {fold: {} for fold in FOLDS}
        for row in csv.DictReader(io.StringIO(file.read().decode("utf-8-sig"))):
            if row["category"] in CATEGORIES:
                rows[row["fold"]][row["filename"]] = row["category"]
        return rows
    raise ValueError(f"{ARCHIVE} holds no meta/esc50.csv; download {URL} again")


def _find_placed(dl_manager: tfds.download.DownloadManager):
    """Return the archive in manual_dir, or None."""
    try:
        path = dl_manager.manual_dir / ARCHIVE
    except AssertionError:  # no such folder, or an empty one
        return None
    return path if path.exists() else None
