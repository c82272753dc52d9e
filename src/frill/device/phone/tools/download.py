"""A program or library for a device, such as benchmark_model.

It is the one file that params.yaml names and no other: the device runs whatever is put there.
"""

import re
import tempfile
import time
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from urllib.request import HTTPRedirectHandler, build_opener

from frill.errors import UserError
from frill.progress import progress
from frill.scratch import atomic_write, content_hash

LIMIT_BYTES = 500_000_000  # far over any build of the tool: a wrong URL must not fill the disk
FOLDER = Path("scratch/tools")
TIMEOUT_S = 30.0  # without a byte
ABANDONED_S = 3600.0  # a part of a download that nobody has written to for so long
# EI_CLASS (1: 32-bit, 2: 64-bit) and e_machine of the ELF header, for the words of Android's
# ro.product.cpu.abilist.
_ABIS = {
    "arm64-v8a": (2, 183),
    "armeabi-v7a": (1, 40),
    "armeabi": (1, 40),
    "x86_64": (2, 62),
    "x86": (1, 3),
    "riscv64": (2, 243),
}
_OFFICIAL = {
    (2, 183): "LiteRT's android_arm64 build (runtime: litert VERSION)",
    (1, 40): "TFLite's nightly android_arm_benchmark_model",
}
# A URL's name and password, also with a slash not written %2F: never shown.
_LOGIN = re.compile(r"(?<=//)(?:[^/?#]*|[^/]*:(?!\d*[/?#]).*)@")
_OTHER_FILES = {
    b"<": "an HTML or XML page",
    b"PK": "a zip archive, as an .apk is",
    b"\x1f\x8b": "a gzip archive",
}


def locate_tool(tool: str, sha256: str, key: str, folder: Path = FOLDER) -> Path:
    """Return a local file of that sha256. Raises UserError.

    It is `tool` itself if that is a path, or what is at that http(s) URL, kept in `folder` under
    its sha256. What is kept is hashed again, and fetched again if damaged. `key` names the file in
    params.yaml, such as devices.pixel.tool.
    """
    lead = f"params.yaml: {key} = {_hide_login(tool)!r}:"
    scheme = re.match(r"([a-z][a-z0-9+.-]*)://", tool.lower())
    if scheme is None:
        return _check_local(Path(tool), sha256, lead)
    if scheme[1] not in ("http", "https") or _LOGIN.search(tool):
        raise UserError(
            f"{lead} only http and https, without a name or password, are downloaded; "
            "download it by hand and give the path"
        )
    path = folder / sha256
    try:
        if not path.is_file() or content_hash(path) != sha256:
            _fetch(tool, path, lead)
    except OSError as error:
        raise UserError(f"{lead} cannot be kept ({error.strerror}); see to {folder}") from None
    return path


def _check_local(path: Path, sha256: str, lead: str) -> Path:
    try:
        _check(path, sha256, lead)
    except OSError as error:
        raise UserError(
            f"{lead} cannot be read ({error.strerror}); "
            "give the path of the file, or an http(s) URL of it"
        ) from None
    return path


def fetch_unknown(url: str, folder: Path = FOLDER) -> str:
    """Return the sha256 of the file at a URL, which is kept in `folder` as `locate_tool` does.

    For a file that params.yaml has no sum of yet. Raises UserError.
    """
    lead = f"{url}:"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix="new.") as temporary:
            new = Path(temporary, "file")
            with new.open("wb") as file:
                file.writelines(_read_blocks(url, lead))
            _read_header(new, lead)
            sha256 = content_hash(new)
            new.replace(folder / sha256)
    except OSError as error:
        raise UserError(f"{lead} cannot be kept ({error.strerror}); see to {folder}") from None
    return sha256


