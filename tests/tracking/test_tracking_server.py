"""The stage `track` against a real `mlflow server`, which holds, shows and loads what was logged.

A server that does not answer is made up for.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from example_results import (
    accuracy_scores,
    frontier_result,
    model_scores,
    reference_result,
    student_result,
)
from examples import some_clips, speechlike, write_clips
from mlflow_server import MlflowServer, free_port
from pipeline_project import Project, miniature

from frill import Embedder
from frill.device import identity
from frill.frontier.results import write_frontier
from frill.noss.results import write_scores
from frill.params.load import validate

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
    for _, name, spec in validate(project.params).audio.walk_sets():
        write_clips(project.folder / "data" / spec.use / name, some_clips())
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

    page = visit(f"{server}/#/models/frill").page
    page.get_by_text("champion").first.wait_for(timeout=60_000)


@pytest.fixture(scope="module")
def address(project) -> Iterator[str]:
    """Run `frill ui` on a database of the project's own, and yield the address that it prints."""
    track(project, "sqlite:///mlflow.db")
    running = subprocess.Popen(
        [sys.executable, "-m", "frill", "ui", "--port", str(free_port())],
        cwd=project.folder,
        env=os.environ | {"DISPLAY": "", "WAYLAND_DISPLAY": ""},
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = [running.stdout.readline() for _ in range(3)]
    assert lines[2].startswith("ready"), lines
    yield lines[0].strip()
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=60) == 0


def test_the_address_that_is_printed_shows_every_model_with_axes_and_metrics(
    address, visit, tmp_path
):
    page = visit(address, width=1920).page
    page.set_default_timeout(90_000)
    table = page.get_by_role("grid")
    for name in ("one", "two", "teacher", "logmel_stats", "random_weights"):
        table.get_by_text(name, exact=True).wait_for()
    for name in ("selected", "quality", "latency_ms", "file_bytes", "backbone", "width", "rank"):
        table.get_by_role("columnheader", name=name, exact=True).first.wait_for()
    page.screenshot(path=tmp_path / "table.png")
    cells = read_cells(page)
    figures = {"selected": "1", "quality": "-1", "latency_ms": "1.2", "file_bytes": "9000"}
    axes = {"backbone": "tiny", "width": "0.5", "pooling": "gap", "rank": "8", "qat": "0"}
    assert figures.items() <= cells[0].items() and axes.items() <= cells[0].items()
    assert "frontier " not in table.inner_text()  # of the runs of frontiers


def read_cells(page) -> list[dict[str, str]]:
    """Return the table's metrics and params, row by row from the top."""
    cells = {}
    for cell in page.locator(".ag-center-cols-container [role=gridcell]").all():
        name = cell.get_attribute("col-id")
        row = int(cell.locator("xpath=..").get_attribute("row-index"))
        cells.setdefault(row, {})[name.strip("`").rpartition("`")[2]] = cell.inner_text().strip()
    return [cells[row] for row in sorted(cells)]


def test_the_charts_show_quality_against_latency(address, visit, tmp_path):
    page = visit(f"{address}&compareRunsMode=CHART", width=1920).page
    page.set_default_timeout(90_000)
    plots = page.locator(".js-plotly-plot")
    plots.first.wait_for()
    page.locator(".scatterlayer .point").first.wait_for()
    assert plots.first.locator(".scatterlayer .point").count() >= 2
    assert "latency_ms" in plots.first.inner_text() and "quality" in plots.first.inner_text()
    page.screenshot(path=tmp_path / "charts.png")


def test_the_models_tab_has_a_row_a_model_with_metrics_and_datasets(address, visit, tmp_path):
    models = address.replace("/runs?", "/models?")
    page = visit(models, width=1920).page
    page.set_default_timeout(90_000)
    for name in ("one", "two", "teacher", "logmel_stats", "random_weights"):
        page.get_by_text(name, exact=True).first.wait_for()
    page.screenshot(path=tmp_path / "models.png")


def test_from_mlflows_own_first_page_it_is_three_clicks(address, visit, tmp_path):
    page = visit(address.partition("#")[0], width=1920).page
    page.set_default_timeout(90_000)
    page.get_by_role("link", name="frill", exact=True).first.click()
    page.get_by_role("button", name="Got it").click()  # MLflow's about its chat models
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Students, teacher and controls").click()
    opened.value.get_by_role("grid").get_by_text("two", exact=True).wait_for(timeout=90_000)


def test_before_the_first_run_it_says_what_to_run(project, tmp_path):
    bare = Project(tmp_path / "bare", miniature())
    done = bare.run("python", "-m", "frill", "ui")
    assert done.returncode == 1
    assert done.stdout.endswith("has no run of the experiment frill yet; run `make repro` first\n")


def test_a_refusal_is_a_sentence_and_an_error(project):
    project.params["tracking"] = {"uri": "ftp://nowhere", "experiment": "frill"}
    project.write()
    done = project.run("python", "stages/track.py")
    assert done.returncode == 1
    assert "tracking.uri = ftp://nowhere" in done.stdout
    assert "Traceback" not in done.stdout
