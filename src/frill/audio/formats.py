"""Which format a file's content is of, and where in it the audio begins.

Files are told by their content, not by their names. What is looked at here is only what decoders
get wrong by themselves: tags of other formats, lengths that are not known, streams in a row.
"""

import io
import re
from collections.abc import Callable
from typing import BinaryIO

MAGIC = {  # how the content of a format begins
    b"fLaC": "flac",
    b"OggS": "ogg",
    b"ID3": "mp3",
    b"\x1aE\xdf\xa3": "webm",
    b".snd": "au",
    b"caff": "caf",
    b"NIST_1A": "nist",
    b"riff\x2e\x91\xcf\x11": "w64",
    b"Creative Voi": "voc",
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
    "w64": (".w64",),
    "voc": (".voc",),
}
# An ID3v2 tag: version, flags, and the length of the rest as four bytes of seven bits.
TAG = re.compile(rb"ID3[\x02-\x04][\x00-\xff]([\x00-\xff])([\x00-\x7f]{4})", re.DOTALL)
BEFORE_BYTES = 1 << 20  # of zeros, or of the rest of a frame, before the first frame, at most
# MPEG audio, layer III (ISO 11172-3 and 13818-3): kbit/s by index, of version 1 and of 2 and 2.5.
KBITS = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
FLAC = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")  # its mark, and its first block's head
FRAMES = 3  # in a row, each where the one before ends: no chance
PAGE_HEADER = 27 + 255  # bytes of an Ogg page before its content, at most


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


class Rest(io.RawIOBase):
    """A stream from `start` on, as if it began there. What is skipped is not read into memory."""

    def __init__(self, stream: BinaryIO, start: int):
        self._stream = stream
        self._start = start
        stream.seek(start)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET:
            offset += self._start
        return self._stream.seek(offset, whence) - self._start

    def tell(self) -> int:
        return self._stream.tell() - self._start

    def readinto(self, buffer) -> int:
        return self._stream.readinto(buffer)


def find_content(stream: BinaryIO) -> tuple[str, int]:
    """Return the format of a stream, and where its audio begins.

    ID3 tags before it count for nothing: some programs put them before any format. Nor do zeros
    before the frames of MP3 and AAC, or the rest of a frame.
    """
    start = 0
    while tag_bytes := _measure_tag(read_at(stream, start, 10)):
        start += tag_bytes
    head = read_at(stream, start, 12)
    if found := detect_format(head):
        return found, start
    before = read_at(stream, start, BEFORE_BYTES)
    zeros = len(before) - len(before.lstrip(b"\0"))
    if detect_format(before[zeros : zeros + 12]) == "aac":
        return "aac", start + zeros
    for found, measure_frame in (("mp3", _measure_frame), ("aac", _measure_adts_frame)):
        frames = _find_frames(before, measure_frame)
        if frames is not None:
            return found, start + frames
    return "mp3" if start else "", start  # after a tag that nothing known follows should be MP3


def _find_frames(content: bytes, measure_frame: Callable[[bytes], int]) -> int | None:
    """Return where frames in a row begin, or None."""
    for match in re.finditer(rb"\xff[\xe0-\xff]", content):
        position = match.start()
        for _ in range(FRAMES):
            length = measure_frame(content[position : position + 6])
            if not length:
                break
            position += length
        else:
            return match.start()
    return None