def check_abi(path: Path, abis: list[str], key: str) -> None:
    """Raise UserError if the ELF file is for none of `abis`.

    These are the words of the phone's ro.product.cpu.abilist. Unknown words do not count.
    """
    header = _read_header(path, f"params.yaml: {key}: {path}")
    accepted = [_ABIS[abi] for abi in abis if abi in _ABIS]
    if not accepted or header.startswith(b"#!"):
        return
    machine = (header[4], int.from_bytes(header[18:20], "little"))
    if machine in accepted:
        return
    other = f"another processor (ELF machine {machine[1]})"
    built_for = next((abi for abi in _ABIS if _ABIS[abi] == machine), other)
    official = [_OFFICIAL[each] for each in accepted if each in _OFFICIAL]
    build = official[0] if official else "a build for one of these"
    raise UserError(
        f"params.yaml: {key}: {path} is for {built_for}, "
        f"the phone takes {', '.join(abis)}; take {build}"
    )


def _check(path: Path, sha256: str, lead: str) -> None:
    _read_header(path, lead)  # first: that it is a login page says more than its sha256
    actual = content_hash(path)
    if actual != sha256:
        raise UserError(
            f"{lead} has sha256 {actual}, not {sha256} as params.yaml says, "
            "and no other file is ever run; if it changed, as nightly builds do, "
            "compare it with its source, then write the new value"
        )


def _read_header(path: Path, lead: str) -> bytes:
    """Return the first 20 bytes: of an ELF file, up to e_machine.

    Scripts pass, as test devices run them. Raises UserError for other files.
    """
    with path.open("rb") as file:
        header = file.read(20)
    is_elf = header.startswith(b"\x7fELF") and len(header) == 20
    if is_elf or header.startswith(b"#!"):
        return header
    what = f"a file that starts with {header!r}"
    for magic, name in _OTHER_FILES.items():
        if header.strip().startswith(magic):
            what = name
    raise UserError(
        f"{lead} is {what}, no ELF program; give the path or the URL of the binary itself"
    )


def _fetch(url: str, path: Path, lead: str) -> None:
    # Left by a killed download. What another process has under way is written all the time.
    for part in path.parent.glob(f"{path.name}.*.new"):
        if time.time() - part.stat().st_mtime > ABANDONED_S:
            part.unlink(missing_ok=True)
    with atomic_write(path) as new:
        try:
            with new.open("wb") as file:
                file.writelines(_read_blocks(url, lead))
            _check(new, path.name, lead)
        except BaseException:  # Ctrl-C too
            new.unlink(missing_ok=True)
            raise


def _read_blocks(url: str, lead: str) -> Iterator[bytes]:
    """Yield the file at the URL.

    A generator, so that an error of the disk it is written to is not taken for one of the network.
    """
    try:
        with build_opener(_Redirects).open(url, timeout=TIMEOUT_S) as response:
            total_bytes = response.length or 0  # 0: it was not sent
            read_bytes = 0
            with progress((), url.rpartition("/")[2], total_bytes, "B") as bar:
                bar.unit_scale = True
                while max(total_bytes, read_bytes) <= LIMIT_BYTES:
                    block = response.read(1 << 16)
                    if not block:
                        break
                    read_bytes += len(block)
                    bar.update(len(block))
                    yield block
        if max(total_bytes, read_bytes) > LIMIT_BYTES:
            raise UserError(
                f"{lead} is larger than {LIMIT_BYTES / 1e6:g} MB; give the URL of the binary itself"
            )
        if read_bytes < total_bytes:  # http.client says nothing
            raise OSError(f"it ended after {read_bytes} of {total_bytes} bytes")
    except (OSError, HTTPException, ValueError) as error:  # ValueError: not a URL
        text = str(error).removeprefix("<urlopen error ").rstrip(">")
        reason = _hide_login(" ".join(text.split()))[:200]
        raise UserError(
            f"{lead} cannot be downloaded ({reason}); download it by hand and give the path"
        ) from None


def _hide_login(text: str) -> str:
    return _LOGIN.sub("***@", text)


class _Redirects(HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):
        is_weaker = not newurl.startswith(("https://", f"{req.type}://"))  # from https to http
        if is_weaker or _LOGIN.search(newurl):
            raise OSError(f"it redirects, which is not followed, to {newurl}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
