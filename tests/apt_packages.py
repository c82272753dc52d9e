"""Debian packages unpacked into a folder: tests need no root and change no machine."""

import subprocess
from pathlib import Path


class Unavailable(Exception):
    """Why apt did not give them, in one line."""


def download(folder: Path, *packages: str, **settings) -> list[Path]:
    """Return .deb files of `packages` and of what they need beyond what this machine has.

    apt gets a state of its own below `folder`. `settings` are apt's, with __ for its ::, such as
    Dir__State__status="/dev/null" for a machine that has nothing. Raises Unavailable.
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
    apt = ["apt-get", "-q"] + [f"-o{name}={value}" for name, value in options.items()]
    run(*apt, "update")
    run(*apt, "install", "--yes", "--no-install-recommends", "--download-only", *packages)
    return sorted((folder / "cache/archives").glob("*.deb"))


def unpack(packages: list[Path], folder: Path) -> None:
    """Unpack the packages' files below `folder`, as they would lie below /. Raises Unavailable."""
    for package in packages:
        run("dpkg-deb", "-x", package, folder)


def run(*argv) -> None:
    """Run a command. Raises Unavailable with the last line it printed if it fails."""
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
        printed = done.stdout.strip().splitlines()
        raise Unavailable(printed[-1] if printed else f"{argv[0]} failed")
