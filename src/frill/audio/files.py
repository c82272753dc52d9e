"""Audio files of any format in, 16 kHz mono int16 out.

libsndfile (package soundfile) reads WAV, FLAC, MP3, Ogg, AIFF, AU, CAF and more. FFmpeg's libraries
(package av) read what it cannot: AAC in MP4 (.m4a), bare AAC, WebM, MP3 and FLAC whose header gives
no length, FLAC in Ogg, and streams in a row.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from frill.audio import ffmpeg, formats, sndfile, unclosed
from frill.audio.errors import AudioError
from frill.audio.formats import SUFFIXES
from frill.audio.waveform import find_overload, to_16k, to_int16

# Outside of these the header is wrong: 1 Hz would become 16,000 times as many samples.
RATES_HZ = (1_000, 1_000_000)
AUDIO = frozenset().union(*SUFFIXES.values())
ONLY_FFMPEG = ("mp4", "aac", "webm")


def read_audio(
    file: Path | bytes, start_s: float = 0.0, duration_s: float | None = None
) -> np.ndarray:
    """Return a file or its content as int16 [samples], 16 kHz mono. Raises AudioError.

    `start_s` and `duration_s` give a part of it; None reads to the end.
    """
    return read_noted(file, "", start_s, duration_s)[0]


def read_noted(
    file: Path | bytes, name: str, start_s: float = 0.0, duration_s: float | None = None
) -> tuple[np.ndarray, str]:
    """Return what read_audio does, and what was odd about the file of this name, or ""."""
    with _open(file, whole=True) as audio:
        start = round(start_s * audio.rate_hz)
        frames = None if duration_s is None else round(duration_s * audio.rate_hz)
        samples = audio.read(start, frames)
        if start and not len(samples):
            whole_s = audio.frames / audio.rate_hz
            message = f"empty (the part begins at {start_s:g} s, the file ends at {whole_s:.2f} s)"
            raise AudioError(message, "empty")
        notes = [check_extension(file, name) if name else "", *audio.notes]
        return convert(samples, audio.rate_hz), "; ".join(filter(None, notes))


def probe(file: Path | bytes) -> None:
    """Read the header alone.

    Raises AudioError for a file that is unreadable, empty, or shorter than its header says.
    """
    with _open(file) as audio:
        audio.check()


def list_audio(folder: Path) -> list[Path]:
    """Return what is named as audio below a folder, in order of the paths.

    Hidden files and folders are left out (macOS keeps a ._NAME beside each file on other disks);
    links to folders are followed, each folder once.
    """
    found = []
    seen = set()
    for root, folders, names in os.walk(folder, followlinks=True):
        place = os.stat(root)
        known = (place.st_dev, place.st_ino)
        folders[:] = [] if known in seen else [each for each in folders if each[0] != "."]
        if known not in seen:
            paths = (Path(root, name) for name in names if not name.startswith("."))
            found += [path for path in paths if path.suffix.lower() in AUDIO and path.is_file()]
        seen.add(known)
    return sorted(found)


def printable(name: str | Path) -> str:
    """Return a file's name as text that any terminal and file format takes.

    Bytes of it that are no UTF-8 become the replacement character.
    """
    return os.fspath(name).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def convert(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    """Return float32 [samples] of one channel as int16 [samples], 16 kHz. Raises AudioError."""
    if not RATES_HZ[0] <= rate_hz <= RATES_HZ[1]:
        raise AudioError(f"unreadable (a sample rate of {rate_hz} Hz)")
    if not np.isfinite(samples).all():
        raise AudioError("has samples that are not finite (NaN or infinity)", "not_finite")
    if problem := find_overload(samples):
        raise AudioError(problem, "too_loud")
    resampled = to_16k(samples, rate_hz) if len(samples) else samples
    if not len(resampled):
        raise AudioError("empty (no samples)", "empty")
    return to_int16(resampled)


def check_extension(file: Path | bytes, name: str) -> str:
    """Return a sentence if the extension of `name` is of another format than the content, or ""."""
    with _stream(file) as stream:
        detected, _ = formats.find_content(stream)
    suffix = Path(name).suffix.lower()
    if not detected or suffix in SUFFIXES[detected]:
        return ""
    if not any(suffix in suffixes for suffixes in SUFFIXES.values()):
        return ""
    return f"named {suffix} but holds {detected}; read by its content"


@contextmanager
def _stream(file: Path | bytes) -> Iterator[BinaryIO]:
    if isinstance(file, bytes):
        yield io.BytesIO(file)
        return
    with open(file, "rb") as stream:
        yield stream


@contextmanager
def _open(file: Path | bytes, whole: bool = False) -> Iterator[sndfile.Audio | ffmpeg.Audio]:
    """Give the decoder of the file's content: `rate_hz`, `check()`, `read(start, frames)`.

    `whole` looks for further streams behind the first in all of a file, not in its header alone.
    Raises AudioError, also for what the body raises.
    """
    try:
        if isinstance(file, Path) and not file.is_file():
            raise AudioError("no such file", "missing")
        with _stream(file) as stream:
            if not stream.read(1):
                raise AudioError("empty (0 bytes)", "empty")
            found, start = formats.find_content(stream)
            stream.seek(start)
            content = formats.Rest(stream, start) if start else stream
            mended, note = unclosed.mend(content, found)
            content = content if mended is None else io.BytesIO(mended)
            if _needs_ffmpeg(found, content, whole):
                with _by_ffmpeg(content, found) as audio:
                    yield audio
                return
            content.seek(0)
            source = content
            if content is stream and isinstance(file, Path):
                # Given a name with .raw, soundfile would ask for a rate, whatever the file holds.
                # Nor does it take a name that is no UTF-8.
                is_odd = file.suffix.lower() == ".raw" or printable(file) != str(file)
                source = io.BytesIO(stream.read()) if is_odd else file
            with soundfile.SoundFile(source) as opened:
                yield sndfile.Audio(opened, note)
    except (soundfile.LibsndfileError, OSError, ValueError, TypeError) as error:
        reason = getattr(error, "strerror", None) or str(error).rpartition(": ")[2]
        if "possibly a pipe" in reason:  # libsndfile, of an MP3 without a frame
            reason = "holds no audio"
        raise AudioError(f"unreadable ({reason.strip()})") from None


def _needs_ffmpeg(found: str, content: BinaryIO, whole: bool) -> bool:
    """Tell whether libsndfile would fail, or stop before the end. Raises AudioError."""
    if found == "mp3":
        return not formats.mp3_has_length(content)
    if found == "flac":
        return not formats.flac_has_length(content) or (whole and formats.flac_goes_on(content))
    if found == "ogg":
        is_too_much, is_cut = formats.walk_ogg(content)
        if is_cut:
            raise AudioError("truncated (ends within a page)", "truncated")
        return is_too_much
    return found in ONLY_FFMPEG


def _by_ffmpeg(content: BinaryIO, found: str) -> ffmpeg.Audio:
    if found == "mp3":
        content.seek(0)
        content = io.BytesIO(formats.remove_tags(content.read()))
    return ffmpeg.Audio(content, found)
