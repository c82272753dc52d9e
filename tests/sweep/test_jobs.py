"""Which node of a real Ray cluster gets a stage, and what becomes of it if nodes fail or go.

The stages are stand-ins of a line.
"""

import os
import subprocess
import sys
import time
from types import SimpleNamespace

import psutil
import pytest
from ray_nodes import two_nodes

from frill.errors import UserError
from frill.params.sweep import Resources
from frill.sweep import jobs, worker
from frill.sweep.worker import Stage

pytestmark = pytest.mark.slow
DONE = {
    "unfit": "",
    "entry": {"cmd": "x"},
    "output": "",
    "ran": True,
    "killed": False,
    "diverged": False,
    "seconds": 1.0,
    "times": None,
}
CHAINS = {name: [Stage(f"distill@{name}", "distill", name, [])] for name in ("one", "two", "three")}


@pytest.fixture(scope="module")
def nodes():
    """Give a node of one CPU and a second of two and a GPU, as they say.

    `nodes.kill()` is the second's end. Ray shows all GPUs to a task that does not ask for one.
    """
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CUDA_VISIBLE_DEVICES", "0,1")
        with two_nodes(1, num_cpus=2, num_gpus=1) as both:
            second = both.worker_nodes.copy().pop()
            jobs.connect(both.address)

            def kill() -> None:
                both.remove_node(second, allow_graceful=False)

            yield SimpleNamespace(second=second.node_id, kill=kill)
            jobs.ray.shutdown()


def sweep(chains: dict, **request) -> list:
    resources = Resources(**{"cpus": 1, "gpus": 0, "memory_gib": 0.1} | request)
    return list(jobs.run(chains, {}, None, {"distill": resources}, None, 2))


def test_a_stage_goes_to_another_node_than_the_one_that_could_not_run_it(nodes, monkeypatch):
    def run_stage(stage, lock, setup, bad=nodes.second):
        import ray

        node = ray.get_runtime_context().get_node_id()
        where = {"node": node, "node_id": node}
        if node == bad:  # at once, so that it always has room
            return where | {"unfit": "git clone\nno space left"}
        time.sleep(1)
        return where | DONE

    monkeypatch.setattr(worker, "run_stage", run_stage)
    events = sweep(CHAINS)
    outcomes = [event for event in events if isinstance(event, jobs.Outcome)]
    elsewhere = [each for each in outcomes if each.entry and each.node != nodes.second]
    assert {outcome.stage.student for outcome in elsewhere} == set(CHAINS)
    lines = [event for event in events if isinstance(event, str)]
    assert any(line.endswith("failed: no space left; tried again (1 of 2)") for line in lines)
    assert not any("(2 of 2)" in line for line in lines)


def test_where_no_other_node_fits_the_same_is_tried_again(nodes, monkeypatch):
    def run_stage(stage, lock, setup):
        import ray

        node_id = ray.get_runtime_context().get_node_id()
        return {"node": "", "node_id": node_id, "unfit": "no space left"}

    monkeypatch.setattr(worker, "run_stage", run_stage)
    *again, outcome = sweep({"one": CHAINS["one"]}, cpus=2)
    assert len(again) == 2 and outcome.status == "failed: no space left (try 3)"


def test_a_stage_sees_a_gpu_only_where_it_asked_for_one(nodes, monkeypatch):
    def _run_stage(stage, lock, setup, variables):
        return {"variables": variables, "visible": os.environ["CUDA_VISIBLE_DEVICES"]}

    monkeypatch.setattr(worker, "_run_stage", _run_stage)
    setup = SimpleNamespace(environment={"OMP_NUM_THREADS": "2"})
    run_stage = jobs.ray.remote(worker.run_stage)

    def ask_for(gpus: int) -> dict:
        return jobs.ray.get(run_stage.options(num_gpus=gpus).remote(CHAINS["one"][0], {}, setup))

    without = ask_for(0)
    assert without["variables"] == {"OMP_NUM_THREADS": "2", "CUDA_VISIBLE_DEVICES": "-1"}
    assert without["unfit"] == ""
    with_one = ask_for(1)
    assert with_one["variables"] == {"OMP_NUM_THREADS": "2"}
    assert with_one["visible"] in ("0", "1")


def test_a_stage_whose_nodes_are_gone_is_named_and_not_waited_for(nodes, monkeypatch):
    """Stand last: nothing brings the node back."""

    def run_stage(stage, lock, setup):
        time.sleep(300)

    monkeypatch.setattr(worker, "run_stage", run_stage)
    monkeypatch.setattr(jobs, "LOOK_AGAIN_S", 1.0)
    requests = {"distill": Resources(cpus=2, gpus=0, memory_gib=0.1)}
    events = jobs.run({"one": CHAINS["one"]}, {}, None, requests, None, 2)
    wait = jobs.ray.wait

    def wait_and_kill(*arguments, **options):
        monkeypatch.setattr(jobs.ray, "wait", wait)
        time.sleep(3)  # the stage runs
        nodes.kill()
        return wait(*arguments, **options)

    monkeypatch.setattr(jobs.ray, "wait", wait_and_kill)
    outcome = list(events)[-1]
    missing = "failed: no node is left that has cpus 2, gpus 0, memory_gib 0.1"
    assert outcome.status.startswith(missing)
    assert outcome.entry is None


def test_an_address_where_nobody_answers_is_one_sentence():
    sentence = (
        "--address 127.0.0.1:1: no Ray cluster at 127.0.0.1:1: .*refused; "
        "`ray start --head` starts one, whose token"
    )
    with pytest.raises(UserError, match=sentence):
        jobs.connect("127.0.0.1:1")


def test_a_ray_of_this_machine_that_does_not_start_is_one_sentence(monkeypatch):
    def init(**options):
        raise RuntimeError("no port is free\nwhat Ray says beside")

    monkeypatch.setattr(jobs.ray, "init", init)
    with pytest.raises(UserError, match="^sweep: Ray did not start: no port is free; try again$"):
        jobs.connect(None)


SERVE = """
from frill.sweep import jobs
jobs.connect(None)
print(jobs.ray.get_runtime_context().gcs_address, flush=True)
input()
"""
JOIN = """
import sys
from frill.sweep import jobs
jobs.connect(sys.argv[1])
print("inside")
"""


def test_only_who_has_the_token_gets_into_a_sweeps_own_cluster(tmp_path):
    def join(home: str, **more) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-c", JOIN, address],
            env=environment(home) | more,
            capture_output=True,
            text=True,
        )

    def environment(home: str) -> dict[str, str]:
        (tmp_path / home).mkdir(exist_ok=True)
        kept = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
        return kept | {"HOME": str(tmp_path / home)}

    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(
        [sys.executable, "-c", SERVE], env=environment("mine"), text=True, **pipes
    ) as server:
        try:
            address = server.stdout.readline().strip()
            assert join("mine", RAY_AUTH_MODE="token").stdout == "inside\n"
            for more in ({}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}):
                # Ray asks for 20 s otherwise.
                stranger = join("others", **more, RAY_NUM_REDIS_GET_RETRIES="1")
                assert stranger.returncode == 1
                assert "token is missing or incorrect" in stranger.stderr
                assert not stranger.stdout
        finally:
            for process in psutil.Process(server.pid).children(recursive=True):
                process.kill()
            server.kill()
