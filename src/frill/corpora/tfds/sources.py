"""The seven data sets of the paper's benchmark as TFDS has them.

Versions, published sizes, and which files must be obtained by hand, from where. Loads no
TensorFlow: `find_problem` is asked before anything long starts. Sizes are those of TFDS's
catalogue; ESC-50's are its README's, 10 classes x 8 clips a fold.
"""

import os
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

from frill.corpora.tfds.compare_mask_labels import LabelsError, read_labels
from frill.params.audio import TfdsSet


@dataclass(frozen=True)
class Source:
    """A data set of TFDS and how to get it.

    `files` must be in `manual_dir`: always where `manual`, else only if `manual_dir` is given.
    `how` tells where to get them and what to accept. `unpack` is the file that TFDS wants unpacked.
    `splits` are TFDS's names; `clips` is the published number of each. TFDS's decoder of the set
    needs pydub where `needs_pydub`.
    """

    version: str
    files: tuple[str, ...]
    how: str
    manual: bool = False
    unpack: str = ""
    splits: tuple[str, ...] = ("train", "validation", "test")
    clips: dict[str, int] = field(default_factory=dict)
    needs_pydub: bool = True
    licence: str = "by agreement with its owners"


_MASK = Source(
    version="1.0.0",
    files=("lab/labels.csv", "wav"),
    how="the Mask Augsburg Speech Corpus is given out by the organisers of ComParE 2020 "
    "(http://www.compare.openaudio.eu) for research: write to them, sign their licence agreement, "
    "unzip ComParE2020_Mask.zip with the password they send, and give the folder that then holds "
    "lab and wav",
    manual=True,
    needs_pydub=False,
)

SOURCES = {
    "voxceleb": Source(
        version="1.2.1",
        files=("vox_dev_wav.zip",),
        how="VoxCeleb1 is given out after a form: fill it in at "
        "https://mm.kaist.ac.kr/datasets/voxceleb (linked from "
        "https://www.robots.ox.ac.uk/~vgg/data/voxceleb), accept its terms, download "
        "vox1_dev_wav_partaa to ..partad, join them by "
        "`cat vox1_dev_wav_part* > vox_dev_wav.zip` (it holds wav/id10001/VIDEO/00001.wav and on). "
        "The site's meta/iden_split.txt is downloaded unless it lies beside the zip",
        manual=True,
        unpack="vox_dev_wav.zip",
        clips={"train": 134000, "validation": 6670, "test": 7972},
    ),
    "voxforge": Source(
        version="1.0.0",
        files=("www.repository.voxforge1.org",),
        how="VoxForge (GPL) has to be fetched archive by archive: in that folder run "
        "`wget https://storage.googleapis.com/tfds-data/downloads/voxforge/voxforge_urls.txt` "
        "and `wget -x -i voxforge_urls.txt` (100 GB), which makes "
        "www.repository.voxforge1.org/downloads/LANGUAGE/Trunk/Audio/Main/16kHz_16bit/*.tgz",
        manual=True,
        needs_pydub=False,
        licence="GPL",
    ),
    "speech_commands": Source(
        version="0.0.3",
        files=("speech_commands_v0.02.tar.gz", "speech_commands_test_set_v0.02.tar.gz"),
        how="download both from http://download.tensorflow.org/data/ (CC BY 4.0), "
        "or set manual_dir to none to have that done",
        clips={"train": 85511, "validation": 10102, "test": 4890},
        licence="CC BY 4.0",
    ),
    "crema_d": Source(
        version="1.0.0",
        files=("AudioWAV", "processedResults/summaryTable.csv"),
        how="give a clone of https://github.com/CheyneyComputerScience/CREMA-D "
        "(Open Database License) after `git lfs pull`, or set manual_dir to none "
        "to have its 7,438 recordings downloaded one by one",
        clips={"train": 5144, "validation": 738, "test": 1556},
        licence="ODbL",
    ),
    "savee": Source(
        version="1.0.0",
        files=("AudioData.zip",),
        how="SAVEE (http://kahlan.eps.surrey.ac.uk/savee) is given out after registration: "
        "register at http://personal.ee.surrey.ac.uk/Personal/P.Jackson/SAVEE/Register.html "
        "and take Data/Zip/AudioData.zip of what you receive",
        manual=True,
        unpack="AudioData.zip",
        clips={"train": 240, "validation": 120, "test": 120},
    ),
    "esc50_human": Source(
        version="1.0.0",
        files=("ESC-50-master.zip",),
        how="download https://github.com/karolpiczak/ESC-50/archive/master.zip (CC BY-NC 3.0) "
        "under that name, or set manual_dir to none to have that done",
        splits=("fold1", "fold2", "fold3", "fold4", "fold5"),
        clips={f"fold{fold}": 80 for fold in range(1, 6)},
        needs_pydub=False,
        licence="CC BY-NC 3.0",
    ),
    "compare_mask": _MASK,
    "compare_mask/devel_as_test": replace(_MASK, splits=("train", "test")),
}
# TFDS keeps a set in a folder of its configuration, and adds none for a builder without any.
DEFAULT_CONFIGS = {"esc50_human": "human", "compare_mask": "challenge"}


