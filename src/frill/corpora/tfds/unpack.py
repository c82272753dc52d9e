"""Unpacking of a zip that comes from anywhere.

Nothing is written outside its folder, links are not made, and memory does not grow with the
archive. TFDS's own unpacking reads whole members ahead of the disk: tens of GB of memory for
VoxCeleb1 on a slow one.
"""

import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

from frill.errors import UserError
from frill.progress import progress


def unpack_zip(archive: Path, folder: Path) -> None:
    """Unpack into `folder`, which is there afterwards complete or not at all.

    An existing one is kept as it is. Raises UserError.
    """
    if folder.exists():
        return
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [member for member in opened.infolist() if not member.is_dir()]
            for member in members:
                _refuse(archive, member)
            for member in progress(members, f"unpack {archive.name}", len(members), "file"):
                if (part / member.filename).exists():
                    raise UserError(f"{archive}: holds {member.filename} twice; download it again")
                opened.extract(member, part)
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise UserError(
            f"{archive}: not a whole zip file ({error}); download or join it again"
        ) from None
    part.rename(folder)


def _refuse(archive: Path, member: zipfile.ZipInfo) -> None:
    """Raise UserError for a member that leads out, is a link or is encrypted."""
    name = member.filename
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in path.parts[0]:
        raise UserError(
            f"{archive}: holds {name!r}, which leads out of the archive's folder; "
            "do not use this file, download it again"
        )
    if stat.S_ISLNK(member.external_attr >> 16):
        raise UserError(
            f"{archive}: holds the link {name!r}; do not use this file, download it again"
        )
    if member.flag_bits & 0x1:
        raise UserError(
            f"{archive}: is encrypted; unzip it with its password and zip it again without"
        )
