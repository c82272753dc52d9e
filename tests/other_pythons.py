"""Other versions of Python: those on the PATH, or Pyodide's, which npm brings and Node.js runs."""

import shutil
import subprocess
from pathlib import Path

from frill import scratch

FOLDER = Path(__file__).resolve().parents[1] / "scratch/pyodide"
# The last release of Pyodide with each version.
PYODIDE = {"3.12": "0.27.7", "3.13": "0.29.0"}
RUN = """
import { loadPyodide } from "./node_modules/pyodide/pyodide.mjs";
const python = await loadPyodide();
python.FS.mkdirTree("/source");
python.mountNodeFS("/source", process.argv[2]);
python.runPython(process.argv[3]);
"""


class Unavailable(Exception):
    """There is no such Python; the message says how to get one."""


def run(version: str, folder: Path, code: str) -> str:
    """Run `code` on Python `version` and return what it prints; it finds `folder` as SOURCE."""
    # A shim of pyenv may stand for a version that is not chosen: it then runs nothing.
    python = shutil.which(f"python{version}")
    if python and subprocess.run([python, "-c", ""], capture_output=True).returncode == 0:
        command = [python, "-c", f"SOURCE = {str(folder)!r}\n{code}"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    place = FOLDER / version
    if not place.exists():
        _install(version, place)
    command = ["node", "run.mjs", str(folder), f"SOURCE = '/source'\n{code}"]
    done = subprocess.run(command, cwd=place, check=True, capture_output=True, text=True)
    return done.stdout


def _install(version: str, place: Path) -> None:
    if not shutil.which("npm"):
        raise Unavailable(f"no Python {version}: install it, or Node.js and npm to run Pyodide's")
    with scratch.atomic_write(place) as new:
        new.mkdir()
        (new / "run.mjs").write_text(RUN)
        package = f"pyodide@{PYODIDE[version]}"
        command = ["npm", "install", "--silent", "--prefix", str(new), package]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            shutil.rmtree(new)
            raise Unavailable(
                f"no Python {version}: install it (npm: {done.stderr.strip()[-200:]})"
            )
