"""Debian's libfaketime, unpacked without installing it.

It tells one process tree another time of day.
"""

import tempfile
from pathlib import Path

import apt_packages
from apt_packages import Unavailable  # noqa: F401  what callers catch

from frill import scratch

FOLDER = Path(__file__).resolve().parents[2] / "scratch/faketime"


def get_faketime() -> Path:
    """Return the library for LD_PRELOAD, downloaded the first time (40 kB). Raises Unavailable."""
    if not FOLDER.exists():
        with (
            tempfile.TemporaryDirectory(prefix="faketime.") as temporary,
            scratch.atomic_write(FOLDER) as new,
        ):
            apt_packages.unpack(apt_packages.download(Path(temporary), "libfaketime"), new)
    return next(FOLDER.glob("usr/lib/*/faketime/libfaketimeMT.so.1"))
