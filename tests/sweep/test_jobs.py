"""Which node of a real Ray cluster gets a stage, and what becomes of it when nodes cannot run it or go. The stages are stand-ins of a line."""

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
    """Of one CPU, and of two and a GPU, as they say; `nodes.kill()` is the second's end. All GPUs are to be seen by who does not ask."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CUDA_VISIBLE_DEVICES", "0,1")
        with two_nodes(1, num_cpus=2, num_gpus=1) as both:
            second = both.worker_nodes.copy().pop()
            jobs.connect(both.address)
            yield SimpleNamespace(
                second=second.node_id, kill=lambda: both.remove_node(second, allow_graceful=False)
            )
            jobs.ray.shutdown()


def sweep(chains: dict, **request) -> list:
    return list(
        jobs.run(
            chains,
            {},
            None,
            {"distill": Resources(**{"cpus": 1, "gpus": 0, "memory_gib": 0.1} | request)},
            None,
            2,
        )
    )


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
    assert {
        outcome.stage.student
        for outcome in outcomes
        if outcome.entry and outcome.node != nodes.second
    } == set(CHAINS)
    assert any(
        event.endswith("failed: no space left; tried again (1 of 2)")
        for event in events
        if isinstance(event, str)
    )
    assert not any("(2 of 2)" in event for event in events if isinstance(event, str))


def test_where_no_other_node_fits_the_same_is_tried_again(nodes, monkeypatch):
    def run_stage(stage, lock, setup):
        import ray

        return {
            "node": "",
            "node_id": ray.get_runtime_context().get_node_id(),
            "unfit": "no space left",
        }

    monkeypatch.setattr(worker, "run_stage", run_stage)
    *again, outcome = sweep({"one": CHAINS["one"]}, cpus=2)
    assert len(again) == 2 and outcome.status == "failed: no space left (try 3)"


def test_a_stage_sees_a_gpu_only_where_it_asked_for_one(nodes, monkeypatch):
    monkeypatch.setattr(
        worker,
        "_run_stage",
        lambda stage, lock, setup, more: {
            "more": more,
            "visible": os.environ["CUDA_VISIBLE_DEVICES"],
        },
    )
    setup = SimpleNamespace(environment={"OMP_NUM_THREADS": "2"})
    run_stage = jobs.ray.remote(worker.run_stage)
    without, with_one = (
        jobs.ray.get(run_stage.options(num_gpus=number).remote(CHAINS["one"][0], {}, setup))
        for number in (0, 1)
    )
    assert (
        without["more"] == {"OMP_NUM_THREADS": "2", "CUDA_VISIBLE_DEVICES": "-1"}
        and without["unfit"] == ""
    )
    assert with_one["more"] == {"OMP_NUM_THREADS": "2"} and with_one["visible"] in ("0", "1")


def test_a_stage_whose_nodes_are_gone_is_named_and_not_waited_for(nodes, monkeypatch):
    """The last: nothing brings the node back."""

    def run_stage(stage, lock, setup):
        time.sleep(300)

    monkeypatch.setattr(worker, "run_stage", run_stage)
    monkeypatch.setattr(jobs, "LOOK_AGAIN_S", 1.0)
    events = jobs.run(
        {"one": CHAINS["one"]},
        {},
        None,
        {"distill": Resources(cpus=2, gpus=0, memory_gib=0.1)},
        None,
        2,
    )
    wait = jobs.ray.wait

    def wait_and_kill(*arguments, **options):
        monkeypatch.setattr(jobs.ray, "wait", wait)
        time.sleep(3)  # the stage runs
        nodes.kill()
        return wait(*arguments, **options)

    monkeypatch.setattr(jobs.ray, "wait", wait_and_kill)
    outcome = list(events)[-1]
    assert (
        outcome.status.startswith("failed: no node is left that has cpus 2, gpus 0, memory_gib 0.1")
        and outcome.entry is None
    )


def test_an_address_where_nobody_answers_is_one_sentence():
    with pytest.raises(
        UserError,
        match=r"--address 127.0.0.1:1: no Ray cluster at 127.0.0.1:1: .*refused; `ray start --head` starts one, whose token",
    ):
        jobs.connect("127.0.0.1:1")


def test_a_ray_of_this_machine_that_does_not_start_is_one_sentence(monkeypatch):
    def init(**options):
        raise RuntimeError("no port is free\nwhat Ray says beside")

    monkeypatch.setattr(jobs.ray, "init", init)
    with pytest.raises(UserError, match="^sweep: Ray did not start: no port is free; try again$"):
        jobs.connect(None)


SERVE = "from frill.sweep import cluster; cluster.connect(None); print(cluster.ray.get_runtime_context().gcs_address, flush=True); input()"
JOIN = "import sys; from frill.sweep import cluster; cluster.connect(sys.argv[1]); print('inside')"


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
        return {key: value for key, value in os.environ.items() if not key.startswith("RAY_")} | {
            "HOME": str(tmp_path / home)
        }

    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(
        [sys.executable, "-c", SERVE], env=environment("mine"), text=True, **pipes
    ) as server:
        try:
            address = server.stdout.readline().strip()
            assert join("mine", RAY_AUTH_MODE="token").stdout == "inside\n"
            for more in ({}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}):
                stranger = join(
                    "others", **more, RAY_NUM_REDIS_GET_RETRIES="1"
                )  # Ray asks for 20 s otherwise
                assert (
                    stranger.returncode == 1
                    and "token is missing or incorrect" in stranger.stderr
                    and not stranger.stdout
                )
        finally:
            for process in psutil.Process(server.pid).children(recursive=True):
                process.kill()
            server.kill()
