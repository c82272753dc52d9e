"""What `frill head --out mood.tflite` writes.

mood.tflite         samples float32 [1, T], 16 kHz -> windows [windows, classes], clip [1, classes]
mood_1s.tflite      samples float32 [1, 16000]     -> windows [1, classes], of fixed shapes
mood.json           all that was measured, and what was decided
mood_card.md        the same to read: the model card
mood_example.py, Mood.kt    the shortest programs: Python, Android
mood_SHA256SUMS

Both .tflite files hold TFLite metadata with the labels and thresholds, and head.json for
frill.Head. Equal clips and models give equal .tflite files.
"""

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from frill.audio.waveform import SAMPLE_RATE_HZ
from frill.embed.embedder import Embedder, pool
from frill.embed.head import ABOUT, About, Head
from frill.errors import UserError
from frill.head.calibration import find_probabilities
from frill.head.fit import FittedHead
from frill.head.graph import CLIP, WINDOWS, append_head
from frill.head.measure import Measured
from frill.head.source import Source
from frill.release.examples import list_numbers
from frill.release.template import render
from frill.release.tflite_metadata import ModelInfo, TensorInfo, add_metadata, attach_files
from frill.scratch import content_hash

LABELS = "labels.txt"
PARITY = 1e-4  # of a probability: what the file may differ from embedder and weights in numpy
PARITY_CLIPS = 16


@dataclass(frozen=True)
class Paths:
    any_length: Path
    second: Path
    json: Path
    card: Path
    python: Path
    kotlin: Path
    sums: Path

    def __iter__(self) -> Iterator[Path]:
        return iter(vars(self).values())


def name_files(out: Path) -> Paths:
    """Return the names of all files beside `out`. Raises UserError for another suffix."""
    if out.suffix != ".tflite" or out.stem.endswith("_1s"):
        raise UserError(f"--out {out}: expected a name that ends in .tflite, such as mood.tflite")
    words = re.findall("[A-Za-z0-9]+", out.stem)
    kotlin = "".join(word[0].upper() + word[1:] for word in words)
    if not kotlin or kotlin[0].isdigit():
        kotlin = f"Head{kotlin}"
    endings = ["_1s.tflite", ".json", "_card.md", "_example.py"]
    others = [out.with_name(out.stem + ending) for ending in endings]
    return Paths(
        out, *others, out.with_name(f"{kotlin}.kt"), out.with_name(f"{out.stem}_SHA256SUMS")
    )


@contextmanager
def replace_files(paths: Paths) -> Iterator[Paths]:
    """Give names of the same files in a folder beside them, from where they are moved at the end.

    Nothing changes at `paths` if the body raises or is interrupted. Raises UserError, before
    any clip is read, where they cannot be written or would replace a model that is no head.
    """
    out = paths.any_length
    for path in paths:
        if path.is_dir():
            raise UserError(f"--out {out}: {path} is a folder; name another file")
    for path in (out, paths.second):
        if path.exists() and not _is_head(path):
            raise UserError(
                f"--out {out}: {path} is there and no head of `frill head`; name another file, or "
                "remove it"
            )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        work = TemporaryDirectory(prefix=f".{out.stem}-", dir=out.parent)
    except OSError as error:
        reason = error.strerror.lower()
        raise UserError(f"--out {out}: cannot write to {out.parent}: {reason}") from None
    with work as folder:
        new = name_files(Path(folder, out.name))
        yield new
        for written, path in zip(new, paths, strict=True):
            written.replace(path)


