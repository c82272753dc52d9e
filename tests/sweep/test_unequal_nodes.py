"""Three nodes of a real Ray cluster, of which none is like another: one has no GPU, one has one,
one has two. The stages are stand-ins of a line.
"""

import time
from types import SimpleNamespace

import pytest
from ray_nodes import several_nodes

from frill.errors import UserError
from frill.params.sweep import Resources, StageResources
from frill.repro.jobs import Ended, Job
from frill.sweep import cluster, worker
from frill.sweep.worker import Setup

pytestmark = pytest.mark.slow
GPUS = {"small": [], "one": ["0"], "two": ["0", "1"]}
STAGES = SimpleNamespace(find_cached_needs=lambda job: {})
SETUP = Setup("frill-sweep-0-test-0", b"", "cache", None, "", {}, "")


@pytest.fixture(scope="module")
def names():
    """Start the nodes; return what each is called, by its ID. They show GPUs that are not there."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CUDA_VISIBLE_DEVICES", "0,1")
        one, two = {"num_cpus": 2, "num_gpus": 1}, {"num_cpus": 4, "num_gpus": 2}
        with several_nodes(1, one, two) as nodes:
            cluster.connect(nodes.address)
            found = {}
            for node in cluster.ray.nodes():
                name = list(GPUS)[int(node["Resources"].get("GPU", 0))]
                found[node["NodeID"]] = name
            yield found
            cluster.ray.shutdown()


@pytest.fixture(autouse=True)
def what_runs(tmp_path, monkeypatch):
    """Replace a stage by one that says where it ran, on what, from when to when."""
    monkeypatch.chdir(tmp_path)

    def run_stage(stage, lock, setup):
        import ray

        begun = time.time()
        time.sleep(2)
        context = ray.get_runtime_context()
        gpus = [str(gpu) for gpu in ray.get_gpu_ids()]
        node = f"{context.get_node_id()} {gpus} {begun} {time.time()}"
        done = {"unfit": "", "entry": {"cmd": "x"}, "output": "", "killed": False}
        times = {"diverged": False, "seconds": 1.0, "times": None}
        return {"node": node, "node_id": context.get_node_id()} | done | times

    monkeypatch.setattr(worker, "run_stage", run_stage)


def run(number: int, **request) -> list[tuple[str, str, float, float]]:
    """Run so many jobs; return each one's node ID, GPUs, and seconds of its begin and end."""
    request = Resources(**{"cpus": 1, "gpus": 0, "memory_gib": 0.1} | request)
    place = cluster.Cluster(STAGES, SETUP, StageResources(distill=request), None, retries=2)
    for job in range(number):
        place.start(Job(f"distill@{job}", "distill"), 1)
    ended: list[Ended] = []
    end = time.monotonic() + 300
    while len(ended) < number:
        assert time.monotonic() < end
        ended += place.poll()
        time.sleep(0.05)
    ran = []
    for each in ended:
        node, rest = each.note.removeprefix("on ").split(" ", 1)
        gpus, begun, finished = rest.rsplit(" ", 2)
        ran.append((node, gpus, float(begun), float(finished)))
    return ran


def count_most_at_once(ran: list[tuple]) -> int:
    begins = [begun for *_, begun, _ in ran]
    return max(sum(b <= begin < e for *_, b, e in ran) for begin in begins)


def test_students_with_a_gpu_each_train_on_the_nodes_that_have_one(names):
    ran = run(6, gpus=1)
    assert {names[node] for node, *_ in ran} == {"one", "two"}
    assert count_most_at_once(ran) <= 3
    for node, gpus, begun, ended in ran:
        assert gpus in [f"['{gpu}']" for gpu in GPUS[names[node]]]
        on_it = [each for each in ran if each[:2] == (node, gpus)]
        at_once = [each for each in on_it if begun < each[3] and each[2] < ended]
        assert len(at_once) == 1  # itself: nobody else has its GPU meanwhile


def test_a_student_of_two_gpus_goes_where_two_are(names):
    ran = run(2, gpus=2)
    assert [names[node] for node, *_ in ran] == ["two", "two"]
    assert count_most_at_once(ran) == 1


def test_students_without_a_gpu_use_every_node(names):
    ran = run(14)
    assert {names[node] for node, *_ in ran} == set(GPUS)
    assert {gpus for _, gpus, *_ in ran} == {"[]"}
    assert count_most_at_once(ran) <= 1 + 2 + 4


def test_what_no_node_has_is_refused_with_what_each_has(names):
    cluster.check_room({"distill": Resources(cpus=4, gpus=2, memory_gib=0.1)})
    assert cluster.describe_size() == "3 nodes with 7 CPUs and 3 GPUs"
    with pytest.raises(UserError) as refused:
        cluster.check_room({"distill": Resources(cpus=1, gpus=3, memory_gib=0.1)})
    text = str(refused.value)
    assert "sweep.resources.distill: cpus 1, gpus 3, memory_gib 0.1: no node of the cluster" in text
    for cpus, gpus in ((1, 0), (2, 1), (4, 2)):
        assert f"cpus {cpus}, gpus {gpus}, memory_gib" in text
