"""Audio files of any format in, 16 kHz mono int16 out.

libsndfile (package soundfile) reads WAV, FLAC, MP3, Ogg, AIFF, AU, CAF and more. FFmpeg's libraries
(package av) read what it cannot: AAC in MP4 (.m4a), bare AAC, WebM, and MP3 whose header gives no
length, where libsndfile guesses one and stops there. The format is told by the content, not by the
file's name.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from frill.audio import ffmpeg
from frill.audio.errors import AudioError
from frill.audio.waveform import to_16k, to_int16

# Outside of these the header is wrong: 1 Hz would become 16,000 times as many samples.
RATES_HZ = (1_000, 1_000_000)
BLOCK_FRAMES = 1 << 20  # read at once: a damaged header can claim any length
MAGIC = {  # how the content of a format begins
    b"fLaC": "flac",
    b"OggS": "ogg",
    b"ID3": "mp3",
    b"\x1aE\xdf\xa3": "webm",
    b".snd": "au",
    b"caff": "caf",
    b"NIST_1A": "nist",
}
SUFFIXES = {
    "wav": (".wav", ".wave"),
    "flac": (".flac",),
    "ogg": (".ogg", ".oga", ".opus"),
    "mp3": (".mp3",),
    "mp4": (".m4a", ".mp4", ".m4b", ".mov"),
    "aac": (".aac",),
    "webm": (".webm", ".mkv", ".mka"),
    "aiff": (".aif", ".aiff", ".aifc"),
    "au": (".au", ".snd"),
    "caf": (".caf",),
    "nist": (".sph",),
}
# Sizes that writers into a pipe leave in a header: the length is not known.
UNKNOWN_BYTES, UNKNOWN_FRAMES = 0x7FFFF000, 1 << 48


def read_audio(
    file: Path | bytes, start_s: float = 0.0, duration_s: float | None = None
) -> np.ndarray:
    """Return a file or its content as int16 [samples], 16 kHz mono. Raises AudioError.

    `start_s` and `duration_s` give a part of it; None reads to the end.
    """
    with _open(file) as audio:
        start = round(start_s * audio.rate_hz)
        frames = None if duration_s is None else round(duration_s * audio.rate_hz)
        return convert(audio.read(start, frames), audio.rate_hz)


def probe(file: Path | bytes) -> None:
    """Read the header alone.

    Raises AudioError for a file that is unreadable, empty, or shorter than its header says.
    """
    with _open(file) as audio:
        audio.check()


def convert(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    """Return float32 [samples] of one channel as int16 [samples], 16 kHz. Raises AudioError."""
    if not RATES_HZ[0] <= rate_hz <= RATES_HZ[1]:
        raise AudioError(f"unreadable (a sample rate of {rate_hz} Hz)")
    if not np.isfinite(samples).all():
        raise AudioError("has samples that are not finite (NaN or infinity)", "not_finite")
    resampled = to_16k(samples, rate_hz) if len(samples) else samples
    if not len(resampled):
        raise AudioError("empty (no samples)", "empty")
    return to_int16(resampled)


def detect_format(head: bytes) -> str:
    """Return the format that a file's first twelve bytes tell: a key of SUFFIXES, or ""."""
    for magic, audio_format in MAGIC.items():
        if head.startswith(magic):
            return audio_format
    if head[:4] in (b"RIFF", b"RIFX", b"RF64") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:11] == b"AIF":
        return "aiff"
    if head[4:8] == b"ftyp":
        return "mp4"
    # MPEG's frame sync; layer 0 is AAC's.
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return "mp3" if head[1] & 0x06 else "aac"
    return ""


