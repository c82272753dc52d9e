"""Who is answered by the page that times models, and what is there."""

import http.client
import json
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import zxingcpp

from frill.browser import benchmark
from frill.browser.runtime import open_runtime
from frill.browser.timed_file import TimedFile
from frill.errors import UserError

TOKEN = "the-right-token"  # noqa: S105
ABOUT = {
    "user_agent": "Chrome/156.0 Android",
    "device": "",
    "system": "",
    "cores": 8,
    "memory_gib": 8,
    "is_isolated": True,
    "resolution_ms": 0.1,
}


@pytest.fixture
def make_server(pooling_models, web_runtime):
    """Yield make_server(lan=None), which listens on a free port and answers."""
    servers = []

    def make(lan: str | None = None) -> benchmark.BenchmarkServer:
        timed = [TimedFile(path) for path in pooling_models]
        servers.append(benchmark.listen(lan, 0, open_runtime(web_runtime), timed))
        servers[-1].start()
        return servers[-1]

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


def ask(server, method: str, path: str, value: object = None, **headers):
    """Return the status, headers and content of an answer; `path` is below the page's."""
    with closing(
        http.client.HTTPConnection(server.address, server.server_port, timeout=20)
    ) as asked:
        body = None if value is None else json.dumps(value)
        asked.request(method, path, body, headers)
        answer = asked.getresponse()
        return answer.status, answer.headers, answer.read()


def test_this_machine_only_unless_asked_for_more(make_server):
    server = make_server()
    assert server.socket.getsockname()[0] == "127.0.0.1"
    assert server.page_url == f"http://127.0.0.1:{server.server_port}/"
    lan = make_server("127.0.0.2")  # another address of this machine plays the network's
    assert lan.socket.getsockname()[0] == "127.0.0.2"
    token = lan.page_url.removeprefix(lan.url).removesuffix("/")
    assert len(token) == 16  # base64 of 96 random bits
    assert make_server("127.0.0.2").page_url.split("/")[-2] != token


def test_a_wrong_token_is_refused(make_server):
    server = make_server("127.0.0.2")
    token = server.folder
    for folder in ("/", "/wrong/", token.lower().swapcase(), token[:-2] + "/", "/x" + token):
        for method, name in (("GET", ""), ("GET", "model/0"), ("GET", "alive"), ("POST", "begin")):
            status, _, content = ask(server, method, folder + name, ABOUT)
            assert status == 403, (folder, name)
            said = "this address is not the one that the command printed"
            assert json.loads(content)["error"] == said
    assert server.visit.cookie is None
    assert ask(server, "GET", token)[0] == 200


def test_a_second_browser_is_refused(make_server):
    server = make_server("127.0.0.2")
    folder = server.folder
    assert ask(server, "GET", folder)[0] == 200  # a preview of the address uses nothing up
    status, headers, content = ask(server, "POST", f"{folder}begin", ABOUT)
    assert status == 200
    assert [model["shape"] for model in json.loads(content)["models"]] == [[1, 96, 64, 1]] * 2
    cookie = headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    own = {"Cookie": cookie.partition(";")[0]}
    for method, name in (("GET", ""), ("GET", "model/0"), ("POST", "begin"), ("POST", "next")):
        for other in ({}, {"Cookie": "frill_benchmark=x"}, {"Cookie": "a;;=b"}):
            status, _, content = ask(server, method, folder + name, ABOUT, **other)
            assert status == 409 and b"another browser has used this address" in content
    assert ask(server, "GET", f"{folder}model/0", **own)[0] == 200
    assert ask(server, "POST", f"{folder}begin", ABOUT, **own)[0] == 409  # nor twice


def test_what_is_there(make_server, pooling_models, web_runtime):
    server = make_server()
    status, headers, content = ask(server, "GET", "/model/1")
    assert status == 200 and content == Path(pooling_models[1]).read_bytes()
    values = np.random.default_rng(0).uniform(-1, 1, (1, 96, 64, 1)).astype("<f4")
    assert ask(server, "GET", "/input/1")[2] == values.tobytes()
    name = "@litertjs/core/wasm/litert_wasm_internal.wasm"
    status, headers, content = ask(server, "GET", f"/runtime/{name}")
    assert content == (web_runtime / name).read_bytes()
    assert headers["Content-Type"] == "application/wasm"
    # What crossOriginIsolated takes, by the HTML standard.
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    for path in (
        "/model/2", "/model/-1", "/model/", "/input/0/", "/runtime/", "/params.yaml",
        "/runtime/@litertjs/core/package.json", "/runtime/../../etc/passwd", "/../visit.py",
        "//etc/passwd", "/index.html",
    ):  # fmt: skip
        status, _, content = ask(server, "GET", path)
        assert status == 404 and "is not here" in json.loads(content)["error"], path


@pytest.mark.parametrize("method, path", [("GET", "/"), ("GET", "/alive"), ("POST", "/begin")])
def test_other_hosts_and_origins_are_refused(make_server, method, path):
    server = make_server()
    port = server.server_port
    for refused in ({"Host": f"evil.example:{port}"}, {"Origin": "http://evil.example"}):
        assert ask(server, method, path, ABOUT, **refused)[0] == 403
    assert server.visit.cookie is None


