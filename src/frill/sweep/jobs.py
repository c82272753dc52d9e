"""Runs students' chains of stages on a Ray cluster, as many at once as it has room for.

A stage whose worker dies runs again elsewhere.
"""

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
LOOK_AGAIN_S = 30.0  # at the nodes, if nothing was done for so long
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
    """What became of one stage. `entry` is its new one of dvc.lock, None if it failed."""

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
    try:
        if address is None:
            ray.init(address="local", include_dashboard=False, **QUIET)
        else:
            _check_answer(address)
            ray.init(address=address, **QUIET)
    except Exception as error:  # Ray raises no narrower one
        reason = str(error).strip().partition("\n")[0]
        if address is None:
            raise UserError(f"sweep: Ray did not start: {reason}; try again") from None
        raise UserError(
            f"--address {address}: no Ray cluster at {address}: {reason}; "
            "`ray start --head` starts one, whose token is needed here (docs/sweep.md, A cluster); "
            "without an address this machine is used"
        ) from None


def _check_answer(address: str) -> None:
    """Raise OSError if nobody listens at HOST:PORT: Ray would try for minutes, without a word."""
    host, _, port = address.rpartition(":")
    if port.isdecimal() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_S).close()


def describe_size() -> str:
    nodes = _list_alive().values()
    plural = "s" if len(nodes) > 1 else ""
    size = f"{len(nodes)} node{plural} with {sum(node.get('CPU', 0) for node in nodes):g} CPUs"
    gpus = sum(node.get("GPU", 0) for node in nodes)
    return f"{size} and {gpus:g} GPUs" if gpus else size


def check_room(requests: dict[str, Resources]) -> None:
    """Raise UserError that names the request if no node has room: Ray would wait for ever."""
    for kind, request in requests.items():
        if _find_fitting(request):
            continue
        nodes = set()
        for has in _list_alive().values():
            cpus, gpus, memory = (has.get(each, 0) for each in ("CPU", "GPU", "memory"))
            nodes.add(_format_resources(cpus, gpus, memory / 2**30))
        raise UserError(
            f"params.yaml: sweep.resources.{kind}: {_format_request(request)}: no node of the "
            f"cluster has that (there are: {'; '.join(sorted(nodes))}); lower it, or add a node"
        )


def run(
    chains: dict[str, list[Stage]],
    lock: dict,
    setup: Setup,
    requests: dict[str, Resources],
    jobs: int | None,
    retries: int,
) -> Iterator[Outcome | str]:
    """Run each student's chain, a stage when the one before it is done.

    At most `jobs` stages run at once; None: as many as the cluster has room for. `lock` has
    dvc.lock's entries and is filled with new ones. Yields what became of every stage, and a line
    for whoever watches when one is tried again. A stage whose worker or process is killed is tried
    `retries` times more; one that fails by itself is not, and nor are those behind it.
    """
    remote = ray.remote(max_retries=0)(worker.run_stage)
    shared = ray.put(setup)
    waiting = [Try(chain[0]) for chain in chains.values()]
    behind = {}
    for chain in chains.values():
        for index, stage in enumerate(chain):
            behind[stage.name] = chain[index + 1 :]
    running: dict[ray.ObjectRef, Try] = {}
    while waiting or running:
        while waiting and len(running) < (jobs or len(chains)):
            attempt = waiting.pop(0)
            stage = attempt.stage
            request = requests[stage.kind]
            if not _find_fitting(request) - attempt.unfit:  # a node that failed is better than none
                attempt = replace(attempt, unfit=frozenset())
            entries = {name: lock[name] for name in [*stage.needs, stage.name] if name in lock}
            task = remote.options(**_make_options(attempt, request))
            running[task.remote(stage, entries, shared)] = attempt
        attempt, outcome, again = _wait_for_next(running, requests)
        name = attempt.stage.name
        if again and attempt.number <= retries:
            yield f"{name}: {outcome.status}; tried again ({attempt.number} of {retries})"
            waiting.append(replace(attempt, number=attempt.number + 1))
            continue
        if attempt.number > 1:
            outcome = replace(outcome, status=f"{outcome.status} (try {attempt.number})")
        yield outcome
        if outcome.entry is None:
            for stage in behind[name]:
                yield Outcome(stage, f"not run: {name} failed")
        else:
            lock[name] = outcome.entry
            # A student that is begun is finished first.
            waiting = [Try(stage) for stage in behind[name][:1]] + waiting


