"""Embeds audio files of any format, rate and length with a finished model, into one .npz.

NAME       float32 [time, D], a row every 170 ms; NAME is the file's path as given.
           With `mean`: float32 [D], the mean of the file's rows
times_s    float64 [time] of the longest file: row i of every file is of the 0.975 s that
           begin at times_s[i]. Not with `mean`

The file is written as it goes.
"""

import sys
import zipfile
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from frill.audio.files import SUFFIXES, AudioError, read_audio
from frill.audio.frontend import WINDOW_HOP_SAMPLES
from frill.audio.waveform import SAMPLE_RATE_HZ
from frill.embed.embedder import Embedder, pool
from frill.errors import UserError
from frill.progress import progress
from frill.scratch import atomic_write

AUDIO = {suffix for suffixes in SUFFIXES.values() for suffix in suffixes}
TIMES = "times_s"


MODEL = Path("release/frill.tflite")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "audio", nargs="+", type=Path, metavar="AUDIO", help="an audio file, or a folder of them"
    )
    out = "the .npz file to write: by file a float32 array [time, D], and times_s"
    parser.add_argument("-o", "--out", type=Path, required=True, help=out)
    parser.add_argument(
        "--model",
        type=Path,
        default=MODEL,
        help=f"a .tflite file of samples or of windows ({MODEL})",
    )
    parser.add_argument(
        "--mean", action="store_true", help="one vector a file, [D]: the mean over time"
    )


def embed_files(audio: list[Path], out: Path, model: Path, mean: bool) -> list[str]:
    """Writes `out`; returns a line for each file that is not in it, and why, then their count. Raises UserError where nothing is written at all."""
    if out.suffix != ".npz":
        raise UserError(f"--out = {str(out)!r}: expected a name that ends in .npz")
    embedder, files = (
        load(model),
        list(dict.fromkeys(file for path in audio for file in _files(path))),
    )
    missing, longest = [], 0
    # A member of the zip a file, as numpy.savez writes them: memory holds one file's rows at a time.
    with atomic_write(out) as new:
        try:
            with zipfile.ZipFile(new, "w", zipfile.ZIP_STORED) as npz:
                for file in progress(files, "embed", len(files), "file"):
                    try:
                        rows = embedder.embed(read_audio(file))
                    except (AudioError, OSError) as error:
                        missing.append(f"{file}: {error}")
                        continue
                    longest = max(longest, len(rows))
                    _write(npz, file.as_posix(), pool(rows, "mean") if mean else rows)
                if not mean:
                    _write(npz, TIMES, np.arange(longest) * (WINDOW_HOP_SAMPLES / SAMPLE_RATE_HZ))
            if len(missing) == len(files):
                raise UserError(
                    "\n".join(
                        [
                            *missing,
                            f"none of the {len(files)} files could be read; {out} is not written",
                        ]
                    )
                )
        except BaseException:
            new.unlink(missing_ok=True)
            raise
    return [*missing, f"{out} lacks {len(missing)} of {len(files)} files"] if missing else []


def load(model: Path) -> Embedder:
    """The model, or a UserError that names the file."""
    try:
        return Embedder(model)
    except (OSError, ValueError) as error:
        raise UserError(f"--model: {error}") from None


def _files(path: Path) -> Iterator[Path]:
    """A file whatever its name; of a folder those below it that are named as audio. Raises UserError for a folder without any."""
    if not path.is_dir():
        yield path
        return
    found = sorted(
        each for each in path.rglob("*") if each.suffix.lower() in AUDIO and each.is_file()
    )
    if not found:
        raise UserError(
            f"{path}: no audio in this folder; expected files named {' '.join(sorted(AUDIO))}"
        )
    yield from found


def _write(npz: zipfile.ZipFile, name: str, values: np.ndarray) -> None:
    with npz.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
        np.lib.format.write_array(member, np.ascontiguousarray(values), allow_pickle=False)


def run(audio: list[Path], out: Path, model: Path, mean: bool) -> int:
    """The command: says what is missing and exits with 1 where something is."""
    missing = embed_files(audio, out, model, mean)
    for line in missing:
        print(f"frill: {line}", file=sys.stderr)
    return 1 if missing else 0
