"""Debian's Chromium, unpacked without installing it, with the libraries that this machine lacks."""

import os
import shutil
import tempfile
from pathlib import Path

import apt_packages
from apt_packages import Unavailable

from frill import scratch

NAMES = ("chromium", "chromium-browser", "google-chrome")
FOLDER = Path(__file__).resolve().parents[1] / "scratch/chromium"
SCRIPT = """#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
export LD_LIBRARY_PATH="{libraries}"
[ -d "$here/usr/share/fonts" ] && export FONTCONFIG_SYSROOT="$here"
exec "$here/usr/lib/chromium/chromium" "$@"
"""


def chromium() -> Path:
    """Return an executable: FRILL_CHROMIUM, one on the PATH, or Debian's.

    Debian's is 125 MB to download the first time. Raises Unavailable.
    """
    paths = [os.environ.get("FRILL_CHROMIUM"), *map(shutil.which, NAMES)]
    installed = next(filter(None, paths), None)
    if installed:
        return Path(installed)
    if not FOLDER.exists():
        try:
            _unpack()
        except Unavailable as error:
            raise Unavailable(
                "no Chromium: install Debian's package chromium, or set FRILL_CHROMIUM to one "
                f"(apt: {error})"
            ) from error
    return FOLDER / "chromium"


def _unpack() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="chromium.") as temporary,
        scratch.atomic_write(FOLDER) as new,
    ):
        apt_packages.unpack(apt_packages.download(Path(temporary), "chromium"), new)
        # Some libraries have a folder of their own.
        libraries = new.glob("usr/lib/*-linux-gnu/**/*.so*")
        folders = sorted({library.parent.relative_to(new) for library in libraries})
        path = ":".join(f"$here/{folder}" for folder in folders)
        (new / "chromium").write_text(SCRIPT.format(libraries=path))
        (new / "chromium").chmod(0o755)
