"""The benchmark_model of a device: the one file that params.yaml names and no other, as the device runs whatever is put there."""

import re
import time
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from urllib.request import HTTPRedirectHandler, build_opener

from frill.errors import UserError
from frill.progress import progress
from frill.scratch import atomic_write, content_hash

LIMIT_BYTES = 500_000_000  # far over any build of the tool: a wrong URL must not fill the disk
TIMEOUT_S = 30.0  # without a byte
# EI_CLASS (1: 32-bit, 2: 64-bit) and e_machine of the ELF header, for the words of Android's ro.product.cpu.abilist.
_ABIS = {
    "arm64-v8a": (2, 183),
    "armeabi-v7a": (1, 40),
    "armeabi": (1, 40),
    "x86_64": (2, 62),
    "x86": (1, 3),
    "riscv64": (2, 243),
}
_OFFICIAL = {(2, 183): "android_aarch64_benchmark_model", (1, 40): "android_arm_benchmark_model"}
_LOGIN = re.compile(
    r"(?<=//)(?:[^/?#]*|[^/]*:(?!\d*[/?#]).*)@"
)  # a URL's name and password, also with a slash not written %2F: never shown
_OTHER_FILES = {
    b"<": "an HTML or XML page",
    b"PK": "a zip archive, as an .apk is",
    b"\x1f\x8b": "a gzip archive",
}


def local_tool(tool: str, sha256: str, key: str, folder: Path = Path("scratch/tools")) -> Path:
    """A local file of that sha256: `tool` itself if it is a path, or what is at that http(s) URL, kept in `folder` under its sha256.

    `key` is the device in params.yaml, such as devices.pixel. What is kept is hashed again, and fetched again if damaged. Raises UserError.
    """
    lead = f"params.yaml: {key}.tool = {_LOGIN.sub('***@', tool)!r}:"
    scheme = re.match(r"([a-z][a-z0-9+.-]*)://", tool.lower())
    if scheme and (scheme[1] not in ("http", "https") or _LOGIN.search(tool)):
        raise UserError(
            f"{lead} only http and https, without a name or password, are downloaded; download it by hand and give the path"
        )
    path = folder / sha256 if scheme else Path(tool)
    try:
        if not scheme:
            _check(path, sha256, lead)
        elif not (path.is_file() and content_hash(path) == sha256):
            _fetch(tool, path, lead)
    except OSError as error:
        what, remedy = (
            ("kept", f"see to {folder}")
            if scheme
            else ("read", "give the path of the benchmark_model file, or an http(s) URL of it")
        )
        raise UserError(f"{lead} cannot be {what} ({error.strerror}); {remedy}") from None
    return path


def check_abi(path: Path, abis: list[str], key: str) -> None:
    """Raises UserError if the ELF file is for none of `abis`, the words of the phone's ro.product.cpu.abilist. Unknown words do not count."""
    head = _header(path, f"params.yaml: {key}.tool: {path}")
    taken = [_ABIS[abi] for abi in abis if abi in _ABIS]
    if (
        taken
        and not head.startswith(b"#!")
        and (machine := (head[4], int.from_bytes(head[18:20], "little"))) not in taken
    ):
        built_for = next(
            (abi for abi in _ABIS if _ABIS[abi] == machine),
            f"another processor (ELF machine {machine[1]})",
        )
        build = next(
            (f"TFLite's nightly {_OFFICIAL[each]}" for each in taken if each in _OFFICIAL),
            "a build for one of these",
        )
        raise UserError(
            f"params.yaml: {key}.tool: {path} is for {built_for}, the phone takes {', '.join(abis)}; take {build}"
        )


def _check(path: Path, sha256: str, lead: str) -> None:
    _header(path, lead)  # first: that it is a login page says more than its sha256
    if (found := content_hash(path)) != sha256:
        what = (
            f"has sha256 {found}, not {sha256} as tool_sha256 says, and no other file is ever run"
        )
        raise UserError(
            f"{lead} {what}; if it changed, as nightly builds do, compare it with its source, then write the new value"
        )


def _header(path: Path, lead: str) -> bytes:
    """The first 20 bytes: of an ELF file, up to e_machine. Scripts pass, as test devices run them."""
    with path.open("rb") as file:
        head = file.read(20)
    if (head.startswith(b"\x7fELF") and len(head) == 20) or head.startswith(b"#!"):
        return head
    what = next(
        (name for magic, name in _OTHER_FILES.items() if head.strip().startswith(magic)),
        f"a file that starts with {head!r}",
    )
    raise UserError(
        f"{lead} is {what}, no ELF program; give the path or the URL of the benchmark_model binary itself"
    )


def _fetch(url: str, path: Path, lead: str) -> None:
    for left in path.parent.glob(
        f"{path.name}.*.new"
    ):  # of a killed download; one that another process has under way is written all the time
        if time.time() - left.stat().st_mtime > 3600:
            left.unlink(missing_ok=True)
    with atomic_write(path) as new:
        try:
            with new.open("wb") as file:
                file.writelines(_blocks(url, lead))
            _check(new, path.name, lead)
        except BaseException:  # Ctrl-C too
            new.unlink(missing_ok=True)
            raise


def _blocks(url: str, lead: str) -> Iterator[bytes]:
    """The file at the URL. A generator, so that an error of the disk it is written to is not taken for one of the network."""
    try:
        with build_opener(_Redirects).open(url, timeout=TIMEOUT_S) as response:
            total, done = response.length or 0, 0  # bytes; a total of 0 is one that was not sent
            with progress((), "benchmark_model", total, "B") as bar:
                bar.unit_scale = True
                while max(total, done) <= LIMIT_BYTES and (block := response.read(1 << 16)):
                    done += len(block)
                    bar.update(len(block))
                    yield block
        if max(total, done) > LIMIT_BYTES:
            raise UserError(
                f"{lead} is larger than {LIMIT_BYTES / 1e6:g} MB; give the URL of the benchmark_model binary itself"
            )
        if done < total:  # http.client says nothing
            raise OSError(f"it ended after {done} of {total} bytes")
    except (OSError, HTTPException, ValueError) as error:  # ValueError: not a URL
        reason = _LOGIN.sub(
            "***@", " ".join(str(error).removeprefix("<urlopen error ").rstrip(">").split())
        )[:200]
        raise UserError(
            f"{lead} cannot be downloaded ({reason}); download it by hand and give the path"
        ) from None


class _Redirects(HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if not newurl.startswith(("https://", f"{req.type}://")) or _LOGIN.search(
            newurl
        ):  # never from https to http
            raise OSError(f"it redirects, which is not followed, to {newurl}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
