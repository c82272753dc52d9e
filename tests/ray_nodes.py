"""A Ray cluster of several nodes on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

ray_cluster = pytest.importorskip(
    "ray.cluster_utils", reason="needs Ray: uv pip install '.[sweep]'"
)
TRIES = 3  # Ray gives a node half a minute to start, which may be too little beside other tests


def two_nodes(cpus: int, **second):
    """Give a cluster whose nodes say that they have `cpus`, the second also what `second` says."""
    return several_nodes(cpus, second)


@contextmanager
def several_nodes(cpus: int, *others: dict) -> Iterator:
    """Give a cluster whose nodes say that they have `cpus`, the others also what `others` say.

    `address` is the cluster's; `worker_nodes` has all nodes but the first.
    """
    node = {"num_cpus": cpus, "object_store_memory": 100 * 2**20}
    for left in reversed(range(TRIES)):
        cluster = ray_cluster.Cluster()
        try:
            cluster.add_node(**node, include_dashboard=False)
            for other in others:
                cluster.add_node(**node | other)
            break
        except Exception:
            cluster.shutdown()
            if not left:
                raise
    yield cluster
    cluster.shutdown()