def test_wrong_posts_get_a_sentence(make_server):
    server = make_server()
    assert ask(server, "POST", "/model/0", 1)[0] == 404
    with closing(http.client.HTTPConnection("127.0.0.1", server.server_port)) as asked:
        asked.request("POST", "/begin", b"no JSON")
        assert asked.getresponse().status == 400
    with closing(http.client.HTTPConnection("127.0.0.1", server.server_port)) as asked:
        asked.request("POST", "/begin", None, {"Content-Length": str(1 << 40)})
        assert asked.getresponse().status == 413


def test_a_page_that_goes_away_is_noticed(make_server):
    server = make_server()
    ask(server, "POST", "/begin", ABOUT)
    server.visit.wait()
    cookie = f"frill_benchmark={server.visit.cookie}"
    page = socket.create_connection(("127.0.0.1", server.server_port))
    host = f"127.0.0.1:{server.server_port}"
    page.sendall(f"GET /alive HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n".encode())
    assert b"200" in page.recv(1000)
    Thread(target=page.close).start()
    with pytest.raises(UserError, match="the page was closed in mid-run"):
        server.visit.ask({"do": "load"}, type(None))


@pytest.mark.parametrize(
    "lan, port", [("127.0.0.2", None), ("192.0.2.7", 0), ("nowhere.", 0), ("a..b", 0)]
)
def test_what_cannot_be_listened_on(lan, port, pooling_models, web_runtime, make_server):
    port = make_server(lan).server_port if port is None else port
    message = rf"{lan}, port {port}: cannot be listened on .*; take another --port, 0 for"
    with pytest.raises(UserError, match=message):
        benchmark.listen(lan, port, open_runtime(web_runtime), [TimedFile(pooling_models[0])])


@pytest.mark.parametrize("lan", ["0.0.0.0", "0", ""])
def test_no_network_is_listened_in_that_was_not_named(lan, pooling_models, web_runtime):
    timed = [TimedFile(pooling_models[0])]
    with pytest.raises(UserError, match=f"--lan '{lan}' means all networks of this machine; name"):
        benchmark.listen(lan, 0, open_runtime(web_runtime), timed)


def test_browsers_send_names_in_small_letters_and_leave_out_port_80(make_server, monkeypatch):
    """WHATWG URL: host parsing; and a scheme's default port is null."""
    server = make_server("LOCALHOST")
    assert server.page_url.startswith("http://127.0.0.1:")
    monkeypatch.setattr(server, "server_port", 80)
    assert ask_as(server, Host="localhost", Origin="http://localhost") == 200
    assert ask_as(server, Host="127.0.0.1:80") == 200
    assert ask_as(server, Host="other") == 403


def ask_as(server, **headers: str) -> int:
    """Return the status of the page where a browser says so of itself."""
    address, port = server.socket.getsockname()
    with closing(http.client.HTTPConnection(address, port, timeout=20)) as asked:
        asked.request("GET", server.folder, headers=headers)
        return asked.getresponse().status


def test_the_address_in_the_network_is_one_of_this_machine(pooling_models, web_runtime):
    with socket.socket() as listening:
        listening.bind((benchmark.find_lan_address(), 0))
    # A network namespace of its own has no network.
    command = ["unshare", "-r", "-n", sys.executable, "-m", "frill", "benchmark"]
    command += [str(pooling_models[0]), "--browser", "--lan"]
    if subprocess.run(["unshare", "-r", "-n", "true"], capture_output=True).returncode:
        pytest.skip("this machine gives no namespaces")
    done = subprocess.run([*command, "--runtime", str(web_runtime)], capture_output=True, text=True)
    assert done.returncode == 1
    said = "frill: --lan: this machine is in no network (Network is unreachable); connect it, name"
    assert said in done.stderr


def read_qr_code(text: str) -> str:
    """Return what a picture of half blocks says, by a reader of QR codes."""
    rows = []
    for line in text.splitlines():
        rows.append([255 * (block in "█▀") for block in line])
        rows.append([255 * (block in "█▄") for block in line])
    picture = np.kron(np.array(rows, np.uint8), np.ones((8, 8), np.uint8))
    (found,) = zxingcpp.read_barcodes(np.pad(picture, 32, constant_values=255))
    return found.text


def test_the_qr_code_holds_the_address(make_server):
    server = make_server("127.0.0.2")
    lines = benchmark.describe_address(server, "127.0.0.2")
    assert lines[0] == server.page_url
    assert read_qr_code(lines[2]) == server.page_url
    assert "one-time token" in "\n".join(lines)
    alone = "\n".join(benchmark.describe_address(make_server(), None))
    assert "Only this machine is answered" in alone and "adb reverse" in alone


def test_files_that_a_browser_cannot_take(tmp_path, pooling_models):
    import tensorflow as tf

    path = tmp_path / "model.tflite"
    path.write_bytes(b"no model at all")
    with pytest.raises(UserError, match="no model that LiteRT can load"):
        TimedFile(path)
    call = tf.function(tf.abs, input_signature=[tf.TensorSpec([1, None], tf.float32)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([call.get_concrete_function()])
    path.write_bytes(converter.convert())
    message = r"its input \[1, -1\] has any length, .* such as release/frill_1s.tflite"
    with pytest.raises(UserError, match=message):
        TimedFile(path)
