"""The page that times models, and what it asks for.

GET  ./  ./benchmark.css  ./*.js                        the page: fixed names
GET  ./runtime/NAME                                     LiteRT's web runtime: fixed names
GET  ./model/N  ./input/N                               a model to time, and its known input
POST ./begin                                            what the browser is -> the models; once
GET  ./alive                                            an answer that ends when either side does
POST ./next                                             what came of a step -> the next step

With a token all of it lies below /TOKEN/, and nothing else is answered. From `begin` on only the
browser that began is, which has a cookie.
"""

import base64
import hashlib
import json
import re
import secrets
import select
from http.cookies import CookieError, SimpleCookie
from importlib.resources import files

from frill.browser.local_server import (
    JSON,
    TYPES,
    LocalHandler,
    LocalServer,
    Refused,
    read_page_file,
)
from frill.browser.runtime import FILES, WebRuntime
from frill.browser.timed_file import TimedFile
from frill.browser.visit import Visit

PAGE = {
    "": "index.html",
    "benchmark.css": "benchmark.css",
    "benchmark.js": "benchmark.js",
    "timing.js": "timing.js",
    "old_browser.js": "old_browser.js",
}
RUNTIME = "runtime/"
COOKIE = "frill_benchmark"
MAX_BYTES = 16 << 20  # of an answer: an output in base64
BREATH_S = 10.0  # between bytes of ./alive: browsers give up an answer that is silent for a minute
BYTES = "application/octet-stream"


class BenchmarkServer(LocalServer):
    """Serves `timed` to one browser, whose visit it is.

    With a token, the page's address has it and nobody else is answered.
    """

    def __init__(
        self,
        address: str,
        port: int,
        runtime: WebRuntime,
        timed: list[TimedFile],
        token: str | None = None,
    ):
        super().__init__(address, port, Handler)
        self.runtime = runtime
        self.timed = timed
        self.visit = Visit()
        self.folder = f"/{token}/" if token else "/"

    @property
    def page_url(self) -> str:
        return self.url.removesuffix("/") + self.folder


def _hash_import_map() -> str:
    """Return what allows the page's import map, the one script within it, to be read."""
    html = files("frill.browser").joinpath("page/index.html").read_text("utf-8")
    text = re.search(r'<script type="importmap">(.*?)</script>', html, re.DOTALL)[1]
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


class Handler(LocalHandler):
    scripts = f" 'wasm-unsafe-eval' 'sha256-{_hash_import_map()}'"
    server: BenchmarkServer

    def do_GET(self) -> None:  # noqa: N802
        if self.path == f"{self.server.folder}alive":
            self._answer(self._keep_alive)
        else:
            super().do_GET()

    def get(self, path: str) -> tuple[str, bytes]:
        name = self._find_name(path)
        if name in PAGE:
            return read_page_file("frill.browser", PAGE[name])
        if name.removeprefix(RUNTIME) in FILES:
            kind = TYPES[name.rpartition(".")[2]]
            return kind, self.server.runtime.read(name.removeprefix(RUNTIME))
        if match := re.fullmatch(r"(model|input)/(\d{1,4})", name):
            number = int(match[2])
            if number < len(self.server.timed):
                timed = self.server.timed[number]
                return BYTES, timed.content if match[1] == "model" else timed.input_bytes
        raise Refused(404, f"{path} is not here; the page is {self.server.page_url}")

    def post(self, path: str) -> tuple[str, bytes]:
        name = self._find_name(path)
        if name not in ("begin", "next"):
            raise Refused(404, f"{path} takes nothing; begin and next do")
        body = self.read_body(MAX_BYTES, "the benchmark", "nothing of that size is asked for")
        try:
            value = json.loads(body)
        except ValueError:
            raise Refused(400, "expected JSON") from None
        if name == "next":
            return JSON, json.dumps(self.server.visit.exchange(value)).encode()
        self.server.visit.begin(value)
        plan = {"models": [timed.describe() for timed in self.server.timed]}
        return JSON, json.dumps(plan).encode()

    def _find_name(self, path: str) -> str:
        """Return the path below the page's. Raises Refused for who does not know the token."""
        folder = self.server.folder
        if not secrets.compare_digest(path[: len(folder)].encode(), folder.encode()):
            raise Refused(403, "this address is not the one that the command printed")
        self._check_cookie()
        return path[len(folder) :]

    def _check_cookie(self) -> None:
        expected = self.server.visit.cookie
        if expected is None:
            return
        try:
            given = SimpleCookie(self.headers.get("Cookie", "")).get(COOKIE)
        except CookieError:
            given = None
        if given is None or not secrets.compare_digest(given.value.encode(), expected.encode()):
            raise Refused(409, "another browser has used this address; run the command again")

    def send_head(self, status: int, kind: str, **headers: str) -> None:
        if status == 200 and self.path == f"{self.server.folder}begin":
            cookie = f"{COOKIE}={self.server.visit.cookie}; HttpOnly; SameSite=Strict"
            headers["Set_Cookie"] = f"{cookie}; Path={self.server.folder}"
        super().send_head(status, kind, **headers)

    def _keep_alive(self, path: str) -> tuple[str, bytes]:
        """Send a byte now and then for as long as the page is there, and tell when it is gone."""
        self._find_name(path)
        self.send_head(200, "text/plain")
        try:
            while True:
                self.wfile.write(b".")
                ready, _, _ = select.select([self.connection], [], [], BREATH_S)
                if ready:
                    break  # it sends nothing more: this is its end
        except OSError:
            pass
        self.server.visit.lose()
        raise TimeoutError  # all is sent
