"""Runs students' chains of stages on a Ray cluster: as many at once as it has room for, each again elsewhere when its worker dies."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

from frill.errors import UserError
from frill.params import Resources
from frill.sweep import worker
from frill.sweep.worker import Setup, Stage

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster started here reports to nobody
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
import ray  # noqa: E402

ray.cloudpickle.register_pickle_by_value(worker)


@dataclass(frozen=True)
class Try:
    """A stage that is on the cluster, for the `number`th time."""

    stage: Stage
    number: int = 1


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
    """To the cluster at `address` ("auto": the one this machine is part of), or to one of this machine alone. Raises UserError."""
    options = {} if address else {"include_dashboard": False}
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **options)
    except Exception as error:  # Ray raises that, too
        text = str(error).strip().partition("\n")[0]
        step = "`ray start --head` starts a cluster; without --address this machine alone is used" if address else "try again"
        raise UserError(f"--address {address}: {text}; {step}" if address else f"Ray did not start: {text}; {step}") from None


def size() -> str:
    """Of the cluster, in words."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    cpus, gpus = (sum(node.get(kind, 0) for node in nodes) for kind in ("CPU", "GPU"))
    return f"{len(nodes)} node{'s' * (len(nodes) > 1)} with {cpus:g} CPUs" + (f" and {gpus:g} GPUs" if gpus else "")


def check_room(requests: dict[str, Resources]) -> None:
    """Ray would wait for ever for a node that has room. Raises UserError that names the request."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    for kind, request in requests.items():
        if not any(_has_room(node, request) for node in nodes):
            having = "; ".join(sorted({_words(n.get("CPU", 0), n.get("GPU", 0), n.get("memory", 0) / 2**30) for n in nodes}))
            raise UserError(
                f"params.yaml: sweep.resources.{kind}: {_words(request.cpus, request.gpus, request.memory_gib)}: "
                f"no node of the cluster has that (there are: {having}); lower it, or add a node"
            )


def run(
    chains: dict[str, list[Stage]], lock: dict, setup: Setup, requests: dict[str, Resources], jobs: int | None, retries: int
) -> Iterator[Outcome | str]:
    """Runs each student's chain, a stage when the one before it is done; at most `jobs` stages at once, None: as many as the cluster has room for.

    `lock` has dvc.lock's entries and is filled with new ones. Yields what became of every stage, and a line for whoever watches when one is tried again.
    A stage whose worker or process is killed is tried `retries` times more; one that fails by itself is not, and nor are those behind it.
    """
    remote, shared = ray.remote(max_retries=0)(worker.run_stage), ray.put(setup)
    waiting = [Try(chain[0]) for chain in chains.values()]
    behind = {stage.name: chain[index + 1 :] for chain in chains.values() for index, stage in enumerate(chain)}
    running: dict[ray.ObjectRef, Try] = {}
    while waiting or running:
        while waiting and len(running) < (jobs or len(chains)):
            attempt = waiting.pop(0)
            stage, request = attempt.stage, requests[attempt.stage.kind]
            entries = {name: lock[name] for name in [*stage.needs, stage.name] if name in lock}
            options = {"num_cpus": request.cpus, "num_gpus": request.gpus, "memory": int(request.memory_gib * 2**30), "name": stage.name}
            running[remote.options(**options).remote(stage, entries, shared)] = attempt
        (done,), _ = ray.wait(list(running))
        attempt = running.pop(done)
        outcome, again = _outcome(done, attempt.stage)
        if again and attempt.number <= retries:
            yield f"{attempt.stage.name}: {outcome.status}; tried again ({attempt.number} of {retries})"
            waiting.append(replace(attempt, number=attempt.number + 1))
            continue
        tries = f" (try {attempt.number})" if attempt.number > 1 else ""
        yield replace(outcome, status=outcome.status + tries)
        if outcome.entry is None:
            yield from (Outcome(stage, f"not run: {attempt.stage.name} failed") for stage in behind[attempt.stage.name])
            continue
        lock[attempt.stage.name] = outcome.entry
        waiting = [Try(stage) for stage in behind[attempt.stage.name][:1]] + waiting  # a student begun is finished first


def clean_up(setup: Setup) -> None:
    """Removes the clones from all nodes that are alive."""
    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
    on = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
    remote = ray.remote(num_cpus=0)(worker.clean_up)
    ray.wait([remote.options(scheduling_strategy=on(node, soft=False)).remote(setup) for node in nodes], num_returns=len(nodes), timeout=60)


def _outcome(done: "ray.ObjectRef", stage: Stage) -> tuple[Outcome, bool]:
    """What became of a stage, and whether it failed through no fault of its own."""
    try:
        result = ray.get(done)
    except ray.exceptions.RayTaskError as error:  # an exception of worker.py
        return Outcome(stage, f"failed: {error.cause}", output=str(error)), True
    except ray.exceptions.RayError as error:
        return Outcome(stage, f"failed: {_reason(error)}", output=str(error)), True
    if result["entry"]:
        status = "diverged" if result["diverged"] else "ok" if result["ran"] else "ok, had been made before"
    else:
        status = f"failed: {_last_line(stage.name, result['output'])}"
    kept = {key: result[key] for key in ("node", "seconds", "entry", "output", "times")}
    return Outcome(stage, status, **kept), result["killed"]


def _reason(error: Exception) -> str:
    if isinstance(error, ray.exceptions.OutOfMemoryError):
        return "its node ran out of memory"
    return "its worker or node died"


def _last_line(stage: str, output: str) -> str:
    """The stage's own last sentence, or else DVC's."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    own = [line.removeprefix(f"{stage}: ") for line in lines if line.startswith(f"{stage}: ")]
    return (own or [line for line in lines if line.startswith("ERROR")] or lines or ["it printed nothing"])[-1]


def _has_room(node: dict, request: Resources) -> bool:
    return node.get("CPU", 0) >= request.cpus and node.get("GPU", 0) >= request.gpus and node.get("memory", 0) >= request.memory_gib * 2**30


def _words(cpus: float, gpus: float, memory_gib: float) -> str:
    return f"cpus {cpus:g}, gpus {gpus:g}, memory_gib {memory_gib:.3g}"
