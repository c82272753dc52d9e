"""A server on loopback in the place of the one that publishes LiteRT's tools."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def publish(files: dict[str, bytes], version: str) -> Iterator[tuple[str, list[str]]]:
    """Serve files as LiteRT's of a version.

    Yield the address for FRILL_LITERT_BINARIES, and a list that grows with every path asked for.
    """
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802  http.server's name
            asked.append(self.path)
            content = files.get(self.path.removeprefix(f"/binaries/{version}/android_arm64/"))
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        threading.Thread(target=serving.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}/binaries", asked
        serving.shutdown()
