"""The demo's page, and the answer to its question what samples are.

GET  /  /demo.css  /demo.js  /recorder.js   the page: fixed names, nothing else is read from disk
GET  /about                                 the model, its tasks, the limits
POST /embed?rate_hz=48000                   float32 little-endian samples, one channel -> windows,
                                            latency_ms, labels by task, tasks of none

Only this machine is answered: it listens on 127.0.0.1.
"""

import json
from time import perf_counter
from urllib.parse import parse_qs, urlsplit

import numpy as np

from frill.browser.local_server import (
    JSON,
    THIS_MACHINE,
    LocalHandler,
    LocalServer,
    Refused,
    read_page_file,
)
from frill.demo.probes import HeadListener, Listener

PAGE = {
    "/": "index.html",
    "/demo.css": "demo.css",
    "/demo.js": "demo.js",
    "/recorder.js": "recorder.js",
}
MAX_BYTES = 64 << 20  # 5.8 minutes at 48 kHz
SHOWN = 3  # labels of a task


class Server(LocalServer):
    """Listens on `port` of 127.0.0.1, 0 for any free one.

    `about` is what the page tells of the model.
    """

    def __init__(self, listener: Listener | HeadListener, about: dict, port: int):
        super().__init__(THIS_MACHINE, port, Handler)
        self.listener = listener
        self.about = about | {"max_bytes": MAX_BYTES}


class Handler(LocalHandler):
    server: Server

    def get(self, path: str) -> tuple[str, bytes]:
        if path == "/about":
            return JSON, json.dumps(self.server.about).encode()
        if path not in PAGE:
            raise Refused(404, f"{path} is not here; the page is /")
        return read_page_file("frill.demo", PAGE[path])

    def post(self, path: str) -> tuple[str, bytes]:
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
        content = self.read_body(MAX_BYTES, "the demo", "`frill embed` takes files of any length")
        if not content or len(content) % 4:
            message = "expected float32 samples, four bytes each, one or more"
            raise Refused(400, f"{len(content)} bytes; {message}")
        return np.frombuffer(content, "<f4")
