"""`engine: ray` through DVC: the stages that map over the cluster make the bytes that they made without it."""

import shutil

import pytest
from pipeline_project import Project
from ray_nodes import two_nodes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
STAGES = ("targets", "evaluate@one")  # the teacher; a student and the probes


def made(project: Project) -> dict[str, bytes]:
    paths = [*(project.folder / "data/targets").iterdir(), project.folder / "results/noss/one.json"]
    return {path.name: path.read_bytes() for path in paths if path.is_file()}


def test_stages_on_a_cluster_make_the_same_bytes(reproduced, monkeypatch):
    alone = made(reproduced)
    reproduced.params["engine"] = "ray"
    reproduced.write()
    shutil.rmtree(reproduced.folder / "scratch")  # embeddings that were kept
    with two_nodes(reproduced.params["threads"]) as cluster:
        monkeypatch.setenv("RAY_ADDRESS", cluster.address)
        done = reproduced.run("dvc", "repro", "--force", "--single-item", *STAGES)
        assert done.returncode == 0, done.stdout
        from_cluster = jobs(cluster)
    reproduced.params["engine"] = "processes"
    assert len(alone) > 5 and made(reproduced) == alone
    assert from_cluster == len(STAGES)


def jobs(cluster) -> int:
    """How many drivers the cluster has served, but for this one."""
    import ray
    from ray._private.state import jobs  # the public way asks the dashboard, which these clusters have not

    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    found = jobs()
    ray.shutdown()
    return len(found) - 1