def check_extension(file: Path | bytes, name: str) -> str:
    """Return a sentence if the extension of `name` is of another format than the content, or ""."""
    with _stream(file) as stream:
        detected = detect_format(stream.read(12))
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
def _open(file: Path | bytes) -> Iterator["_Sndfile | ffmpeg.Audio"]:
    """Give the decoder of the file's content: `rate_hz`, `check()`, `read(start, frames)`.

    Raises AudioError, also for what the body raises.
    """
    try:
        if isinstance(file, Path) and not file.is_file():
            raise AudioError("no such file", "missing")
        with _stream(file) as stream:
            head = stream.read(12)
            if not head:
                raise AudioError("empty (0 bytes)", "empty")
            detected = detect_format(head)
            if detected in ffmpeg.FORMATS and (detected != "mp3" or not _mp3_has_length(stream)):
                with ffmpeg.Audio(stream, detected) as audio:
                    yield audio
                return
            if detected == "ogg" and _ogg_ends_early(stream):
                raise AudioError("truncated (ends within a page)", "truncated")
            stream.seek(0)
            source = file
            if isinstance(file, bytes):
                source = stream
            elif file.suffix.lower() == ".raw":
                # Given this name, soundfile would ask for a rate, whatever the file holds.
                source = io.BytesIO(stream.read())
            with soundfile.SoundFile(source) as sndfile:
                yield _Sndfile(sndfile)
    except (soundfile.LibsndfileError, OSError, ValueError, TypeError) as error:
        reason = getattr(error, "strerror", None) or str(error).rpartition(": ")[2]
        raise AudioError(f"unreadable ({reason.strip()})") from None


class _Sndfile:
    """An open file of libsndfile."""

    def __init__(self, file: soundfile.SoundFile):
        self._file = file
        self.rate_hz = file.samplerate

    def check(self) -> None:
        if not self._file.frames:
            raise AudioError("empty (no samples)", "empty")
        if _shorter_than_declared(self._file.extra_info):
            raise AudioError("truncated (holds less than its header says)", "truncated")

    def read(self, start: int, frames: int | None) -> np.ndarray:
        """Return float32 [frames], the mean of the channels, from `start` on."""
        self.check()
        start = min(start, self._file.frames)
        if start:
            self._file.seek(start)
        left = self._file.frames - start
        if frames is not None:
            left = min(frames, left)
        blocks = [np.zeros(0, np.float32)]
        while left > 0:
            asked = min(left, BLOCK_FRAMES)
            try:
                block = self._file.read(asked, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError:
                raise AudioError(
                    "truncated or damaged (decoding stops before the end that its header gives)",
                    "truncated",
                ) from None
            blocks.append(block.mean(axis=1))
            left -= len(block)
            if len(block) < asked:
                break
        if 0 < left < UNKNOWN_FRAMES:
            raise AudioError(
                f"truncated ({left / self.rate_hz:.2f} s are missing of what its header says)",
                "truncated",
            )
        return np.concatenate(blocks)


def _shorter_than_declared(log: str) -> bool:
    """Tell whether libsndfile shortened the file to what is there, by its log of the header."""
    chunks = re.findall(r"(?m)^ *(?:data|SSND|Data Size|riff) *: (\d+) \(should be (\d+)\)", log)
    frames = re.findall(
        r"Calculated frame count (\d+) does not match value from 'ds64' chunk of (\d+)", log
    )
    sizes = [(held, declared) for declared, held in chunks] + frames
    return any(int(held) < int(declared) < UNKNOWN_BYTES for held, declared in sizes)


def _mp3_has_length(stream: BinaryIO) -> bool:
    """Tell whether the first frame is the Xing, Info or VBRI header, which counts the frames."""
    stream.seek(0)
    head = stream.read(10)
    tag_bytes = 0
    if head[:3] == b"ID3":
        tag_bytes = 10
        # Four bytes of seven bits give the rest of the tag's length.
        for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=False):
            tag_bytes += (byte & 0x7F) << shift
    stream.seek(tag_bytes)
    first = stream.read(256)
    stream.seek(0)
    return any(name in first for name in (b"Xing", b"Info", b"VBRI"))


def _ogg_ends_early(stream: BinaryIO) -> bool:
    """Tell whether the last page is cut: libsndfile leaves it out without a word."""
    stream.seek(0, io.SEEK_END)
    stream.seek(max(0, stream.tell() - 2 * 65307))  # twice a page's greatest length
    tail = stream.read()
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < 27:
        return True
    segments = page[26]
    return len(page) < 27 + segments + sum(page[27 : 27 + segments])
