"""Recordings that were never closed, as where a program was killed: no length in their headers.

WAV and AU have 0 there, RF64 has it in its chunk ds64, CAF has -1, which Apple's specification
allows. libsndfile takes such a file as empty, or refuses it.
"""

import io
import re
import struct
from typing import BinaryIO

from frill.audio.formats import read_at

NOTE = "its header gives no length; read to the file's end"
Patch = tuple[int, str, int]  # where in the file, struct's format, the value


def mend(stream: BinaryIO, audio_format: str) -> tuple[bytes | None, str]:
    """Return a file's content with the length of its audio filled in, and a note.

    None and "" where nothing is to be mended.
    """
    if audio_format not in FINDERS:
        return None, ""
    size = stream.seek(0, io.SEEK_END)
    patches = FINDERS[audio_format](stream, size)
    if not patches:
        return None, ""
    mended = bytearray(read_at(stream, 0, -1))
    for position, form, value in patches:
        struct.pack_into(form, mended, position, value)
    return bytes(mended), NOTE


def _mend_wav(stream: BinaryIO, size: int) -> list[Patch]:
    head = read_at(stream, 0, 36)
    order = ">" if head.startswith(b"RIFX") else "<"
    position = 12
    while position + 8 <= size:
        name, length = struct.unpack(f"{order}4sI", read_at(stream, position, 8))
        content = position + 8
        left = size - content
        if name == b"data":
            if head[12:16] == b"ds64" and head[28:36] == bytes(8) and left:
                return [(20, "<Q", size - 8), (28, "<Q", left)]
            if length == 0 and left and not _is_chunk(read_at(stream, content, 8), left, order):
                return [(4, f"{order}I", size - 8), (position + 4, f"{order}I", left)]
            break
        position = content + length + length % 2
    return []


def _is_chunk(head: bytes, left: int, order: str) -> bool:
    """Tell whether a chunk begins here that ends within the file."""
    if len(head) < 8:
        return False
    name, length = struct.unpack(f"{order}4sI", head)
    return bool(re.fullmatch(rb"[A-Za-z0-9_ ]{4}", name)) and 8 + length <= left + 1


def _mend_au(stream: BinaryIO, size: int) -> list[Patch]:
    head = read_at(stream, 0, 12)
    if len(head) < 12:
        return []
    start, length = struct.unpack(">II", head[4:])
    return [(8, ">I", size - start)] if not length and size > start else []


def _mend_caf(stream: BinaryIO, size: int) -> list[Patch]:
    position = 8
    while position + 12 <= size:
        name, length = struct.unpack(">4sq", read_at(stream, position, 12))
        position += 12
        if name == b"data" and length == -1:
            return [(position - 8, ">q", size - position)]
        if length < 0:
            break
        position += length
    return []


FINDERS = {"wav": _mend_wav, "au": _mend_au, "caf": _mend_caf}