def _is_head(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return ABOUT in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def write_models(
    head: FittedHead, labels: list[str], measured: Measured, source: Source, paths: Paths
) -> None:
    """Write both .tflite files."""
    decision = head.decision
    about = About(
        labels,
        decision.threshold,
        decision.window_threshold,
        decision.window_temperature,
        decision.temperature,
        source.synthetic,
        measured.accuracy,
    )
    files = {
        LABELS: "".join(f"{label}\n" for label in labels).encode(),
        ABOUT: json.dumps(asdict(about), ensure_ascii=False, indent=1).encode(),
    }
    windows = _describe_output(
        WINDOWS, "One row for every 170 ms of audio.", decision.window_threshold
    )
    clip = _describe_output(CLIP, "One row for all of the audio.", decision.threshold)
    scores = (head.weights, head.bias, decision.window_temperature)
    any_length = append_head(source.any_length, *scores, decision.temperature)
    second = append_head(source.second, *scores)
    for path, model, outputs, length in (
        (paths.any_length, any_length, (windows, clip), "any length; under 1 s it is padded"),
        (paths.second, second, (windows,), "1 s"),
    ):
        entry = TensorInfo(
            "samples",
            f"Mono audio of {length}.",
            ("batch", "samples"),
            SAMPLE_RATE_HZ,
            (-1.0, 1.0),
        )
        version = hashlib.sha256(model).hexdigest()[:12]
        info = ModelInfo(
            paths.any_length.stem,
            f"A classifier of {len(labels)} sounds on the embeddings of {source.about}",
            version,
            "That of the model it stands on and of the clips it was fitted to.",
            entry,
            outputs,
            (ABOUT,),
        )
        path.write_bytes(attach_files(add_metadata(model, info), files))


def _describe_output(name: str, rows: str, threshold: float) -> TensorInfo:
    text = f"Probabilities of the labels. {rows}"
    return TensorInfo(name, text, ("rows", "labels"), None, (0.0, 1.0), LABELS, round(threshold, 6))


def check_parity(
    head: FittedHead, models: tuple[Path, Path], clips: list[np.ndarray], paths: Paths
) -> float:
    """Return how far the files are from embedders and weights in numpy, on real clips.

    `models` are the embedders of any length and of 1 s, each compared with its own file: of a
    quantised model they differ from each other by levels of int8. It is the greatest difference of
    a probability over the windows and the whole of `clips`, int16 [samples]. Raises UserError
    beyond PARITY; then no file is left.
    """
    decision = head.decision
    differences = []
    for model, path in zip(models, (paths.any_length, paths.second), strict=True):
        embedder, shipped = Embedder(model), Head(path)
        for samples in clips:
            rows = embedder.embed(samples)
            windows = find_probabilities(
                rows @ head.weights + head.bias, decision.window_temperature
            )
            pooled = pool(rows, "mean") @ head.weights + head.bias
            clip = find_probabilities(pooled, decision.temperature)
            found = shipped.find_windows(samples)
            shares = shipped.sum_up(found)
            summed = np.array([shares[label] for label in shipped.labels])
            differences += [np.abs(found - windows).max(), np.abs(summed - clip).max()]
    worst = float(max(differences))
    if not worst <= PARITY:  # a NaN is beyond it, too
        paths.any_length.unlink()
        paths.second.unlink()
        raise UserError(
            f"{paths.any_length.name}: a probability differs by {worst:.2g} from that of embedder "
            f"and weights in numpy, over {PARITY:g}; nothing is written: please report this"
        )
    return worst


def write_texts(
    head: FittedHead, labels: list[str], measured: Measured, values: dict, paths: Paths
) -> None:
    """Write the JSON, the card, the examples and the sums. `values` is what the card says else."""
    decision = asdict(head.decision)
    content = {"schema": 1, "labels": labels, "decision": decision, "measured": asdict(measured)}
    content |= values
    paths.json.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n")
    texts = {"card.md": paths.card, "example.py": paths.python, "Head.kt": paths.kotlin}
    numbers = list_numbers() | {
        "stem": paths.any_length.stem,
        "class_name": paths.kotlin.stem,
        "second": paths.second.name,
        "labels": labels,
        "python_labels": [json.dumps(label, ensure_ascii=False) for label in labels],
        "kotlin_labels": [quote_kotlin(label) for label in labels],
        "decision": head.decision,
        "measured": measured,
        "files": paths,
    }
    for name, path in texts.items():
        path.write_text(render(name, "head", **numbers, **values))
    lines = []
    written = [paths.any_length, paths.second, *texts.values(), paths.json]
    for path in sorted(written):
        lines.append(f"{content_hash(path)}  {path.name}\n")
    paths.sums.write_text("".join(lines))


def quote_kotlin(text: str) -> str:
    """Return a string literal of Kotlin: letters of any script stay, a $ begins no template."""
    escaped = json.dumps(text, ensure_ascii=False)
    # JSON knows \b \f \n \r \t \" \\ and \u00XX; Kotlin has no \f.
    return escaped.replace("\\f", "\\u000c").replace("$", "\\$")
