"""The model that a head stands on: a release, or a trained student's folder."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from frill.embed.embedder import Embedder
from frill.errors import UserError
from frill.params.load import load_params
from frill.scratch import content_hash

RELEASE = Path("release")
SYNTHETIC = "All audio behind this model is synthetic"  # as its card says


@dataclass(frozen=True)
class Source:
    """The two files with frontend: of any length, and of 1 s. `about` names the model."""

    any_length: bytes
    second: bytes
    about: str
    synthetic: bool


def is_student(model: Path) -> bool:
    """Tell whether a folder is a trained student's, which TensorFlow has to convert."""
    return (model / "spec.json").is_file()


def read_source(model: Path) -> Source:
    """Return the files of a folder. Raises UserError for what is neither kind of folder."""
    if is_student(model):
        return _convert(model)
    paths = [model / "frill.tflite", model / "frill_1s.tflite"]
    if model.is_file():
        raise UserError(
            f"--model {model}: a head needs a model with frontend, of any length and of 1 s: give "
            "the folder of frill.tflite and frill_1s.tflite, or a student's, models/students/NAME"
        )
    sums = model / "SHA256SUMS"
    listed = sums.read_text().split() if sums.is_file() else []
    for path in paths:
        if not path.is_file():
            raise UserError(
                f"--model {model}: has no {path.name}, a model with frontend; `make repro` writes "
                f"it to release/, `frill release` to another folder; or give models/students/NAME"
            )
        if listed and content_hash(path) not in listed:
            raise UserError(
                f"--model {model}: {path.name} is not the file of its SHA256SUMS, so the two may "
                "be of different models; write the release again"
            )
    try:
        for path in paths:
            Embedder(path)
    except ValueError as error:
        raise UserError(f"--model {model}: {error}") from None
    card = model / "MODEL_CARD.md"
    text = card.read_text() if card.is_file() else ""
    title = text.partition("\n")[0].removeprefix("# ").strip()
    files = [path.read_bytes() for path in paths]
    return Source(*files, title or f"frill.tflite of {model.resolve().name}/", SYNTHETIC in text)


def _convert(folder: Path) -> Source:
    """Return the files of a trained student, converted as the release's are.

    Its precision is that of its file in models/tflite, float32 where there is none.
    """
    folder = Path(os.path.abspath(folder))  # `.` and `..` have other parents; links keep theirs
    models = folder.parent.parent
    converted = models / "tflite" / folder.name / "summary.json"
    precision = "float32"
    if converted.is_file():
        precision = json.loads(converted.read_text())["precision"]
    from frill.release.make import convert_folder  # TensorFlow takes seconds

    files = convert_folder(folder, precision)
    about = f"{folder.name}, a student of models/students, {precision}"
    return Source(*files, about, _is_synthetic(models.parent))


def _is_synthetic(project: Path) -> bool:
    """Tell whether a project's audio is the synthesiser's; before its frontier, by params.yaml."""
    frontier = project / "results/frontier.json"
    if frontier.is_file():
        return json.loads(frontier.read_text())["synthetic"]
    params = project / "params.yaml"
    return params.is_file() and load_params(params).synthetic
