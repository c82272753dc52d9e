"""The regular files of a tar archive, one after another, straight from the stream: nothing is unpacked, no path or link is followed."""

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

MAX_BYTES = 1 << 31  # of a member: a sparse one of a few bytes can claim any length
BLOCK = 512
OPENERS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}


class ArchiveError(Exception):
    """The archive cannot be read to its end; what comes after that place is lost."""


def members(path: Path) -> Iterator[tuple[str, bytes | None]]:
    """(name, content) of every member but folders; content None for what is no regular file (a link, a device) or is too large.

    Plain, gzip, bzip2 or xz, as the content says. Raises ArchiveError where the archive ends early or is damaged, in which tarfile sees its end.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(6)
        opener = next((opener for magic, opener in OPENERS.items() if head.startswith(magic)), open)
        with opener(path, "rb") as file:
            stream = _Tail(file)
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                while (member := tar.next()) is not None:
                    tar.members = []  # it would keep them all
                    if member.isdir():
                        continue
                    usable = member.isreg() and member.size <= MAX_BYTES
                    yield member.name, tar.extractfile(member).read() if usable else None
                end = stream.at(tar.offset, BLOCK)
            if len(end) < BLOCK or any(end):
                raise ArchiveError("ends early or is damaged: no end mark after its last whole file")
            while stream.read(1 << 20):  # the checksum of a compressed archive stands at its end
                pass
    except (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
        raise ArchiveError(f"ends early or is damaged: {error}") from None


def ends_early(path: Path) -> bool:
    """Whether an uncompressed archive lacks the empty blocks at its end; reads these alone."""
    with open(path, "rb") as file:
        head = file.read(6)
        if not head or any(head.startswith(magic) for magic in OPENERS):
            return not head
        file.seek(max(0, path.stat().st_size - 2 * BLOCK))
        end = file.read()
    return len(end) < 2 * BLOCK or any(end)


class _Tail:
    """A stream that remembers the last of what was read from it."""

    KEPT = 1 << 16

    def __init__(self, stream: BinaryIO):
        self._stream, self._kept, self._end = stream, b"", 0

    def read(self, count: int = -1) -> bytes:
        data = self._stream.read(count)
        self._kept = (self._kept + data)[-self.KEPT :]
        self._end += len(data)
        return data

    def at(self, offset: int, count: int) -> bytes:
        begin = offset - (self._end - len(self._kept))
        return self._kept[begin : begin + count] if begin >= 0 else b""
