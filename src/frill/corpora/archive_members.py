"""Files within a tar or zip archive, read one after another straight from it.

Nothing is unpacked, so no path or link in an archive is followed.
"""

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from frill.audio.files import printable

MAX_BYTES = 1 << 31  # of a member: a few bytes can claim any length
ZIP = b"PK"
BLOCK = 512
Member = tuple[str, bytes | None]  # its name and content
OPENERS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
# RuntimeError: a zip member that is encrypted or packed in a way that zipfile does not know.
DAMAGE = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
DAMAGE += (OSError, EOFError, ValueError, RuntimeError)


class ArchiveError(Exception):
    """The archive cannot be read to its end; what comes after that place is lost."""


def read_members(path: Path) -> Iterator[Member]:
    """Yield (name, content) of every member but folders.

    The content is None where a member is too large or no regular file (a link, a device). Reads
    zip, and tar that is plain, gzip, bzip2 or xz, as the content says. Raises ArchiveError where
    the archive ends early or is damaged.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(6)
        if head.startswith(ZIP):
            yield from _read_zip(path)
        else:
            yield from _read_tar(path, head)
    except DAMAGE as error:
        raise ArchiveError(f"ends early or is damaged: {error}") from None


def _read_zip(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.is_dir():
                continue
            kind = stat.S_IFMT(member.external_attr >> 16)  # 0: the archive was not made on Unix
            is_usable = kind in (0, stat.S_IFREG) and member.file_size <= MAX_BYTES
            content = archive.read(member) if is_usable else None
            yield printable(member.filename), content


def _read_tar(path: Path, head: bytes) -> Iterator[Member]:
    opener = next((opener for magic, opener in OPENERS.items() if head.startswith(magic)), open)
    with opener(path, "rb") as file:
        stream = _Tail(file)
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            while (member := tar.next()) is not None:
                tar.members = []  # it would keep them all
                if member.isdir():
                    continue
                is_usable = member.isreg() and member.size <= MAX_BYTES
                content = tar.extractfile(member).read() if is_usable else None
                yield printable(member.name), content
            end = stream.recall(tar.offset, BLOCK)
        if len(end) < BLOCK or any(end):  # tarfile takes whatever is no header for the end
            raise ArchiveError("ends early or is damaged: no end mark after its last whole file")
        while stream.read(1 << 20):  # the checksum of a compressed archive stands at its end
            pass


def ends_early(path: Path) -> bool:
    """Tell whether an uncompressed tar lacks the empty blocks at its end, or a zip its directory.

    Reads these alone.
    """
    if zipfile.is_zipfile(path):
        return False
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
        self._stream = stream
        self._kept = b""
        self._end = 0

    def read(self, count: int = -1) -> bytes:
        data = self._stream.read(count)
        self._kept = (self._kept + data)[-self.KEPT :]
        self._end += len(data)
        return data

    def recall(self, offset: int, count: int) -> bytes:
        begin = offset - (self._end - len(self._kept))
        return self._kept[begin : begin + count] if begin >= 0 else b""