def find_data_dir(spec: TfdsSet) -> Path:
    """Return where TFDS keeps its sets: `spec.data_dir`, or TFDS's default."""
    default = os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
    return Path(spec.data_dir or default).expanduser()


def find_problem(name: str, spec: TfdsSet) -> str:
    """Return what keeps audio.tfds.NAME from being read, or "". Takes milliseconds."""
    source = SOURCES[spec.dataset]
    if _is_prepared(spec, source.version):
        return ""
    # TFDS imports both where it needs them and declares neither.
    packages = ["importlib_resources"] + ["pydub"] * source.needs_pydub
    absent = [package for package in packages if find_spec(package) is None]
    if absent:
        return (
            f"params.yaml: audio.tfds.{name}: TFDS needs what is not installed here; "
            f"run `pip install {' '.join(absent)}`"
        )
    key = f"params.yaml: audio.tfds.{name}.manual_dir ="
    if spec.manual_dir is not None:
        problem = _find_manual_problem(spec, source)
        return f"{key} {spec.manual_dir!r}: {problem}" if problem else ""
    if source.manual:
        files = " and ".join(source.files)
        return f"{key} none: {spec.dataset} needs a folder with {files}; {source.how}"
    return ""


def _is_prepared(spec: TfdsSet, version: str) -> bool:
    builder, _, config = spec.dataset.partition("/")
    folder = find_data_dir(spec) / builder / (config or DEFAULT_CONFIGS.get(builder, ""))
    return (folder / version / "dataset_info.json").is_file()


def _find_manual_problem(spec: TfdsSet, source: Source) -> str:
    folder = Path(spec.manual_dir).expanduser()
    if not folder.is_dir():
        files = " and ".join(source.files)
        return f"no such folder; make it and put {files} into it: {source.how}"
    absent = [file for file in source.files if not (folder / file).exists()]
    if absent:
        return f"holds no {' and no '.join(absent)}; {source.how}"
    # TFDS takes the language from the two letters before the path's first /Trunk.
    if spec.dataset == "voxforge" and "/Trunk" in str(folder):
        return "TFDS cannot read VoxForge in a path that holds /Trunk; rename that folder"
    if spec.dataset.startswith("compare_mask"):
        return _find_mask_problem(spec, folder)
    return ""


def _find_mask_problem(spec: TfdsSet, folder: Path) -> str:
    try:
        labels = read_labels(folder / "lab/labels.csv")
    except LabelsError as error:
        return str(error)
    is_tested = spec.use == "task" and spec.dataset == "compare_mask"
    if is_tested and any(label == "" for _, label in labels["test"]):
        return (
            "lab/labels.csv hides the labels of the test files ('?'), as the challenge did; "
            "ask the organisers for them, or set dataset: compare_mask/devel_as_test, "
            "which tests on the development files and holds validation out of train"
        )
    return ""
