"""The demo's page and its one question: here are samples, what are they?

GET  /  /demo.css  /demo.js  /recorder.js      the page: fixed names, nothing else is read from disk
GET  /about                                    the model, its tasks, the limits
POST /embed?rate_hz=48000                      float32 little-endian samples, one channel -> windows, latency_ms, labels by task

Only this machine is answered: it listens on 127.0.0.1, and a request whose Host or Origin names another site is refused, so that no page of the web
that resolves its own name to 127.0.0.1 can ask.
"""

import json
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from time import perf_counter
from urllib.parse import parse_qs, urlsplit

import numpy as np

from frill.demo.probes import Listener

ADDRESS = "127.0.0.1"
PAGE = {
    "/": "index.html",
    "/demo.css": "demo.css",
    "/demo.js": "demo.js",
    "/recorder.js": "recorder.js",
}
TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
MAX_BYTES = 64 << 20  # 5.8 minutes at 48 kHz
SECURITY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class Refused(Exception):
    """A request that is not answered: HTTP status and a sentence."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


class Server(ThreadingHTTPServer):
    """Listens on `port` of 127.0.0.1, 0 for any free one. `about` is what the page tells of the model."""

    daemon_threads = True

    def __init__(self, listener: Listener, about: dict, port: int):
        super().__init__((ADDRESS, port), Handler)
        self.listener, self.about = listener, about | {"max_bytes": MAX_BYTES}

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
        """Requests are not listed on the terminal."""

    def _get(self, path: str) -> tuple[str, bytes]:
        if path == "/about":
            return "application/json", json.dumps(self.server.about).encode()
        if path not in PAGE:
            raise Refused(404, f"{path} is not here; the page is /")
        return f"{TYPES[PAGE[path].rpartition('.')[2]]}; charset=utf-8", files(
            "frill.demo"
        ).joinpath("page", PAGE[path]).read_bytes()

    def _post(self, path: str) -> tuple[str, bytes]:
        if path != "/embed":
            raise Refused(404, f"{path} takes no samples; /embed does")
        rate_hz, samples = self._rate_hz(), self._samples()
        begin = perf_counter()
        try:
            rows = self.server.listener.embed(samples, rate_hz)
        except ValueError as error:
            raise Refused(400, str(error)) from None
        latency_ms = 1000 * (perf_counter() - begin)
        tasks = {
            task: dict(list(shares.items())[:3])
            for task, shares in self.server.listener.shares(rows).items()
        }
        answer = {
            "audio_s": len(samples) / rate_hz,
            "windows": len(rows),
            "latency_ms": latency_ms,
            "tasks": tasks,
        }
        return "application/json", json.dumps(answer).encode()

    def _rate_hz(self) -> int:
        value = parse_qs(urlsplit(self.path).query).get("rate_hz", [""])[0]
        if not (value.isascii() and value.isdigit() and int(value)):
            raise Refused(
                400,
                f"rate_hz = {value!r}; expected the samples' rate in Hz, such as /embed?rate_hz=48000",
            )
        return int(value)

    def _samples(self) -> np.ndarray:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            raise Refused(411, "Content-Length is missing")
        if int(length) > MAX_BYTES:
            raise Refused(
                413,
                f"{int(length)} bytes are more than the demo takes at once, {MAX_BYTES}; `frill embed` takes files of any length",
            )
        content = self.rfile.read(int(length))
        if not content or len(content) != int(length) or len(content) % 4:
            raise Refused(
                400, f"{len(content)} bytes; expected float32 samples, four bytes each, one or more"
            )
        return np.frombuffer(content, "<f4")

    def _answer(self, answer) -> None:
        try:
            host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
            if host not in self.server.hosts or (
                origin is not None and origin.removeprefix("http://") not in self.server.hosts
            ):
                raise Refused(403, f"only {self.server.url} is answered")
            status, (kind, content) = 200, answer(urlsplit(self.path).path)
        except Refused as refused:
            status, kind, content = (
                refused.status,
                "application/json",
                json.dumps({"error": str(refused)}).encode(),
            )
        except TimeoutError:
            return
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(content))),
            ("Content-Security-Policy", SECURITY),
        ):
            self.send_header(name, value)
        for name, value in (
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-store"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
