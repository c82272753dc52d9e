"""Runs students' chains of stages on a Ray cluster: as many at once as it has room for, each again elsewhere when its worker dies."""

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace

from frill.errors import UserError
from frill.params.sweep import Resources
from frill.sweep import worker
from frill.sweep.worker import Setup, Stage

# Ray reads both when it is imported: it reports to nobody, and leaves environments alone.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
import ray  # noqa: E402

ray.cloudpickle.register_pickle_by_value(worker)
LOOK_AGAIN_S = 30.0  # at the nodes, when for so long nothing was done
ANSWER_S = 5  # how long a machine that has a cluster may take to answer
QUIET = {"log_to_driver": False, "logging_level": "ERROR"}


@dataclass(frozen=True)
class Try:
    """A stage that is on the cluster, for the `number`th time."""

    stage: Stage
    number: int = 1
    unfit: frozenset[str] = frozenset()  # IDs of nodes that could not run it; it goes to another


@dataclass(frozen=True)
class Outcome:
    """What became of one stage. `entry` is its new one of dvc.lock, None where it failed."""

    stage: Stage
    status: str
    node: str = ""
    seconds: float = 0.0
    entry: dict | None = None
    output: str = ""
    times: dict | None = None


def connect(address: str | None) -> None:
    """Connect Ray to the cluster at `address`, or without one start Ray on this machine alone.

    "auto" is the cluster that this machine is part of. Raises UserError.
    """
    if address is None:
        _start()
    else:
        _join(address)


def _start() -> None:
    try:
        ray.init(address="local", include_dashboard=False, **QUIET)
    except Exception as error:  # Ray raises no narrower one
        raise UserError(f"sweep: Ray did not start: {_first_line(error)}; try again") from None


def _join(address: str) -> None:
    try:
        _knock(address)
        ray.init(address=address, **QUIET)
    except Exception as error:  # Ray raises no narrower one
        raise UserError(
            f"--address {address}: no Ray cluster at {address}: {_first_line(error)}; "
            "`ray start --head` starts one, whose token is needed here (docs/sweep.md, A cluster); "
            "without an address this machine is used"
        ) from None


def _knock(address: str) -> None:
    """Raise OSError if nobody listens at HOST:PORT: Ray would try for minutes, without a word."""
    host, _, port = address.rpartition(":")
    if port.isdecimal() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_S).close()


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def size() -> str:
    """Of the cluster, in words."""
    nodes = _alive().values()
    cpus, gpus = (sum(node.get(kind, 0) for node in nodes) for kind in ("CPU", "GPU"))
    return f"{len(nodes)} node{'s' * (len(nodes) > 1)} with {cpus:g} CPUs" + (
        f" and {gpus:g} GPUs" if gpus else ""
    )


def check_room(requests: dict[str, Resources]) -> None:
    """Ray would wait for ever for a node that has room. Raises UserError that names the request."""
    for kind, request in requests.items():
        if not _fitting(request):
            having = "; ".join(
                sorted(
                    {
                        _words(n.get("CPU", 0), n.get("GPU", 0), n.get("memory", 0) / 2**30)
                        for n in _alive().values()
                    }
                )
            )
            raise UserError(
                f"params.yaml: sweep.resources.{kind}: {_words(request.cpus, request.gpus, request.memory_gib)}: "
                f"no node of the cluster has that (there are: {having}); lower it, or add a node"
            )


