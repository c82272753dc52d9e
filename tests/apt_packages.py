"""Debian packages unpacked into a folder without installing them, so that tests need no root and change no machine."""

import subprocess
from pathlib import Path


class Unavailable(Exception):
    """Why apt did not give them, in one line."""


def download(folder: Path, *packages: str, **settings) -> list[Path]:
    """.deb files of `packages` and of what they need beyond what this machine has, in an apt state of its own below `folder`. Raises Unavailable.

    `settings` are apt's, with __ for its ::, such as Dir__State__status="/dev/null" for a machine that has nothing.
    """
    for path in (folder / "state/lists/partial", folder / "cache/archives/partial"):
        path.mkdir(parents=True)
    options = {
        "Dir::State": folder / "state",
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": "root",  # another user could not write to the folder
        "Acquire::Languages": "none",
        "Acquire::http::Timeout": "20",
    }
    options |= {name.replace("__", "::"): value for name, value in settings.items()}
    apt = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items())]
    run(*apt, "update")
    run(*apt, "install", "--yes", "--no-install-recommends", "--download-only", *packages)
    return sorted((folder / "cache/archives").glob("*.deb"))


def unpack(packages: list[Path], folder: Path) -> None:
    """Their files below `folder`, as they would lie below /. Raises Unavailable."""
    for package in packages:
        run("dpkg-deb", "-x", package, folder)


def run(*argv) -> None:
    """A command that must succeed. Raises Unavailable with the last line it printed."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(str(error)) from error
    if done.returncode:
        raise Unavailable((done.stdout.strip().splitlines() or [f"{argv[0]} failed"])[-1])
