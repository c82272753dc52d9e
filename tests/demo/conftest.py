"""A project of two small tasks, whose labels a listener could tell, and the demo's server of it."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
import yaml
from example_results import frontier_result, student_result
from pipeline_project import ROOT
from sounds import write_task

from frill.commands import demo
from frill.demo.server import Server
from frill.frontier.results import write_frontier
from frill.params.load import load_params


@pytest.fixture(scope="module")
def project(tmp_path_factory, pooling_models) -> Iterator[Path]:
    """Yield a folder, the working directory meanwhile.

    It holds params.yaml, data/task/keyword of three labels, data/task/mask of two, and the model as
    selected and as released.
    """
    folder = tmp_path_factory.mktemp("demo")
    settings = yaml.safe_load((ROOT / "params.yaml").read_text())
    sets = settings["audio"]["espeak"]
    mask = {"use": "task", "set": "mask", "clips": 40}
    settings["audio"]["espeak"] = {name: sets[name] for name in ("speech", "keyword")}
    settings["audio"]["espeak"]["mask"] = mask
    (folder / "params.yaml").write_text(yaml.safe_dump(settings))
    for path in ("release/frill_nofrontend.tflite", "models/tflite/pools/model.tflite"):
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_bytes(pooling_models[0].read_bytes())
    (folder / "results").mkdir()
    frontier = frontier_result([student_result("pools")])
    write_frontier(frontier, folder / "results/frontier.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_task(Path("data/task/keyword"), ["tone", "beeps", "hiss"])
        write_task(Path("data/task/mask"), ["tone", "hiss"])
        yield folder


@pytest.fixture(scope="module")
def server(project) -> Iterator[Server]:
    server = demo.serve(Path("release/frill_nofrontend.tflite"), 0, load_params())
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
