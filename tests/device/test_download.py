"""The tool's file: by path or from a real server on this machine, and whether a phone runs it.

ELF headers are laid out after the System V gABI, chapter 4 (e_ident, e_type, e_machine), with its
numbers of machines.
"""

import datetime
import gzip
import hashlib
import io
import ipaddress
import os
import platform
import resource
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from frill.device.phone.tools import download
from frill.device.phone.tools.download import check_abi, locate_tool
from frill.errors import UserError

KEY = "devices.pixel.tool"
EM_386, EM_MIPS, EM_ARM, EM_X86_64, EM_AARCH64, EM_RISCV = 3, 8, 40, 62, 183, 243
PIXEL = ["arm64-v8a", "armeabi-v7a", "armeabi"]  # of a Pixel 1
BY_HAND = "download it by hand and give the path"


def elf(machine: int, bits: int, order: str = "<") -> bytes:
    """Return the ELF header of a position-independent executable."""
    e_ident = b"\x7fELF" + bytes([bits // 32, 1 if order == "<" else 2, 1]) + bytes(9)
    address = "Q" if bits == 64 else "I"
    return e_ident + struct.pack(
        f"{order}HHI{address * 3}IHHHHHH", 3, machine, 1, 0, 0, 0, 0, *([0] * 6)
    )


TOOL = elf(EM_AARCH64, 64) + bytes(range(256)) * 1200
SHA256 = hashlib.sha256(TOOL).hexdigest()


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("benchmark_model", TOOL)
    return file.getvalue()


class Handler(BaseHTTPRequestHandler):
    """Each path is a way to answer, named by the method that does it."""

    def do_GET(self):
        self.server.requests.append(self.path)
        getattr(self, self.path[1:].partition("?")[0])()

    def answer(self, body: bytes, length: int | None, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        if length is not None:
            headers["Content-Length"] = str(length)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def whole(self):
        self.answer(TOOL, len(TOOL))

    def no_length(self):
        self.answer(TOOL, None)

    def cut_short(self):
        self.answer(TOOL[:100_000], len(TOOL))

    def stalls(self):
        self.answer(TOOL[:100_000], len(TOOL))
        self.server.over.wait(20)

    def huge(self):
        self.answer(b"", 10**12)

    def endless(self):
        self.answer(TOOL, None)
        while not self.server.over.is_set():
            self.wfile.write(TOOL)

    def page(self):
        body = b"\n<!DOCTYPE html><title>Log in</title>"
        self.answer(body, len(body))

    def garbage(self):
        self.wfile.write(b"benchmark_model\r\n\r\n")

    def missing(self):
        self.send_error(404)

    def broken(self):
        self.send_error(503)

    def to(self):
        self.answer(b"", 0, 302, Location=self.path.partition("?")[2])

    def loops(self):
        self.answer(b"", 0, 302, Location="/loops")

    def handle(self):
        try:
            super().handle()
        except (ConnectionError, ssl.SSLError):  # it was left in mid-body
            pass

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """Of 127.0.0.1, signed by itself, with its key in the same file."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "frill's test")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
    )
    pem = serialization.Encoding.PEM
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(pem) + private)
    return path


def serving(certificate: Path | None = None):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.requests, server.over = [], threading.Event()
    server.url = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def _server():
    yield from serving()


@pytest.fixture
def server(_server, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    _server.requests.clear()
    return _server


@pytest.fixture
def secure_server(certificate, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    yield from serving(certificate)


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "tools"


def refusal(call, *arguments) -> str:
    with pytest.raises(UserError) as raised:
        call(*arguments)
    message = str(raised.value)
    assert message.startswith(f"params.yaml: {KEY}") and "\n" not in message
    return message


def not_downloaded(url: str, folder: Path, sha256: str = SHA256) -> str:
    """Return the message; nothing is kept, not even a part."""
    message = refusal(locate_tool, url, sha256, KEY, folder)
    assert message.startswith(f"params.yaml: {KEY} = {url!r}: ") and not any(folder.glob("*"))
    return message


def test_a_path_is_taken_as_it_is(tmp_path, folder):
    path = tmp_path / "benchmark_model"
    for content in (TOOL, b"#!/bin/sh\nexec true\n", b"#!"):
        path.write_bytes(content)
        assert locate_tool(str(path), hashlib.sha256(content).hexdigest(), KEY, folder) == path
    assert not folder.exists()


def test_another_file_than_the_one_in_params_is_never_the_tool(tmp_path):
    path = tmp_path / "benchmark_model"
    path.write_bytes(TOOL[:-1] + b"x")
    message = refusal(locate_tool, str(path), SHA256, KEY)
    assert hashlib.sha256(path.read_bytes()).hexdigest() in message
    assert SHA256 in message
    assert "no other file is ever run" in message
    assert "compare it with its source" in message
    assert "write the new value" in message


def test_a_path_without_a_file(tmp_path):
    for path, reason in ((tmp_path / "absent", "No such file"), (tmp_path, "Is a directory")):
        message = refusal(locate_tool, str(path), SHA256, KEY)
        assert repr(str(path)) in message
        assert reason in message
        assert "give the path of the file" in message


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\n <!DOCTYPE html><title>Log in</title>", "an HTML or XML page"),
        (zipped(), "a zip archive"),
        (gzip.compress(TOOL), "a gzip archive"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "a file that starts with b'version https",
        ),
        (TOOL[:19], "a file that starts with b'\\x7fELF"),
        (b"", "a file that starts with b''"),
    ],
)
def test_what_is_no_program_is_named(tmp_path, content, what):
    """Also where its sha256 was written into params.yaml."""
    path = tmp_path / "benchmark_model"
    path.write_bytes(content)
    assert f"is {what}" in refusal(locate_tool, str(path), hashlib.sha256(content).hexdigest(), KEY)
    assert f"is {what}" in refusal(check_abi, path, PIXEL, KEY)


def test_a_url_is_downloaded_once(server, folder, capfd):
    for _ in range(2):
        path = locate_tool(f"{server.url}/whole", SHA256, KEY, folder)
        assert path == folder / SHA256
        assert path.read_bytes() == TOOL
        assert list(folder.iterdir()) == [path]
    assert server.requests == ["/whole"]
    assert "307k/307k" in capfd.readouterr().err  # 307264 bytes
    locate_tool(f"{server.url}/no_length".replace("http", "HTTP"), SHA256, KEY, folder / "other")
    assert (folder / "other" / SHA256).read_bytes() == TOOL


def test_a_damaged_download_is_fetched_again(server, folder):
    path = locate_tool(f"{server.url}/whole", SHA256, KEY, folder)
    path.write_bytes(TOOL[:-1] + b"x")
    assert locate_tool(f"{server.url}/whole", SHA256, KEY, folder).read_bytes() == TOOL
    path.write_bytes(TOOL[:1000])
    message = refusal(locate_tool, f"{server.url}/missing", SHA256, KEY, folder)
    assert "404" in message  # and it is never used as it is


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("missing", "404"),
        ("broken", "503"),
        ("cut_short", f"100000 of {len(TOOL)} bytes"),
        ("stalls", "timed out"),
        ("garbage", "benchmark_model"),
        ("loops", "infinite loop"),
    ],
)
def test_a_download_that_fails(server, folder, monkeypatch, answer, reason):
    monkeypatch.setattr(download, "TIMEOUT_S", 0.3)
    message = not_downloaded(f"{server.url}/{answer}", folder)
    assert reason in message.partition("cannot be downloaded")[2] and message.endswith(BY_HAND)


def test_nobody_there(folder, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as unused:  # bound, not listening: nothing else can take the port
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/x"
        assert "Connection refused" in not_downloaded(url, folder)


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1",
        "http://",
        "https://127.0.0.1:port/x",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/é",
    ],
)
def test_no_url(folder, url):
    assert BY_HAND in not_downloaded(url, folder)


@pytest.mark.parametrize("url", ["file:///bin/sh", "ftp://127.0.0.1/x", "s3://bucket/x"])
def test_only_http_and_https(folder, url):
    assert "only http and https" in not_downloaded(url, folder)


def test_what_was_downloaded_is_looked_at(server, folder):
    assert "is an HTML or XML page" in not_downloaded(f"{server.url}/page", folder)
    assert SHA256 in not_downloaded(f"{server.url}/whole", folder, sha256=SHA256[::-1])


@pytest.mark.parametrize(
    ("answer", "limit"),
    [("huge", download.LIMIT_BYTES), ("whole", len(TOOL) - 1), ("endless", 10**6)],
)
def test_a_file_that_is_too_large(server, folder, monkeypatch, answer, limit):
    monkeypatch.setattr(download, "LIMIT_BYTES", limit)
    assert f"larger than {limit / 1e6:g} MB" in not_downloaded(f"{server.url}/{answer}", folder)


def test_a_file_of_just_the_limit(server, folder, monkeypatch):
    monkeypatch.setattr(download, "LIMIT_BYTES", len(TOOL))
    assert locate_tool(f"{server.url}/no_length", SHA256, KEY, folder).read_bytes() == TOOL


def test_redirects_are_followed_where_nobody_can_change_them(server, secure_server, folder):
    followed = (
        f"{server.url}/to?/whole",
        f"{server.url}/to?{secure_server.url}/whole",
        f"{secure_server.url}/to?/whole",
    )
    for number, start in enumerate(followed):
        assert locate_tool(start, SHA256, KEY, folder / str(number)).read_bytes() == TOOL
    server.requests.clear()
    refused = (
        f"{secure_server.url}/to?{server.url}/whole",
        f"{server.url}/to?{secure_server.url}/to?{server.url}/whole",
    )
    for start in refused:
        message = not_downloaded(start, folder / "none")
        assert f"redirects, which is not followed, to {server.url}/whole" in message
    assert "/whole" not in server.requests
    for url in ("ftp://127.0.0.1/whole", "file:///bin/sh"):
        assert url in not_downloaded(f"{server.url}/to?{url}", folder / "none")


def test_a_certificate_that_nobody_trusts(secure_server, folder, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    assert "CERTIFICATE_VERIFY_FAILED" in not_downloaded(f"{secure_server.url}/whole", folder)


@pytest.mark.parametrize(
    "login",
    [
        "me:hunter2@",
        "hunter2@",
        "me:hun/hunter2@",
        "me:hunter2?@x@",
        "me:@hunter2@",
        "me:hunter2 #@",
    ],
)
def test_a_password_is_never_shown(server, folder, capfd, login):
    host = server.url.removeprefix("http://")
    message = refusal(locate_tool, f"http://{login}{host}/whole", SHA256, KEY, folder)
    assert f"'http://***@{host}/whole'" in message
    assert "without a name or password" in message
    assert BY_HAND in message
    assert "hunter2" not in message + "".join(capfd.readouterr())
    assert not folder.exists()
    assert not server.requests


def test_a_password_in_a_redirect_is_never_shown(server, folder, monkeypatch):
    target = f"http://me:hunter2@{server.url.removeprefix('http://')}/whole"
    monkeypatch.setattr(Handler, "to", lambda self: self.answer(b"", 0, 302, Location=target))
    message = refusal(locate_tool, f"{server.url}/to", SHA256, KEY, folder)
    assert "hunter2" not in message and "not followed, to http://***@127" in message


def killed(server, folder: Path, by: signal.Signals) -> list[Path]:
    """Return what is left in `folder` by a download that was ended in mid-body."""
    code = (
        "from pathlib import Path; from frill.device.phone.tools.download import locate_tool; "
        f"locate_tool('{server.url}/stalls', '{SHA256}', 'x', Path({str(folder)!r}))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not any(each.stat().st_size for each in folder.glob("*")):
            if time.monotonic() >= deadline:
                break
            time.sleep(0.01)
        process.send_signal(by)
    assert process.returncode == -by
    return list(folder.iterdir())


def test_an_interrupted_download_leaves_nothing(server, folder):
    assert killed(server, folder, signal.SIGINT) == []


def test_a_killed_download_is_never_taken_for_the_file(server, folder):
    (left,) = killed(server, folder, signal.SIGKILL)
    assert 0 < left.stat().st_size < len(TOOL) and left.name != SHA256
    assert locate_tool(f"{server.url}/whole", SHA256, KEY, folder).read_bytes() == TOOL
    assert left.exists()  # for all that is known, of a process that goes on with it
    (folder / SHA256).unlink()
    os.utime(left, (0, 0))
    assert locate_tool(f"{server.url}/whole", SHA256, KEY, folder).read_bytes() == TOOL
    assert list(folder.iterdir()) == [folder / SHA256]


def test_a_disk_that_is_full_is_not_the_networks_fault(server, folder):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Writing fails in mid-file, as on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        message = not_downloaded(f"{server.url}/whole", folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert f"cannot be kept (File too large); see to {folder}" in message
    folder.rmdir()
    folder.write_text("")
    assert "cannot be kept" in refusal(locate_tool, f"{server.url}/whole", SHA256, KEY, folder)


@pytest.mark.parametrize(
    ("header", "abis"),
    [
        (elf(EM_AARCH64, 64), PIXEL),
        (elf(EM_ARM, 32), PIXEL),
        (elf(EM_ARM, 32), ["armeabi"]),
        (elf(EM_ARM, 32), ["armeabi-v7a"]),
        (elf(EM_X86_64, 64), ["x86_64", "arm64-v8a"]),  # emulators translate
        (elf(EM_AARCH64, 64), ["x86_64", "arm64-v8a"]),
        (elf(EM_386, 32), ["x86"]),
        (elf(EM_RISCV, 64), ["riscv64"]),
        (elf(EM_MIPS, 32, ">"), ["mips"]),  # all unknown
        (elf(EM_MIPS, 32), []),
        (b"#!/bin/sh\n", ["x86"]),
        (b"#!", ["x86"]),
    ],
)
def test_a_file_that_the_phone_runs(tmp_path, header, abis):
    path = tmp_path / "benchmark_model"
    path.write_bytes(header)
    check_abi(path, abis, KEY)


@pytest.mark.parametrize(
    ("header", "abis", "built_for", "takes", "build"),
    [
        (
            elf(EM_X86_64, 64),
            PIXEL,
            "x86_64",
            "arm64-v8a, armeabi-v7a, armeabi",
            "LiteRT's android_arm64 build (runtime: litert VERSION)",
        ),
        (
            elf(EM_AARCH64, 64),
            PIXEL[1:],
            "arm64-v8a",
            "armeabi-v7a, armeabi",
            "TFLite's nightly android_arm_benchmark_model",
        ),
        (
            elf(EM_ARM, 32),
            ["arm64-v8a"],
            "armeabi-v7a",
            "arm64-v8a",
            "LiteRT's android_arm64 build (runtime: litert VERSION)",
        ),
        (
            elf(EM_AARCH64, 32),
            ["arm64-v8a"],
            "another processor (ELF machine 183)",
            "arm64-v8a",
            "LiteRT's android_arm64 build (runtime: litert VERSION)",
        ),
        (
            elf(EM_X86_64, 32),
            ["x86_64", "x86"],
            "another processor (ELF machine 62)",
            "x86_64, x86",
            "a build for one of these",
        ),  # x32
        (elf(EM_386, 32), ["x86_64"], "x86", "x86_64", "a build for one of these"),
        (
            elf(EM_RISCV, 64),
            ["arm64-v9z", "armeabi"],
            "riscv64",
            "arm64-v9z, armeabi",
            "TFLite's nightly android_arm_benchmark_model",
        ),
        (
            elf(EM_MIPS, 32),
            ["x86"],
            "another processor (ELF machine 8)",
            "x86",
            "a build for one of these",
        ),
        (
            elf(EM_AARCH64, 64, ">"),
            ["arm64-v8a"],
            "another processor",
            "arm64-v8a",
            "LiteRT's android_arm64 build (runtime: litert VERSION)",
        ),
    ],
)
def test_a_file_for_another_phone(tmp_path, header, abis, built_for, takes, build):
    path = tmp_path / "benchmark_model"
    path.write_bytes(header)
    message = refusal(check_abi, path, abis, KEY)
    assert message.startswith(f"params.yaml: {KEY}: {path} is for {built_for}")
    assert message.endswith(f", the phone takes {takes}; take {build}")


def test_this_machines_own_programs():
    own = {"x86_64": "x86_64", "aarch64": "arm64-v8a"}.get(platform.machine())
    if sys.platform != "linux" or own is None or sys.maxsize < 2**32:
        pytest.skip("an ELF file of 64-bit x86 or ARM")
    check_abi(Path(sys.executable), [own], KEY)
    assert f"is for {own}" in refusal(check_abi, Path(sys.executable), ["riscv64"], KEY)
