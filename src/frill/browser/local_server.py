"""What servers of a page have in common: who is answered, how, and what headers say.

A request whose Host or Origin names another site is refused, so that no page of the web that
resolves its own name to this machine can ask. Every answer is a whole one, of a type that is told.
"""

import json
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from threading import Thread
from urllib.parse import urlsplit

THIS_MACHINE = "127.0.0.1"
HTTP_PORT = 80  # browsers leave it out of Host and Origin
TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "wasm": "application/wasm",
}
JSON = "application/json"
SECURITY = (
    "default-src 'none'; script-src 'self'{scripts}; worker-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Refused(Exception):
    """A request that is not answered: HTTP status and a sentence."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


def read_page_file(package: str, name: str) -> tuple[str, bytes]:
    """Return the type and content of a file of the folder `page` in a package of frill."""
    content = files(package).joinpath("page", name).read_bytes()
    return TYPES[name.rpartition(".")[2]], content


class LocalServer(ThreadingHTTPServer):
    """Listens on `port` of one address of this machine, 0 for any free port."""

    daemon_threads = True

    def __init__(self, address: str, port: int, handler: type["LocalHandler"]):
        super().__init__((address, port), handler)
        self.address = address

    def start(self) -> None:
        """Answer in a thread of its own, until `shutdown`."""
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.server_port}/"

    @cached_property
    def hosts(self) -> set[str]:
        names = {self.address, "localhost"} if self.address == THIS_MACHINE else {self.address}
        hosts = {f"{name}:{self.server_port}" for name in names}
        return hosts | names if self.server_port == HTTP_PORT else hosts


class LocalHandler(BaseHTTPRequestHandler):
    """Answers GET by `get` and POST by `post`.

    They return a type and a content, or raise Refused.
    """

    timeout = 30  # s without a byte
    scripts = ""  # what may run beside the page's own files, as Content-Security-Policy has it
    server: LocalServer

    def get(self, path: str) -> tuple[str, bytes]:
        raise NotImplementedError

    def post(self, path: str) -> tuple[str, bytes]:
        raise NotImplementedError

    def do_GET(self) -> None:  # noqa: N802
        self._answer(self.get)

    def do_POST(self) -> None:  # noqa: N802
        self._answer(self.post)

    def log_message(self, *_arguments) -> None:
        """Keep requests off the terminal."""

    def read_body(self, max_bytes: int, taker: str, hint: str) -> bytes:
        """Return the request's body, of at most `max_bytes`.

        Raises Refused for another, which says how much `taker` takes and, by `hint`, what to do.
        """
        header = self.headers.get("Content-Length", "")
        if not (header.isascii() and header.isdigit()):
            raise Refused(411, "Content-Length is missing")
        length = int(header)
        if length > max_bytes:
            most = f"{length} bytes are more than {taker} takes at once, {max_bytes}"
            raise Refused(413, f"{most}; {hint}")
        content = self.rfile.read(length)
        if len(content) != length:
            raise Refused(400, f"{len(content)} bytes of {length} came")
        return content

    def send_head(self, status: int, kind: str, **headers: str) -> None:
        """Send the status and all headers, those that keep other pages out among them."""
        headers = {
            "Content-Type": kind,
            "Content-Security-Policy": SECURITY.format(scripts=self.scripts),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            # These isolate the page: a browser then lets it have threads and a finer clock.
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Embedder-Policy": "require-corp",
            "Cross-Origin-Resource-Policy": "same-origin",
            **headers,
        }
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def _check_origin(self) -> None:
        origin = self.headers.get("Origin")
        names = [self.headers.get("Host", "")]
        if origin is not None:
            names.append(origin.removeprefix("http://"))
        if not self.server.hosts.issuperset(names):
            raise Refused(403, f"only {self.server.url} is answered")

    def _answer(self, make_content) -> None:
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
        self.send_head(status, kind, Content_Length=str(len(content)))
        self.wfile.write(content)
