"""The regular files of a tar or zip archive, one after another, straight from it: nothing is unpacked, so no path or link in it is followed."""

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

MAX_BYTES = 1 << 31  # of a member: a few bytes can claim any length
ZIP = b"PK"
BLOCK = 512
OPENERS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}


class ArchiveError(Exception):
    """The archive cannot be read to its end; what comes after that place is lost."""


def members(path: Path) -> Iterator[tuple[str, bytes | None]]:
    """(name, content) of every member but folders; content None for what is no regular file (a link, a device) or is too large.

    Zip, or tar: plain, gzip, bzip2 or xz, as the content says. Raises ArchiveError where the archive ends early or is damaged.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(6)
        yield from _zip_members(path) if head.startswith(ZIP) else _tar_members(path, head)
    # RuntimeError and NotImplementedError: a zip member that is encrypted or packed in a way that zipfile does not know
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        OSError,
        EOFError,
        zlib.error,
        lzma.LZMAError,
        ValueError,
        RuntimeError,
    ) as error:
        raise ArchiveError(f"ends early or is damaged: {error}") from None


def _zip_members(path: Path) -> Iterator[tuple[str, bytes | None]]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                mode = member.external_attr >> 16  # 0 where the archive was not made on Unix
                usable = (
                    stat.S_ISREG(mode) or not stat.S_IFMT(mode)
                ) and member.file_size <= MAX_BYTES
                yield member.filename, archive.read(member) if usable else None


def _tar_members(path: Path, head: bytes) -> Iterator[tuple[str, bytes | None]]:
    opener = next((opener for magic, opener in OPENERS.items() if head.startswith(magic)), open)
    with opener(path, "rb") as file:
        stream = _Tail(file)
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            while (member := tar.next()) is not None:
                tar.members = []  # it would keep them all
                if not member.isdir():
                    usable = member.isreg() and member.size <= MAX_BYTES
                    yield member.name, tar.extractfile(member).read() if usable else None
            end = stream.at(tar.offset, BLOCK)
        if len(end) < BLOCK or any(end):  # tarfile takes whatever is no header for the end
            raise ArchiveError("ends early or is damaged: no end mark after its last whole file")
        while stream.read(1 << 20):  # the checksum of a compressed archive stands at its end
            pass


def ends_early(path: Path) -> bool:
    """Whether an uncompressed tar lacks the empty blocks at its end, or a zip its directory; reads these alone."""
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
        self._stream, self._kept, self._end = stream, b"", 0

    def read(self, count: int = -1) -> bytes:
        data = self._stream.read(count)
        self._kept = (self._kept + data)[-self.KEPT :]
        self._end += len(data)
        return data

    def at(self, offset: int, count: int) -> bytes:
        begin = offset - (self._end - len(self._kept))
        return self._kept[begin : begin + count] if begin >= 0 else b""
