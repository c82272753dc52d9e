"""Three of TFDS's builders as they have to be run here.

They make the data sets that the published ones make: same keys, order, splits, features.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import tensorflow_datasets as tfds
from etils import epath
from tensorflow_datasets.audio import crema_d, voxforge
from tensorflow_datasets.datasets.speech_commands import (
    speech_commands_dataset_builder as speech_commands,
)

from frill.errors import UserError

DownloadManager = tfds.download.DownloadManager
# What precedes a file's path in the repository, in both URLs that TFDS downloads from.
CLONE_ROOT = "/CREMA-D/master/"


class Voxforge(voxforge.Voxforge, skip_registration=True):
    """Without Apache Beam, whose releases want an older protobuf than TensorFlow's.

    One process reads the 100 GB of archives.
    """

    # Checksums: TFDS looks for a subclass's beside the subclass.
    url_infos = voxforge.Voxforge.url_infos

    def _split_generators(self, dl_manager: DownloadManager) -> dict:
        generators = super()._split_generators(dl_manager)
        return {str(split.name): self._examples(**split.gen_kwargs) for split in generators}

    def _examples(
        self, file_names: set[str], dl_manager: DownloadManager
    ) -> Iterator[tuple[str, dict]]:
        for file_name in sorted(file_names):
            yield from voxforge._generate_examples(file_name, dl_manager)


class SpeechCommands(speech_commands.Builder, skip_registration=True):
    """Without ffmpeg: the published builder hands it the test archive's README.md as audio."""

    name = "speech_commands"
    url_infos = speech_commands.Builder.url_infos
    pkg_dir_path = epath.Path(speech_commands.__file__).parent  # where description and citation lie

    def _split_generators(self, dl_manager: DownloadManager) -> list:
        return super()._split_generators(_SoundsAndLists(dl_manager))


class _SoundsAndLists:
    """A download manager whose archives hold only .wav files and the lists of the splits."""

    def __init__(self, dl_manager: DownloadManager):
        self.download = dl_manager.download
        self._iter_archive = dl_manager.iter_archive

    def iter_archive(self, path: Path) -> Iterator[tuple[str, BinaryIO]]:
        for name, file in self._iter_archive(path):
            if name.endswith((".wav", "_list.txt")):
                yield name, file


class CremaD(crema_d.CremaD, skip_registration=True):
    """From a clone of the repository, `clone`, instead of 7,440 downloads; None downloads."""

    url_infos = crema_d.CremaD.url_infos
    clone: Path | None = None

    def _split_generators(self, dl_manager: DownloadManager) -> list:
        return super()._split_generators(_Clone(self.clone) if self.clone else dl_manager)


class _Clone:
    """A download manager that finds the files in a folder."""

    def __init__(self, folder: Path):
        self._folder = folder

    def download_checksums(self, url: str) -> None:
        """Do nothing: git has checked the files by their own."""

    def download(self, urls: dict[str, str | list[str]]) -> dict:
        paths = {}
        for key, value in urls.items():
            is_list = isinstance(value, list)
            paths[key] = [self._find(url) for url in value] if is_list else self._find(value)
        return paths

    def _find(self, url: str) -> str:
        path = self._folder / url.partition(CLONE_ROOT)[2]
        if not path.is_file():
            raise UserError(f"{path}: no such file; run `git lfs pull` in the clone of CREMA-D")
        with path.open("rb") as file:
            if file.read(23) == b"version https://git-lfs":
                raise UserError(
                    f"{path}: stands for a recording that is not there yet; "
                    "run `git lfs pull` in the clone of CREMA-D"
                )
        return str(path)


OWN = {"voxforge": Voxforge, "crema_d": CremaD, "speech_commands": SpeechCommands}


def build(
    dataset: str, version: str, data_dir: Path, manual_dir: Path | None
) -> tfds.core.DatasetBuilder:
    """Return the builder of a TfdsSet's `dataset`, nothing prepared yet.

    "compare_mask/devel_as_test" is compare_mask with that configuration. `manual_dir` is of use
    here for CREMA-D only; the others' goes into the DownloadConfig. Raises UserError where TFDS is
    of another version.
    """
    name, _, config = dataset.partition("/")
    if name == "esc50_human":
        import frill.corpora.tfds.esc50  # noqa: F401 - registers it
    if name == "compare_mask":
        import frill.corpora.tfds.compare_mask  # noqa: F401
    builder_class = OWN.get(name) or tfds.builder_cls(name)
    try:
        builder = builder_class(data_dir=data_dir, config=config or None, version=version)
    except AssertionError as error:
        raise UserError(
            f"the installed tensorflow-datasets has another {name} than {version} ({error}); "
            "install tensorflow-datasets~=4.9.10"
        ) from None
    if isinstance(builder, CremaD):
        builder.clone = manual_dir
    return builder
