"""The demo's page, and the answer to its question what samples are.

GET  /  /demo.css  /demo.js  /recorder.js   the page: fixed names, nothing else is read from disk
GET  /about                                 the model, its tasks, the limits
POST /embed?rate_hz=48000                   float32 little-endian samples, one channel -> windows,
                                            latency_ms, labels by task, tasks of none

Only this machine is answered: it listens on 127.0.0.1. A request whose Host or Origin names another
site is refused, so that no page of the web that resolves its own name to 127.0.0.1 can ask.
"""

import json
from collections.abc import Callable
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from time import perf_counter
from urllib.parse import parse_qs, urlsplit

import numpy as np

from frill.demo.probes import HeadListener, Listener

ADDRESS = "127.0.0.1"
PAGE = {
    "/": "index.html",
    "/demo.css": "demo.css",
    "/demo.js": "demo.js",
    "/recorder.js": "recorder.js",
}
TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
MAX_BYTES = 64 << 20  # 5.8 minutes at 48 kHz
SHOWN = 3  # labels of a task
SECURITY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
JSON = "application/json"


class Refused(Exception):
    """A request that is not answered: HTTP status and a sentence."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


class Server(ThreadingHTTPServer):
    """Listens on `port` of 127.0.0.1, 0 for any free one.

    `about` is what the page tells of the model.
    """

    daemon_threads = True

    def __init__(self, listener: Listener | HeadListener, about: dict, port: int):
        super().__init__((ADDRESS, port), Handler)
        self.listener = listener
        self.about = about | {"max_bytes": MAX_BYTES}

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.server_port}/"

    @cached_property
    def hosts(self) -> set[str]:
        return {f"{name}:{self.server_port}" for name in (ADDRESS, "localhost")}


class Handler(BaseHTTPRequestHandler):
    timeout = 30  # s without a byte
    server: Server

    def do_GET(self) -> None:  # noqa: N802
        self._answer(self._get)

    def do_POST(self) -> None:  # noqa: N802
        self._answer(self._post)

    def log_message(self, *_arguments) -> None:
        """Keep requests off the terminal."""

    def _get(self, path: str) -> tuple[str, bytes]:
        if path == "/about":
            return JSON, json.dumps(self.server.about).encode()
        if path not in PAGE:
            raise Refused(404, f"{path} is not here; the page is /")
        name = PAGE[path]
        kind = TYPES[name.rpartition(".")[2]]
        content = files("frill.demo").joinpath("page", name).read_bytes()
        return f"{kind}; charset=utf-8", content

    def _post(self, path: str) -> tuple[str, bytes]:
        if path != "/embed":
            raise Refused(404, f"{path} takes no samples; /embed does")
        rate_hz = self._read_rate_hz()
        samples = self._read_samples()
        listener = self.server.listener
        begin = perf_counter()
        try:
            rows = listener.embed(samples, rate_hz)
        except ValueError as error:
            raise Refused(400, str(error)) from None
        latency_ms = 1000 * (perf_counter() - begin)
        found = listener.find_shares(rows)
        tasks = {task: dict(list(shares.items())[:SHOWN]) for task, shares in found.items()}
        answer = {
            "audio_s": len(samples) / rate_hz,
            "windows": len(rows),
            "latency_ms": latency_ms,
            "tasks": tasks,
            "unknown": listener.list_unknown(found),
        }
        return JSON, json.dumps(answer).encode()

    def _read_rate_hz(self) -> int:
        value = parse_qs(urlsplit(self.path).query).get("rate_hz", [""])[0]
        if not (value.isascii() and value.isdigit() and int(value)):
            message = "expected the samples' rate in Hz, such as /embed?rate_hz=48000"
            raise Refused(400, f"rate_hz = {value!r}; {message}")
        return int(value)

    def _read_samples(self) -> np.ndarray:
        header = self.headers.get("Content-Length", "")
        if not (header.isascii() and header.isdigit()):
            raise Refused(411, "Content-Length is missing")
        length = int(header)
        if length > MAX_BYTES:
            raise Refused(
                413,
                f"{length} bytes are more than the demo takes at once, {MAX_BYTES}; "
                "`frill embed` takes files of any length",
            )
        content = self.rfile.read(length)
        if not content or len(content) != length or len(content) % 4:
            message = "expected float32 samples, four bytes each, one or more"
            raise Refused(400, f"{len(content)} bytes; {message}")
        return np.frombuffer(content, "<f4")

    def _check_origin(self) -> None:
        origin = self.headers.get("Origin")
        names = [self.headers.get("Host", "")]
        if origin is not None:
            names.append(origin.removeprefix("http://"))
        if not self.server.hosts.issuperset(names):
            raise Refused(403, f"only {self.server.url} is answered")

    def _answer(self, make_content: Callable[[str], tuple[str, bytes]]) -> None:
        status = 200
        try:
            self._check_origin()
            kind, content = make_content(urlsplit(self.path).path)
        except Refused as refused:
            status = refused.status
            kind = JSON
            content = json.dumps({"error": str(refused)}).encode()
        except TimeoutError:
            return
        headers = {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "Content-Security-Policy": SECURITY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