def clean_up(setup: Setup) -> None:
    """Remove the clones from all nodes that are alive."""
    clean = ray.remote(num_cpus=0)(worker.clean_up)
    on_node = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
    tasks = []
    for node in _list_alive():
        tasks.append(clean.options(scheduling_strategy=on_node(node, soft=False)).remote(setup))
    ray.wait(tasks, num_returns=len(tasks), timeout=60)


def _make_options(attempt: Try, request: Resources) -> dict:
    options = {
        "num_cpus": request.cpus,
        "num_gpus": request.gpus,
        "memory": int(request.memory_gib * 2**30),
        "name": attempt.stage.name,
    }
    if attempt.unfit:
        others = f"!in({','.join(sorted(attempt.unfit))})"
        options["label_selector"] = {"ray.io/node-id": others}
    return options


def _wait_for_next(
    running: dict["ray.ObjectRef", Try], requests: dict[str, Resources]
) -> tuple[Try, Outcome, bool]:
    """Take the next that is done out of `running`.

    Returns it, what became of it, and whether it failed through no fault of its own.
    """
    while not (done := ray.wait(list(running), timeout=LOOK_AGAIN_S)[0]):
        for reference, attempt in running.items():
            request = requests[attempt.stage.kind]
            if not _find_fitting(request) - attempt.unfit:  # Ray would wait for its nodes for ever
                ray.cancel(reference, force=True)
                status = f"failed: no node is left that has {_format_request(request)}"
                return running.pop(reference), Outcome(attempt.stage, status), bool(attempt.unfit)
    attempt = running.pop(done[0])
    stage = attempt.stage
    try:
        result = ray.get(done[0])
    except ray.exceptions.RayError as error:
        why = "its worker or node died"
        if isinstance(error, ray.exceptions.OutOfMemoryError):
            why = "its node ran out of memory"
        return attempt, Outcome(stage, f"failed: {why}", output=str(error)), True
    if why := result["unfit"]:
        status = f"failed: {why.strip().splitlines()[-1]}"
        outcome = Outcome(stage, status, result["node"], output=why)
        return replace(attempt, unfit=attempt.unfit | {result["node_id"]}), outcome, True
    if not result["entry"]:
        status = f"failed: {_find_last_sentence(stage.name, result['output'])}"
    elif result["diverged"]:
        status = "diverged"
    else:
        status = "ok" if result["ran"] else "ok, had been made before"
    kept = {key: result[key] for key in ("node", "seconds", "entry", "output", "times")}
    return attempt, Outcome(stage, status, **kept), result["killed"]


def _find_last_sentence(stage: str, output: str) -> str:
    """Return the stage's own last sentence, or else DVC's."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    own = [line.removeprefix(f"{stage}: ") for line in lines if line.startswith(f"{stage}: ")]
    dvcs = [line for line in lines if line.startswith("ERROR")]
    return (own or dvcs or lines or ["it printed nothing"])[-1]


def _list_alive() -> dict[str, dict]:
    """Return what each node that is alive has, by its ID."""
    return {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}


def _find_fitting(request: Resources) -> set[str]:
    """Return the IDs of nodes that have what is asked for, free or not."""
    asked = {"CPU": request.cpus, "GPU": request.gpus, "memory": request.memory_gib * 2**30}
    fitting = set()
    for node, has in _list_alive().items():
        if all(has.get(kind, 0) >= amount for kind, amount in asked.items()):
            fitting.add(node)
    return fitting


def _format_request(request: Resources) -> str:
    return _format_resources(request.cpus, request.gpus, request.memory_gib)


def _format_resources(cpus: float, gpus: float, memory_gib: float) -> str:
    return f"cpus {cpus:g}, gpus {gpus:g}, memory_gib {memory_gib:.3g}"
