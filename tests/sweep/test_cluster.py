"""Which node of a real Ray cluster gets a stage, and what becomes of it if nodes fail or go.

The stages are stand-ins of a line.
"""

import os
import time
from types import SimpleNamespace

import pytest
from ray_nodes import two_nodes

from frill.errors import UserError
from frill.params.sweep import Resources, StageResources
from frill.repro.jobs import Ended, Job
from frill.sweep import cluster, worker
from frill.sweep.worker import Setup

pytestmark = pytest.mark.slow
DONE = {
    "unfit": "",
    "entry": {"cmd": "x"},
    "output": "",
    "killed": False,
    "diverged": False,
    "seconds": 1.0,
    "times": None,
}
JOBS = [Job(f"distill@{name}", "distill") for name in ("one", "two", "three")]
SETUP = Setup("frill-sweep-0-test-0", b"", "cache", None, "", {}, "")
STAGES = SimpleNamespace(find_cached_needs=lambda job: {})


@pytest.fixture(scope="module")
def nodes():
    """Give a node of one CPU and a second of two and a GPU, as they say.

    `nodes.kill()` is the second's end. Ray shows all GPUs to a task that does not ask for one.
    """
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CUDA_VISIBLE_DEVICES", "0,1")
        with two_nodes(1, num_cpus=2, num_gpus=1) as both:
            second = both.worker_nodes.copy().pop()
            cluster.connect(both.address)

            def kill() -> None:
                both.remove_node(second, allow_graceful=False)

            yield SimpleNamespace(second=second.node_id, kill=kill)
            cluster.ray.shutdown()


@pytest.fixture(autouse=True)
def logs_lie_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def start(jobs: list[Job], **request) -> cluster.Cluster:
    request = Resources(**{"cpus": 1, "gpus": 0, "memory_gib": 0.1} | request)
    place = cluster.Cluster(STAGES, SETUP, StageResources(distill=request), None, retries=2)
    for job in jobs:
        place.start(job, 1)
    return place


def follow(place: cluster.Cluster, number: int) -> list[Ended]:
    """Wait until so many jobs have ended."""
    ended = []
    end = time.monotonic() + 300
    while len(ended) < number:
        assert time.monotonic() < end
        ended += place.poll()
        time.sleep(0.05)
    return ended


def test_a_stage_goes_to_another_node_than_the_one_that_could_not_run_it(
    nodes, monkeypatch, capsys
):
    def run_stage(stage, lock, setup, bad=nodes.second):
        import ray

        node = ray.get_runtime_context().get_node_id()
        where = {"node": node, "node_id": node}
        if node == bad:  # at once, so that it always has room
            return where | {"unfit": "git clone\nno space left"}
        time.sleep(1)
        return where | DONE

    monkeypatch.setattr(worker, "run_stage", run_stage)
    ended = follow(start(JOBS), len(JOBS))
    assert {each.job.name for each in ended if each.succeeded} == {job.name for job in JOBS}
    assert not any(nodes.second in each.note for each in ended)
    printed = capsys.readouterr().out
    assert "failed: no space left; tried again (1 of 2)" in printed
    assert "(2 of 2)" not in printed


def test_where_no_other_node_fits_the_same_is_tried_again(nodes, monkeypatch, capsys):
    def run_stage(stage, lock, setup):
        import ray

        node_id = ray.get_runtime_context().get_node_id()
        return {"node": "", "node_id": node_id, "unfit": "no space left"}

    monkeypatch.setattr(worker, "run_stage", run_stage)
    (ended,) = follow(start(JOBS[:1], cpus=2), 1)
    assert ended.error == "no space left"
    assert capsys.readouterr().out.count("tried again") == 2


def test_a_stage_sees_a_gpu_only_where_it_asked_for_one(nodes, monkeypatch):
    def _run_stage(stage, lock, setup, variables):
        return {"variables": variables, "visible": os.environ["CUDA_VISIBLE_DEVICES"]}

    monkeypatch.setattr(worker, "_run_stage", _run_stage)
    setup = SimpleNamespace(environment={"OMP_NUM_THREADS": "2"})
    run_stage = cluster.ray.remote(worker.run_stage)

    def ask_for(gpus: int) -> dict:
        options = {"num_cpus": 1, "num_gpus": gpus}
        return cluster.ray.get(run_stage.options(**options).remote(None, {}, setup))

    given = {"OMP_NUM_THREADS": "2", "FRILL_WORKERS": "1"}
    without = ask_for(0)
    assert without["variables"] == given | {"CUDA_VISIBLE_DEVICES": "-1"}
    assert without["unfit"] == ""
    with_one = ask_for(1)
    assert with_one["variables"] == given
    assert with_one["visible"] in ("0", "1")


def test_a_stage_whose_nodes_are_gone_is_named_and_not_waited_for(nodes, monkeypatch):
    """Stand last: nothing brings the node back."""

    def run_stage(stage, lock, setup):
        time.sleep(300)

    monkeypatch.setattr(worker, "run_stage", run_stage)
    monkeypatch.setattr(cluster, "LOOK_AGAIN_S", 1.0)
    place = start(JOBS[:1], cpus=2)
    time.sleep(3)  # the stage runs
    assert place.poll() == []
    nodes.kill()
    (ended,) = follow(place, 1)
    assert ended.error == "no node is left that has cpus 2, gpus 0, memory_gib 0.1"


def test_an_address_where_nobody_answers_is_one_sentence():
    sentence = (
        "--address 127.0.0.1:1: no Ray cluster at 127.0.0.1:1: .*refused; "
        "`ray start --head` starts one, whose token"
    )
    with pytest.raises(UserError, match=sentence):
        cluster.connect("127.0.0.1:1")
