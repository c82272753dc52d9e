"""The stage `track` against a real `mlflow server`, which holds, shows and loads what was logged.

A server that does not answer is made up for.
"""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from example_results import (
    accuracy_scores,
    frontier_result,
    model_scores,
    reference_result,
    student_result,
)
from examples import speechlike
from mlflow_server import MlflowServer, free_port
from pipeline_project import Project, miniature

from frill import Embedder
from frill.device import identity
from frill.frontier.results import write_frontier
from frill.noss.results import write_scores

pytestmark = pytest.mark.slow
LOAD = """
import sys, mlflow, numpy as np
mlflow.set_tracking_uri(sys.argv[1])
champion = mlflow.pyfunc.load_model("models:/frill@champion")
np.save(sys.argv[3], champion.predict(np.load(sys.argv[2])))
assert "tensorflow" not in sys.modules
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = MlflowServer(tmp_path_factory.mktemp("server"))
    yield running.uri
    running.signal(signal.SIGTERM)


@pytest.fixture(scope="module")
def project(tmp_path_factory, pooling_models) -> Project:
    """Make what `track` reads of two students; the .tflite files are real ones."""
    project = Project(tmp_path_factory.mktemp("tracked") / "frill", miniature())
    students = []
    for index, (name, axes) in enumerate(project.params["students"].items()):
        rank = None if axes["rank"] == "none" else axes["rank"]
        student = student_result(
            name,
            0.2 + index,
            index - 2.0,
            **axes | {"rank": rank},
            file_bytes=9000,
            on_frontier=True,
        )
        students.append(student)
    names = ("teacher", "logmel_stats", "random_weights")
    references = [reference_result(name) for name in names]
    frontier = frontier_result(students, selected="two", references=references)
    (project.folder / "results").mkdir(parents=True)
    write_frontier(frontier, project.folder / "results/frontier.json")
    for model in frontier.models:
        scores = model_scores({"mask": accuracy_scores(60.0)}, model.name)
        write_scores(scores, project.folder / f"results/noss/{model.name}.json")
    latency = {
        "identity": identity.read_host(),
        "latency_ms": 0.2,
        "control_ms": 0.4,
        "ratio": 0.5,
        "ratio_iqr": [0.4, 0.6],
        "round_ms": [0.2],
        "control_round_ms": [0.4],
    }
    for name in ("one", "two"):
        put(project, f"results/latency/host/{name}.json", json.dumps(latency))
        put(project, f"models/students/{name}/curve.csv", "step,train_loss\n10,0.9\n20,0.5\n")
        put(project, f"models/students/{name}/spec.json", "{}")
        put(project, f"models/tflite/{name}/summary.json", json.dumps({"sha256": name}))
        put(project, f"models/tflite/{name}/model.tflite", pooling_models[1].read_bytes())
    return project


def put(project: Project, path: str, content: str | bytes) -> None:
    (project.folder / path).parent.mkdir(parents=True, exist_ok=True)
    (project.folder / path).write_bytes(content if isinstance(content, bytes) else content.encode())


def track(project: Project, uri: str) -> str:
    project.params["tracking"] = {"uri": uri, "experiment": "frill"}
    project.write()
    done = project.run("python", "stages/track.py")
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_a_server_that_is_away_is_one_line_and_made_up_for(project, server, tmp_path, visit):
    uri = f"http://127.0.0.1:{free_port()}"
    printed = track(project, uri)
    assert printed.count("\n") == 1
    assert printed.startswith(f"track: {uri} is away")

    assert track(project, server).splitlines() == [
        "track: 6 runs written, 0 were there, 0 brought up to date",
        "track: two is models:/frill@champion, version 1",
    ]
    assert track(project, server) == "track: 0 runs written, 6 were there, 0 brought up to date\n"

    samples = np.stack([speechlike(32000, seed) for seed in (1, 2)]).astype(np.float32) / 32768
    np.save(tmp_path / "in.npy", samples)
    bare = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-c", LOAD, server, "in.npy", "out.npy"]
    subprocess.run(command, cwd=tmp_path, env=bare, check=True)
    own = Embedder(project.folder / "models/tflite/two/model.tflite")
    expected = np.stack([own.embed(clip) for clip in samples])
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, rtol=1e-5)

    page = visit(f"{server}/#/experiments/1/runs").page
    page.get_by_text("frontier ").first.click()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Compare the students").click()
    shown = opened.value.locator("body")
    axes = ("backbone", "width", "pooling")
    metrics = ("on_frontier", "latency_ms", "quality", "file_bytes")
    for text in axes + metrics:
        shown.get_by_text(text, exact=True).first.wait_for(state="attached", timeout=60_000)
    opened.value.screenshot(path=tmp_path / "compare.png")
    page.goto(f"{server}/#/models/frill")
    page.get_by_text("champion").first.wait_for()


def test_a_refusal_is_a_sentence_and_an_error(project):
    project.params["tracking"] = {"uri": "ftp://nowhere", "experiment": "frill"}
    project.write()
    done = project.run("python", "stages/track.py")
    assert done.returncode == 1
    assert "tracking.uri = ftp://nowhere" in done.stdout
    assert "Traceback" not in done.stdout
