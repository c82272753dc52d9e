"""Debian's adbd, unpacked without installing it, with the libraries of its release: this machine's own may be older."""

import platform
import re
import subprocess
import tempfile
from pathlib import Path

from frill import scratch

RELEASE = "trixie"  # the first that has it
FOLDER = Path(__file__).resolve().parents[2] / "scratch/adbd"
SCRIPT = """#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
exec "$here/{loader}" --library-path "$here/{libraries}:$here/{libraries}/android" "$here/{daemon}" "$@"
"""


class Unavailable(Exception):
    """Why apt did not give it, in one line."""


def adbd() -> Path:
    """A script that runs it. Downloads about 17 MB the first time. Raises Unavailable."""
    if not FOLDER.exists():
        with tempfile.TemporaryDirectory(prefix="adbd.") as temporary:
            _unpack(_download(Path(temporary)))
    return FOLDER / "adbd"


def _unpack(packages: list[Path]) -> None:
    with scratch.appearing(FOLDER) as new:
        for package in packages:
            _run("dpkg-deb", "-x", package, new)
        found = {"daemon": "usr/lib/android-sdk/*/adbd", "loader": "usr/lib/*/ld-linux*.so.*", "libraries": "usr/lib/*-linux-gnu"}
        paths = {name: next(new.glob(pattern)).relative_to(new) for name, pattern in found.items()}
        (new / "adbd").write_text(SCRIPT.format(**paths))
        (new / "adbd").chmod(0o755)


def _download(folder: Path) -> list[Path]:
    """Its packages, from the mirrors that this machine's apt is set up for but of RELEASE, in an apt state of its own."""
    sources = folder / "sources"
    for path in (sources, folder / "state/lists/partial", folder / "cache/archives/partial"):
        path.mkdir(parents=True)
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", RELEASE)
    for configured in [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*.*")]:
        text, replaced = re.subn(rf"(?<![\w-]){codename}\b", RELEASE, configured.read_text() if configured.exists() else "")
        if replaced:
            (sources / configured.name.replace("sources.list", "main.list")).write_text(text)
    settings = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": sources,
        "Dir::State": folder / "state",
        "Dir::State::status": "/dev/null",  # nothing is installed: the C library too is downloaded
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": "root",  # another user could not write to the temporary folder
        "Acquire::Languages": "none",
        "Acquire::http::Timeout": "20",
    }
    apt = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in settings.items())]
    _run(*apt, "update")
    _run(*apt, "install", "--yes", "--no-install-recommends", "--download-only", "adbd")
    return sorted((folder / "cache/archives").glob("*.deb"))


def _run(*argv) -> None:
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=180)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(str(error)) from error
    if done.returncode:
        raise Unavailable((done.stdout.strip().splitlines() or [f"{argv[0]} failed"])[-1])
