"""Embed audio files of any format, rate and length with a finished model, into one .npz.

NAME       float32 [time, D], a row every 170 ms; NAME is the file's path as given.
           With `mean`: float32 [D], the mean of the file's rows
times_s    float64 [time] of the longest file: row i of every file is of the 0.975 s that
           begin at times_s[i]. Not with `mean`

The file is written as it goes.
"""

import sys
import zipfile
from argparse import ArgumentParser
from pathlib import Path

import numpy as np

from frill.audio.files import AUDIO, AudioError, list_audio, printable, read_audio
from frill.audio.frontend import WINDOW_HOP_SAMPLES
from frill.audio.waveform import SAMPLE_RATE_HZ
from frill.embed.embedder import Embedder, pool
from frill.errors import UserError
from frill.progress import progress
from frill.scratch import atomic_write

TIMES = "times_s"
MODEL = Path("release/frill.tflite")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "audio", nargs="+", type=Path, metavar="AUDIO", help="an audio file, or a folder of them"
    )
    out = "the .npz file to write: by file a float32 array [time, D], and times_s"
    parser.add_argument("-o", "--out", type=Path, required=True, help=out)
    model = f"a .tflite file of samples or of windows ({MODEL})"
    parser.add_argument("--model", type=Path, default=MODEL, help=model)
    mean = "one vector a file, [D]: the mean over time"
    parser.add_argument("--mean", action="store_true", help=mean)


def run(audio: list[Path], out: Path, model: Path, mean: bool) -> int:
    """Embed, say what could not be, and return 1 if there is any such file, else 0."""
    missing = embed_files(audio, out, model, mean)
    for line in missing:
        print(f"frill: {line}", file=sys.stderr)
    return 1 if missing else 0


def embed_files(audio: list[Path], out: Path, model: Path, mean: bool) -> list[str]:
    """Write `out`; return a line for each file that is not in it, and why, then their count.

    Raises UserError where nothing is written at all.
    """
    if out.suffix != ".npz":
        raise UserError(f"--out = {str(out)!r}: expected a name that ends in .npz")
    files = _list_files(audio)
    if not mean and Path(TIMES) in files:
        raise UserError(f"{TIMES}: the output has an array of this name; rename the file")
    embedder = load_model(model)
    missing = []
    longest = 0
    # Each file becomes a member of the zip, as by numpy.savez: one file's rows are in memory.
    with atomic_write(out) as new:
        try:
            with zipfile.ZipFile(new, "w", zipfile.ZIP_STORED) as npz:
                for file in progress(files, "embed", len(files), "file"):
                    try:
                        content = file.read_bytes() if file.is_fifo() else file
                        rows = embedder.embed(read_audio(content))
                    except (AudioError, OSError) as error:
                        missing.append(f"{printable(file)}: {error}")
                        continue
                    longest = max(longest, len(rows))
                    _write(npz, printable(file), pool(rows, "mean") if mean else rows)
                if not mean:
                    _write(npz, TIMES, np.arange(longest) * (WINDOW_HOP_SAMPLES / SAMPLE_RATE_HZ))
            if len(missing) == len(files):
                none = f"none of the {len(files)} files could be read; {out} is not written"
                raise UserError("\n".join([*missing, none]))
        except BaseException:
            new.unlink(missing_ok=True)
            raise
    if missing:
        missing.append(f"{out} lacks {len(missing)} of {len(files)} files")
    return missing


def load_model(model: Path) -> Embedder:
    """Load a model. Raises UserError, with the file's name, if it cannot be used."""
    try:
        return Embedder(model)
    except (OSError, ValueError) as error:
        raise UserError(f"--model: {error}") from None


def _list_files(paths: list[Path]) -> list[Path]:
    """Return the files, and those below folders that are named as audio, each once.

    Raises UserError for a folder without any.
    """
    files = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        audio = list_audio(path)
        if not audio:
            raise UserError(
                f"{path}: no audio in this folder; expected files named {' '.join(sorted(AUDIO))}"
            )
        files += audio
    return list(dict.fromkeys(files))


def _write(npz: zipfile.ZipFile, name: str, values: np.ndarray) -> None:
    with npz.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
        np.lib.format.write_array(member, np.ascontiguousarray(values), allow_pickle=False)