def _measure_frame(head: bytes) -> int:
    """Return the bytes of the MP3 frame that begins here, 0 where none does."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:  # sync, and layer III
        return 0
    version = head[1] >> 3 & 3
    kbits, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or not 0 < kbits < 15 or rate == 3:
        return 0
    samples_8 = 144 if version == 3 else 72  # of a frame, by eight: bits to bytes
    padding = head[2] >> 1 & 1
    return samples_8 * 1000 * KBITS[version != 3][kbits] // RATES_HZ[version][rate] + padding


def _measure_adts_frame(head: bytes) -> int:
    """Return the bytes of the AAC frame that begins here (ISO 13818-7), 0 where none does."""
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:  # sync, and layer 0
        return 0
    return (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5


def read_at(stream: BinaryIO, position: int, count: int) -> bytes:
    stream.seek(position)
    return stream.read(count)


def _measure_tag(head: bytes) -> int:
    """Return the bytes of the ID3v2 tag that begins here, 0 where none does."""
    match = TAG.match(head)
    if not match:
        return 0
    rest = 0
    for byte in match[2]:
        rest = rest << 7 | byte
    has_footer = match[1][0] & 0x10
    return 10 + rest + (10 if has_footer else 0)


def remove_tags(content: bytes) -> bytes:
    """Return an MP3 without the tags between its frames, which joined files have."""
    parts = []
    end = 0
    for match in TAG.finditer(content):
        after = match.start() + _measure_tag(match[0])
        is_tag = match.start() >= end and detect_format(content[after : after + 12]) == "mp3"
        if is_tag:
            parts.append(content[end : match.start()])
            end = after
    return b"".join([*parts, content[end:]])


def mp3_has_length(stream: BinaryIO) -> bool:
    """Tell whether the first frame counts all frames: a Xing or Info header.

    Not a VBRI header: libsndfile leaves out the file's last frames. The header's count of bytes
    tells whether another file follows, of whose frames it says nothing.
    """
    first = read_at(stream, 0, 256)
    match = re.search(rb"(?:Xing|Info)(.{4})(.{0,8})", first, re.DOTALL)
    if not match:
        return False
    flags = match[1][3]
    if flags & 3 != 3:  # no count of frames or of bytes
        return bool(flags & 1)
    counted = int.from_bytes(match[2][4:8], "big")
    more = read_at(stream, counted, 256)
    return detect_format(more[:12]) != "mp3" or not _holds_header(more)


def _holds_header(more: bytes) -> bool:
    """Tell whether a further MP3 begins here: its tag, or a frame of its own that counts."""
    return TAG.match(more) is not None or any(name in more for name in (b"Xing", b"Info"))


def flac_has_length(stream: BinaryIO) -> bool:
    """Tell whether the header has the number of samples: 36 bits, 0 where it is not known."""
    head = read_at(stream, 0, 26)
    return len(head) < 26 or bool(int.from_bytes(head[21:26], "big") & 0xFFFFFFFFF)


def flac_goes_on(stream: BinaryIO) -> bool:
    """Tell whether a further FLAC stands behind the first."""
    return FLAC.search(read_at(stream, 0, -1), 1) is not None


def walk_ogg(stream: BinaryIO) -> tuple[bool, bool]:
    """Return whether an Ogg file needs FFmpeg, and whether its end is missing.

    libsndfile reads the first alone of several streams in a row, no FLAC or Speex in Ogg, and
    leaves out a last page that is cut, most of it without a word.
    """
    head = read_at(stream, 0, 128)
    needs_ffmpeg = b"\x7fFLAC" in head or b"Speex   " in head
    has_audio = False
    position = 0
    while page := read_at(stream, position, PAGE_HEADER):
        if not page.startswith(b"OggS"):  # damaged, or something else behind the last page
            rest = page + stream.read()
            if (found := rest.find(b"OggS")) < 0:
                break
            position += found
            continue
        table = page[27 : 27 + page[26]] if len(page) > 26 else b""
        is_cut = len(page) < 27 or len(table) < page[26]
        if is_cut or _ends_within(stream, position + 27 + len(table) + sum(table)):
            return needs_ffmpeg, True
        begins_stream = bool(page[5] & 2)
        needs_ffmpeg |= begins_stream and has_audio
        has_audio |= not begins_stream
        position += 27 + len(table) + sum(table)
    return needs_ffmpeg, False


def _ends_within(stream: BinaryIO, position: int) -> bool:
    return stream.seek(0, io.SEEK_END) < position
