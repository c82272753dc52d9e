"""Maps work over a Ray cluster, where `engine: ray` stands in params.yaml. The results are those of one machine, in order, bit for bit.

Nodes import frill themselves: one with another version of it is refused, as it could compute something else.
"""

import os
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import cache

from frill.errors import UserError
from frill.params import Params
from frill.scratch import PACKAGE, content_hash, text_hash

INSIDE = "FRILL_INSIDE_SWEEP"  # set for stages that run on a cluster already: all of it waiting for room within itself would wait for ever
ANSWER_S = 5
AHEAD = 2  # results computed or on their way for each place on the cluster


def maps_over_cluster(params: Params) -> bool:
    """Whether stages map over Ray."""
    return params.engine == "ray" and INSIDE not in os.environ


def cluster_map(function: Callable, items: Iterable, *shared, cpus: int = 1, gpu: bool = False) -> Iterator:
    """function(item, *shared) of every item, in order; `shared` is sent to each node once. Items are taken as there is room for them.

    `function` is of a module of frill. `gpu`: each call has a GPU of its own, where the cluster has any. Raises UserError.
    """
    ray = _connected()
    resources = ray.cluster_resources()
    gpus = 1 if gpu and resources.get("GPU") else 0
    if not any(node["Alive"] and node["Resources"].get("CPU", 0) >= cpus for node in ray.nodes()):
        raise UserError(
            f"engine: ray: no node of the cluster has {cpus} CPUs, as many as `threads` in params.yaml; add a node, or write engine: processes"
        )
    places = int(resources["GPU"] / gpus if gpus else resources["CPU"] / cpus)
    remote = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=2)(_call)
    sent, code, waiting = [ray.put(value) for value in shared], package_hash(), deque()
    for item in items:
        waiting.append(remote.remote(function, item, code, *sent))
        if len(waiting) >= AHEAD * max(1, places):
            yield _result(ray, waiting.popleft())
    while waiting:
        yield _result(ray, waiting.popleft())


@cache
def package_hash() -> str:
    """Of all of frill's code."""
    return text_hash(*(f"{path.relative_to(PACKAGE)} {content_hash(path)}" for path in sorted(PACKAGE.rglob("*.py"))))


def _call(function: Callable, item, code: str, *shared):
    import ray

    if not ray.get_gpu_ids():
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # Ray shows a call without a GPU all of them
    if package_hash() != code:
        raise UserError("engine: ray: a node of the cluster has another version of frill; check out the same commit there")
    return function(item, *shared)


def _result(ray, reference):
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, UserError):
            raise UserError(str(error.cause)) from None
        raise
    except ray.exceptions.RayError as error:
        raise UserError(f"engine: ray: {str(error).strip().splitlines()[0]}; run the stage again, or write engine: processes") from None


def import_ray():
    """Ray, told before its import to report to nobody and to leave environments alone."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    import ray

    return ray


def connect(setting: str, address: str | None, **options) -> None:
    """Connects Ray to the cluster at `address`, as ray.init takes it. Raises UserError, which begins with the user's `setting`."""
    ray = import_ray()
    host, _, port = (address or "").rpartition(":")
    try:
        if port.isdecimal() and "/" not in host:  # Ray itself goes on trying for minutes, without a word
            socket.create_connection((host.strip("[]"), int(port)), ANSWER_S).close()
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", **options)
    except Exception as error:  # Ray raises that, too
        text = str(error).strip().partition("\n")[0]
        if address in (None, "local"):
            raise UserError(f"{setting}: Ray did not start: {text}; try again") from None
        step = "`ray start --head` starts one, whose token is needed here (docs/sweep.md, A cluster); without an address this machine is used"
        raise UserError(f"{setting}: no Ray cluster at {address}: {text}; {step}") from None


def _connected():
    """Ray, connected to the cluster that this machine is part of or that RAY_ADDRESS names; to one of this machine alone where there is none."""
    try:
        ray = import_ray()
    except ModuleNotFoundError:
        raise UserError("params.yaml: engine = 'ray': Ray is not installed: uv pip install 'frill[sweep]', or write engine: processes") from None
    if not ray.is_initialized():
        connect("engine: ray", os.environ.get("RAY_ADDRESS"))
    return ray