def run(
    chains: dict[str, list[Stage]],
    lock: dict,
    setup: Setup,
    requests: dict[str, Resources],
    jobs: int | None,
    retries: int,
) -> Iterator[Outcome | str]:
    """Runs each student's chain, a stage when the one before it is done; at most `jobs` stages at once, None: as many as the cluster has room for.

    `lock` has dvc.lock's entries and is filled with new ones. Yields what became of every stage, and a line for whoever watches when one is tried again.
    A stage whose worker or process is killed is tried `retries` times more; one that fails by itself is not, and nor are those behind it.
    """
    remote, shared = ray.remote(max_retries=0)(worker.run_stage), ray.put(setup)
    waiting = [Try(chain[0]) for chain in chains.values()]
    behind = {
        stage.name: chain[index + 1 :]
        for chain in chains.values()
        for index, stage in enumerate(chain)
    }
    running: dict[ray.ObjectRef, Try] = {}
    while waiting or running:
        while waiting and len(running) < (jobs or len(chains)):
            attempt = waiting.pop(0)
            stage, request = attempt.stage, requests[attempt.stage.kind]
            if not _fitting(request) - attempt.unfit:  # a node that failed is better than none
                attempt = replace(attempt, unfit=frozenset())
            entries = {name: lock[name] for name in [*stage.needs, stage.name] if name in lock}
            options = {
                "num_cpus": request.cpus,
                "num_gpus": request.gpus,
                "memory": int(request.memory_gib * 2**30),
                "name": stage.name,
            }
            if attempt.unfit:
                options["label_selector"] = {
                    "ray.io/node-id": f"!in({','.join(sorted(attempt.unfit))})"
                }
            running[remote.options(**options).remote(stage, entries, shared)] = attempt
        attempt, outcome, again = _next(running, requests)
        if again and attempt.number <= retries:
            yield f"{attempt.stage.name}: {outcome.status}; tried again ({attempt.number} of {retries})"
            waiting.append(replace(attempt, number=attempt.number + 1))
            continue
        tries = f" (try {attempt.number})" if attempt.number > 1 else ""
        yield replace(outcome, status=outcome.status + tries)
        if outcome.entry is None:
            yield from (
                Outcome(stage, f"not run: {attempt.stage.name} failed")
                for stage in behind[attempt.stage.name]
            )
            continue
        lock[attempt.stage.name] = outcome.entry
        waiting = [
            Try(stage) for stage in behind[attempt.stage.name][:1]
        ] + waiting  # a student begun is finished first


def clean_up(setup: Setup) -> None:
    """Removes the clones from all nodes that are alive."""
    nodes = _alive()
    on = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
    remote = ray.remote(num_cpus=0)(worker.clean_up)
    ray.wait(
        [remote.options(scheduling_strategy=on(node, soft=False)).remote(setup) for node in nodes],
        num_returns=len(nodes),
        timeout=60,
    )


def _next(
    running: dict["ray.ObjectRef", Try], requests: dict[str, Resources]
) -> tuple[Try, Outcome, bool]:
    """The next that is done, taken out of `running`, what became of it, and whether it failed through no fault of its own."""
    while not (done := ray.wait(list(running), timeout=LOOK_AGAIN_S)[0]):
        for reference, attempt in running.items():
            request = requests[attempt.stage.kind]
            if (
                not _fitting(request) - attempt.unfit
            ):  # its nodes are gone: Ray would wait for them for ever
                ray.cancel(reference, force=True)
                missing = f"failed: no node is left that has {_words(request.cpus, request.gpus, request.memory_gib)}"
                return running.pop(reference), Outcome(attempt.stage, missing), bool(attempt.unfit)
    attempt = running.pop(done[0])
    try:
        result = ray.get(done[0])
    except ray.exceptions.RayError as error:
        return attempt, Outcome(attempt.stage, f"failed: {_reason(error)}", output=str(error)), True
    if why := result["unfit"]:
        failed = Outcome(
            attempt.stage, f"failed: {why.strip().splitlines()[-1]}", result["node"], output=why
        )
        return replace(attempt, unfit=attempt.unfit | {result["node_id"]}), failed, True
    if result["entry"]:
        status = (
            "diverged"
            if result["diverged"]
            else "ok"
            if result["ran"]
            else "ok, had been made before"
        )
    else:
        status = f"failed: {_last_line(attempt.stage.name, result['output'])}"
    kept = {key: result[key] for key in ("node", "seconds", "entry", "output", "times")}
    return attempt, Outcome(attempt.stage, status, **kept), result["killed"]


def _reason(error: Exception) -> str:
    if isinstance(error, ray.exceptions.OutOfMemoryError):
        return "its node ran out of memory"
    return "its worker or node died"


def _last_line(stage: str, output: str) -> str:
    """The stage's own last sentence, or else DVC's."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    own = [line.removeprefix(f"{stage}: ") for line in lines if line.startswith(f"{stage}: ")]
    return (
        own
        or [line for line in lines if line.startswith("ERROR")]
        or lines
        or ["it printed nothing"]
    )[-1]


def _alive() -> dict[str, dict]:
    """What each node has, by its ID."""
    return {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}


def _fitting(request: Resources) -> set[str]:
    """IDs of nodes that have what is asked for, free or not."""
    asked = {"CPU": request.cpus, "GPU": request.gpus, "memory": request.memory_gib * 2**30}
    return {
        node
        for node, has in _alive().items()
        if all(has.get(kind, 0) >= amount for kind, amount in asked.items())
    }


def _words(cpus: float, gpus: float, memory_gib: float) -> str:
    return f"cpus {cpus:g}, gpus {gpus:g}, memory_gib {memory_gib:.3g}"
