"""The demo of a head: its own labels, and "unknown"."""

import http.client
import json
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from head_sounds import make_sound, write_folder

from frill import Head
from frill.cli import run
from frill.commands.demo import serve_head
from frill.errors import UserError


@pytest.fixture(scope="module")
def head(release, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("head")
    write_folder(folder / "clips", ["low", "middle", "high"], 6)
    out = folder / "tones.tflite"
    run(["head", str(folder / "clips"), "--model", str(release), "--out", str(out)])
    return out


@pytest.fixture
def server(head):
    server = serve_head(head, 0)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def ask(server, method: str, path: str, body: bytes | None = None) -> dict:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    connection.request(method, path, body)
    return json.loads(connection.getresponse().read())


def test_a_clip_gets_the_label_that_the_file_gives(server, head):
    about = ask(server, "GET", "/about")
    assert about["tasks"]["tones"]["labels"] == 3 and "own probabilities" in about["explains"]
    for kind, label in enumerate(["low", "middle", "high"]):
        samples = (make_sound(kind, 77, 40000) / 32767).astype("<f4")
        answer = ask(server, "POST", "/embed?rate_hz=16000", samples.tobytes())
        expected = Head(head).classify(samples)
        assert answer["windows"] == 9
        assert answer["tasks"] == {"tones": pytest.approx(expected)}
        assert next(iter(answer["tasks"]["tones"])) == label
        known = max(expected.values()) >= Head(head).about.threshold
        assert answer["unknown"] == ([] if known else ["tones"])


def test_a_clip_below_the_threshold_is_unknown(server):
    head = server.listener._head
    head.about = replace(head.about, threshold=1.01)  # nothing reaches it
    answer = ask(server, "POST", "/embed?rate_hz=16000", np.zeros(16000, "<f4").tobytes())
    assert answer["unknown"] == ["tones"]


def test_a_file_that_is_no_head_is_one_sentence(release):
    with pytest.raises(UserError, match=r"--head: .*frill\.tflite: has no labels of a head"):
        serve_head(release / "frill.tflite", 0)
    with pytest.raises(UserError, match=r"--head: none\.tflite: no such file"):
        serve_head(Path("none.tflite"), 0)
    with pytest.raises(UserError, match="holds a model already; leave one out"):
        run(["demo", "--head", "a.tflite", "--model", "b.tflite"])
