"""Fixtures of the tests of data sets that TFDS prepares."""

import functools
import http.server
import socket
import threading

import pytest
import tfds_miniatures as miniatures


@pytest.fixture
def no_network(monkeypatch):
    """Fail the test on a connection to anywhere but this machine."""
    real = socket.socket.connect

    def connect(self, address):
        if isinstance(address, tuple) and address[0] != "127.0.0.1":
            raise ConnectionRefusedError(f"the test must not reach {address}")
        return real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", functools.partial(_only_local, socket.getaddrinfo))


def _only_local(real, host, *arguments, **named):
    if host not in ("127.0.0.1", "localhost", None):
        raise socket.gaierror(f"the test must not look up {host}")
    return real(host, *arguments, **named)


@pytest.fixture
def register(monkeypatch):
    """Return register(builder class, {url: file}), which gives TFDS checksums and names.

    TFDS takes a download from manual_dir if it knows both.
    """
    import tensorflow_datasets as tfds

    def register(builder_class, files):
        lines = {url: miniatures.checksum_line(url, path) for url, path in files.items()}
        infos = {
            url: tfds.download.checksums.UrlInfo(size, digest, files[url].name)
            for url, (_, size, digest) in lines.items()
        }
        monkeypatch.setattr(builder_class, "url_infos", infos)

    return register


@pytest.fixture
def manual(tmp_path):
    """Make the folder for what is obtained by hand."""
    (tmp_path / "manual").mkdir()
    return tmp_path / "manual"


@pytest.fixture
def served(tmp_path):
    """Serve tmp_path/www over HTTP."""
    (tmp_path / "www").mkdir()
    handler = functools.partial(_Quiet, directory=str(tmp_path / "www"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield tmp_path / "www", f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass
