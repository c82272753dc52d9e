"""The demo's answers over HTTP, and whom it refuses."""

import http.client
import json
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from example_results import frontier_result, student_result
from sounds import sound

from frill.commands import demo
from frill.errors import UserError
from frill.frontier.results import write_frontier
from frill.params.load import load_params


def ask(
    server, method: str, path: str, body: bytes | None = None, **headers
) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.headers["Content-Type"], answer.read()


def samples(label: str, rate_hz: int, seconds: float = 1.5) -> bytes:
    return sound(label, 2000, rate_hz, seconds).astype("<f4").tobytes()


def test_it_listens_on_this_machine_only(server):
    assert server.socket.getsockname()[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_port}/"


@pytest.mark.parametrize("rate_hz", [16000, 44100, 48000])
@pytest.mark.parametrize("label", ["tone", "beeps", "hiss"])
def test_a_clip_gets_its_label(server, label, rate_hz):
    status, kind, content = ask(
        server, "POST", f"/embed?rate_hz={rate_hz}", samples(label, rate_hz)
    )
    answer = json.loads(content)
    assert (status, kind) == (200, "application/json")
    assert answer["audio_s"] == pytest.approx(1.5, abs=1e-4)
    assert answer["windows"] == 4  # (1500 ms - 975 ms) // 170 ms + 1
    assert 0 < answer["latency_ms"] < 20_000
    assert next(iter(answer["tasks"]["keyword"])) == label
    labels = {task: len(shares) for task, shares in answer["tasks"].items()}
    assert labels == {"keyword": 3, "mask": 2}


def test_clips_at_once_get_their_own_labels(server):
    labels = ["tone", "beeps", "hiss"] * 8

    def nearest(label: str) -> str:
        content = ask(server, "POST", "/embed?rate_hz=16000", samples(label, 16000))[2]
        return next(iter(json.loads(content)["tasks"]["keyword"]))

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(nearest, labels)) == labels


def test_about_says_what_the_model_is(server):
    about = json.loads(ask(server, "GET", "/about")[2])
    assert about["model"] == "release/frill_nofrontend.tflite" and about["values"] == 8
    assert about["synthetic"] is True
    assert about["tasks"]["keyword"] == {"labels": 3, "test_accuracy": 100}


@pytest.mark.parametrize(
    "path, kind",
    [
        ("/", "text/html"),
        ("/demo.css", "text/css"),
        ("/demo.js", "text/javascript"),
        ("/recorder.js", "text/javascript"),
    ],
)
def test_the_page_and_its_parts(server, path, kind):
    status, content_type, content = ask(server, "GET", path)
    assert (status, content_type) == (200, f"{kind}; charset=utf-8") and len(content) > 100


@pytest.mark.parametrize(
    "path",
    [
        "/params.yaml",
        "/../params.yaml",
        "/page/../server.py",
        "/%2e%2e/server.py",
        "//etc/passwd",
        "/index.html",
        "/embed",
    ],
)
def test_nothing_else_is_there(server, path):
    status, _, content = ask(server, "GET", path)
    assert status == 404 and "is not here" in json.loads(content)["error"]


@pytest.mark.parametrize(
    "method, path", [("GET", "/"), ("GET", "/about"), ("POST", "/embed?rate_hz=16000")]
)
def test_other_hosts_and_origins_are_refused(server, method, path):
    body = samples("tone", 16000) if method == "POST" else None
    port = server.server_port
    for refused in (
        {"Host": f"evil.example:{port}"},
        {"Host": "127.0.0.1"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ):
        assert ask(server, method, path, body, **refused)[0] == 403
    for allowed in ({"Host": f"localhost:{port}"}, {"Origin": f"http://127.0.0.1:{port}"}):
        assert ask(server, method, path, body, **allowed)[0] == 200


@pytest.mark.parametrize(
    "path, body, headers, status, message",
    [
        ("/embed", b"\0" * 400, {}, 400, "rate_hz = ''; expected the samples' rate in Hz"),
        ("/embed?rate_hz=abc", b"\0" * 400, {}, 400, "rate_hz = 'abc'"),
        ("/embed?rate_hz=16", b"\0" * 400, {}, 400, "sample_rate_hz = 16; expected a rate in Hz"),
        ("/embed?rate_hz=16000", b"", {}, 400, "0 bytes; expected float32 samples"),
        ("/embed?rate_hz=16000", b"\0" * 5, {}, 400, "5 bytes; expected float32 samples"),
        ("/embed?rate_hz=16000", np.array([np.nan], "<f4").tobytes(), {}, 400, "1 of 1 are NaN"),
        (
            "/embed?rate_hz=16000",
            b"",
            {"Content_Length": str(1 << 40)},
            413,
            "are more than the demo takes at once",
        ),
        ("/embed?rate_hz=16000", b"", {"Content_Length": "-1"}, 411, "Content-Length"),
        ("/about", b"\0" * 4, {}, 404, "takes no samples"),
    ],
)
def test_wrong_requests_get_a_sentence(server, path, body, headers, status, message):
    answered, _, content = ask(server, "POST", path, body, **headers)
    assert answered == status and message in json.loads(content)["error"]


def test_a_port_that_is_taken_is_named(server, project):
    message = rf"--port = {server.server_port}: cannot be listened on .*; take another, or 0"
    with pytest.raises(UserError, match=message):
        demo.serve(Path("release/frill_nofrontend.tflite"), server.server_port, load_params())


def test_without_a_model_the_selected_one_is_taken(project, tmp_path, monkeypatch):
    assert demo.find_selected_model() == Path("models/tflite/pools/model.tflite")
    monkeypatch.chdir(tmp_path)
    message = "results/frontier.json: not there yet; run `make repro`, or name a file by --model"
    with pytest.raises(UserError, match=message):
        demo.find_selected_model()
    Path("results").mkdir()
    reason = "no student is within 1 ms"
    nothing = frontier_result([student_result()], selected=None, reason=reason)
    write_frontier(nothing, Path("results/frontier.json"))
    with pytest.raises(UserError, match="no student is within 1 ms; or name a file by --model"):
        demo.find_selected_model()


def test_the_command_says_where_it_listens_and_ends_quietly(project):
    process = subprocess.Popen(
        [sys.executable, "-m", "frill", "demo", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    line = process.stdout.readline()
    assert line.startswith("http://127.0.0.1:") and "Ctrl-C ends it" in line
    port = int(line.split(":")[2].split("/")[0])
    socket.create_connection(("127.0.0.1", port)).close()
    process.send_signal(2)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 0 and "Traceback" not in said
