"""`frill repro --address` on real Ray clusters: nodes die, students fail, a remote is enough."""

import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml
from pipeline_project import Project
from ray_nodes import two_nodes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
REPRO = (sys.executable, "-m", "frill", "repro", "--address")
KINDS = ("distill", "convert", "evaluate")
ONE_CORE = {"cpus": 1, "gpus": 0, "memory_gib": 1}


@pytest.fixture(scope="module", autouse=True)
def clones_lie_in() -> Iterator[Path]:
    """Give a temporary folder of this file's own.

    The machine's may have clones and trainings of somebody's sweep. Its name is short, as Ray puts
    sockets there.
    """
    with (
        tempfile.TemporaryDirectory(prefix="f", dir="/tmp") as folder,
        pytest.MonkeyPatch.context() as environment,
    ):
        environment.setenv("TMPDIR", folder)
        yield Path(folder)


@pytest.fixture
def cluster():
    with two_nodes(1) as cluster:
        yield cluster


@pytest.fixture(scope="module", autouse=True)
def on_one_core(reproduced):
    reproduced.params["sweep"] = {
        "share": "cache",
        "retries": 2,
        "resources": dict.fromkeys([*KINDS, "others"], ONE_CORE),
    }


def made(project: Project) -> dict[str, bytes]:
    """Return every file of the students' stages."""
    folders = ("models/students", "models/tflite", "results/noss")
    paths = [path for folder in folders for path in (project.folder / folder).rglob("*")]
    files = [path for path in paths if path.is_file()]
    return {str(path.relative_to(project.folder)): path.read_bytes() for path in files}


def lock(project: Project) -> dict:
    return yaml.safe_load((project.folder / "dvc.lock").read_text())["stages"]


def forget(project: Project) -> None:
    """Delete what the students' stages made: of dvc.lock, the run-cache and the workspace."""
    stages = {}
    for name, entry in lock(project).items():
        if name.split("@")[0] not in KINDS:
            stages[name] = entry
    (project.folder / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
    shutil.rmtree(project.folder / ".dvc/cache/runs")
    for student in project.params["students"]:
        shutil.rmtree(project.folder / "models/students" / student)
        shutil.rmtree(project.folder / "models/tflite" / student)
        (project.folder / f"results/noss/{student}.json").unlink()


def clones(folder: Path) -> list[Path]:
    return [path for path in folder.glob("frill-sweep-*") if path.is_dir()]


def trainings(folder: Path) -> list[psutil.Process]:
    """Return the processes of distill in clones."""
    processes = []
    for process in psutil.process_iter():
        try:
            if "stages/distill.py" in process.cmdline() and folder in Path(process.cwd()).parents:
                processes.append(process)
        except psutil.Error:
            pass
    return processes


def wait_for(condition, seconds: float, what: str):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.1)
    return value


def test_a_node_dies_in_mid_run_and_the_results_are_those_of_a_serial_run(
    reproduced, cluster, clones_lie_in
):
    serial = made(reproduced)
    entries = lock(reproduced)
    reproduced.commit()
    forget(reproduced)
    with tempfile.TemporaryFile("w+") as output:
        sweep = reproduced.start(*REPRO, cluster.address, stdout=output)
        trained = []

        def both_train_or_it_ended() -> bool:
            trained[:] = trainings(clones_lie_in)
            return len(trained) == 2 or sweep.poll() is not None

        wait_for(both_train_or_it_ended, 300, "one training a node")
        assert sweep.poll() is None
        cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)  # SIGKILL

        def one_has_ended() -> bool:
            return [process.is_running() for process in trained].count(False) == 1

        wait_for(one_has_ended, 60, "the node's training ends with it, the other goes on")
        code = sweep.wait(timeout=1200)
        output.seek(0)
        printed = output.read()
    assert code == 0, printed
    again = r"(?m)^distill@\w+: failed: its worker or node died; tried again \(1 of 2\)$"
    assert len(re.findall(again, printed)) == 1
    done = re.findall(r"(?m)^(\w+)@(\w+): done .*: on [^,\n]+(?:, at try 2)?$", printed)
    assert sorted(done) == sorted((k, s) for s in ("one", "two") for k in KINDS)
    assert made(reproduced) == serial
    del entries["check"]  # depends on params.yaml, where `sweep` is new
    assert {name: lock(reproduced)[name] for name in entries} == entries
    assert clones(clones_lie_in) == [], "nodes keep nothing"
    assert reproduced.repro() == ["track"]


def test_a_request_that_no_node_can_meet_is_refused(reproduced, cluster):
    resources = reproduced.params["sweep"]["resources"]
    reproduced.params["sweep"]["resources"] = resources | {"convert": ONE_CORE | {"gpus": 1}}
    set_precisions(reproduced, one="float16", two="float16")
    reproduced.commit()
    done = reproduced.run(*REPRO, cluster.address)
    reproduced.params["sweep"]["resources"] = resources
    assert done.returncode == 1
    assert "Traceback" not in done.stdout
    request = "sweep.resources.convert: cpus 1, gpus 1, memory_gib 1"
    assert f"params.yaml: {request}: no node of the cluster has that" in done.stdout


def set_precisions(project: Project, **precisions: str) -> None:
    students = project.params["students"]
    for name, precision in precisions.items():
        students[name] = students[name] | {"precision": precision}


def test_a_student_that_fails_stops_no_other_and_a_remote_is_enough(
    reproduced, cluster, tmp_path, clones_lie_in
):
    """int8 keeps no cosine of 1: two cannot be converted."""
    reproduced.params["sweep"]["share"] = "remote"
    reproduced.params["convert"]["min_cosine_int8"] = 1.0
    set_precisions(reproduced, one="float32", two="int8")
    added = reproduced.run("dvc", "remote", "add", "--default", "store", str(tmp_path / "store"))
    assert added.returncode == 0, added.stdout
    reproduced.commit()
    entries = lock(reproduced)
    done = reproduced.run(*REPRO, cluster.address)
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stdout, done.stdout
    assert re.search(r"(?m)^convert@one: done .*: on ", done.stdout)
    assert re.search(r"(?m)^convert@two: failed", done.stdout)
    assert re.search(
        r"(?m)^evaluate@two: not run .*: needs convert@two, which failed$", done.stdout
    )
    end = done.stdout.partition("Failed; all that did not need them ran:")[2]
    assert "convert@two (all of it: logs/convert@two.log)" in end
    assert "min_cosine_int8" in end
    assert lock(reproduced)["convert@one"]["outs"] == entries["convert@one"]["outs"]
    assert clones(clones_lie_in) == []
