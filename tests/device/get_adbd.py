"""Debian's adbd, unpacked without installing it.

With it come the libraries of its release: this machine's own may be older.
"""

import platform
import re
import tempfile
from pathlib import Path

import apt_packages
from apt_packages import Unavailable  # noqa: F401  what callers catch

from frill import scratch

RELEASE = "trixie"  # the first that has it
FOLDER = Path(__file__).resolve().parents[2] / "scratch/adbd"
SCRIPT = """#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
libraries=$here/{libraries}
exec "$here/{loader}" --library-path "$libraries:$libraries/android" "$here/{daemon}" "$@"
"""


def adbd() -> Path:
    """Return a script that runs it, downloaded the first time (about 17 MB).

    Raises Unavailable.
    """
    if not FOLDER.exists():
        with tempfile.TemporaryDirectory(prefix="adbd.") as temporary:
            _unpack(_download(Path(temporary)))
    return FOLDER / "adbd"


def _unpack(packages: list[Path]) -> None:
    with scratch.atomic_write(FOLDER) as new:
        apt_packages.unpack(packages, new)
        patterns = {
            "daemon": "usr/lib/android-sdk/*/adbd",
            "loader": "usr/lib/*/ld-linux*.so.*",
            "libraries": "usr/lib/*-linux-gnu",
        }
        paths = {
            name: next(new.glob(pattern)).relative_to(new) for name, pattern in patterns.items()
        }
        (new / "adbd").write_text(SCRIPT.format(**paths))
        (new / "adbd").chmod(0o755)


def _download(folder: Path) -> list[Path]:
    """Download its packages of RELEASE, from the mirrors that this machine's apt is set up for."""
    sources = folder / "sources"
    sources.mkdir()
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", RELEASE)
    lists = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*.*")]
    for configured in filter(Path.exists, lists):
        text, replaced = re.subn(rf"(?<![\w-]){codename}\b", RELEASE, configured.read_text())
        if replaced:
            (sources / configured.name.replace("sources.list", "main.list")).write_text(text)
    nothing = "/dev/null"  # is installed: the C library too is downloaded
    return apt_packages.download(
        folder,
        "adbd",
        Dir__Etc__sourcelist=nothing,
        Dir__Etc__sourceparts=sources,
        Dir__State__status=nothing,
    )
