"""A Ray cluster of two nodes on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

ray_cluster = pytest.importorskip(
    "ray.cluster_utils", reason="needs Ray: uv pip install 'frill[sweep]'"
)
TRIES = 3  # Ray gives a node half a minute to start, which may be too little beside other tests


@contextmanager
def two_nodes(cpus: int, **second) -> Iterator:
    """Give a cluster whose nodes say that they have `cpus`, the second also what `second` says.

    `address` is the cluster's; `worker_nodes` has the second node.
    """
    node = {"num_cpus": cpus, "object_store_memory": 100 * 2**20}
    for left in reversed(range(TRIES)):
        cluster = ray_cluster.Cluster()
        try:
            cluster.add_node(**node, include_dashboard=False)
            cluster.add_node(**node | second)
            break
        except Exception:
            cluster.shutdown()
            if not left:
                raise
    yield cluster
    cluster.shutdown()
