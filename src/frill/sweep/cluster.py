"""A Ray cluster as a place where students' stages run.

A stage whose worker dies runs again elsewhere.
"""

import os
import socket
import time
from dataclasses import dataclass, replace

from frill.errors import UserError
from frill.params.schema import Params
from frill.params.sweep import Resources, StageResources
from frill.repro.dvc_stages import DvcStages
from frill.repro.jobs import Ended, Job
from frill.repro.processes import log_path, read_last_lines
from frill.sweep import worker
from frill.sweep.setup import make_setup
from frill.sweep.worker import Setup, Stage
from frill.workflow.stage import record

# Ray reads both when it is imported: it reports to nobody, and leaves environments alone.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
import ray  # noqa: E402

ray.cloudpickle.register_pickle_by_value(worker)
LOOK_AGAIN_S = 30.0  # at the nodes, if nothing was done for so long
ANSWER_S = 5  # how long a machine that has a cluster may take to answer
# The stages of dvc.yaml that belong to one student.
KINDS = frozenset(StageResources.model_fields) - {"others"}


def prepare(
    address: str, jobs: int | None, stages: DvcStages, params: Params
) -> tuple["Cluster", frozenset[str]]:
    """Return the cluster at `address` ("auto": this machine's), and the kinds of stages for it.

    At most `jobs` run there at once; None: as many as it has room for. Raises UserError.
    """
    settings = params.sweep
    remote = stages.find_default_remote() if settings.share == "remote" else None
    stages.pulls = remote is not None
    setup = make_setup(remote)
    connect(address)
    try:
        check_room({kind: settings.resources.find(kind) for kind in sorted(KINDS)})
    except UserError:
        ray.shutdown()
        raise
    print(f"students' stages run on {describe_size()}", flush=True)
    return Cluster(stages, setup, settings.resources, jobs, settings.retries), KINDS


def connect(address: str) -> None:
    """Connect Ray to the cluster at `address`. Raises UserError."""
    try:
        _check_answer(address)
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except Exception as error:  # Ray raises no narrower one
        reason = str(error).strip().partition("\n")[0]
        raise UserError(
            f"--address {address}: no Ray cluster at {address}: {reason}; "
            "`ray start --head` starts one, whose token is needed here (docs/sweep.md, Setting up "
            "a cluster); without an address this machine is used"
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


@dataclass(frozen=True)
class _Try:
    """A job that is on the cluster, for the `number`th time."""

    job: Job
    number: int = 1
    unfit: frozenset[str] = frozenset()  # IDs of nodes that could not run it; it goes to another


@dataclass(frozen=True)
class _Failure:
    """Why a try came to nothing, and whether that was no fault of the stage's own."""

    status: str
    output: str = ""
    again: bool = False
    seconds: float = 0.0


class Cluster:
    """The cluster that Ray is connected to.

    A stage whose worker or process is killed is tried `retries` times more; one that fails by
    itself is not.
    """

    def __init__(
        self,
        stages: DvcStages,
        setup: Setup,
        resources: StageResources,
        jobs: int | None,
        retries: int,
    ):
        self._stages = stages
        self._setup = setup
        self._resources = resources
        self._jobs = jobs
        self._retries = retries
        self._remote = ray.remote(max_retries=0)(worker.run_stage)
        self._shared = ray.put(setup)
        self._running: dict[ray.ObjectRef, _Try] = {}
        self._pushed: set[str] = set()
        self._looked = time.monotonic()

    def has_room(self, job: Job) -> bool:
        """Ray keeps those that no node has room for."""
        return self._jobs is None or len(self._running) < self._jobs

    def start(self, job: Job, workers: int) -> None:
        """Start a job; its worker processes are as many as the CPUs that it asks for."""
        if self._setup.remote:
            missing = self._stages.find_cached_needs(job).keys() - self._pushed
            self._stages.push(sorted(missing))
            self._pushed |= missing
        self._submit(_Try(job))

    def poll(self) -> list[Ended]:
        if not self._running:
            return []
        done, _ = ray.wait(list(self._running), num_returns=len(self._running), timeout=0)
        ended = []
        for reference in done:
            ended += self._take(reference)
        if done:
            self._looked = time.monotonic()
        elif time.monotonic() - self._looked > LOOK_AGAIN_S:
            self._looked = time.monotonic()
            ended += self._give_up()
        return ended

    def stop(self) -> None:
        """End the workers and remove the clones from all nodes, unless something runs there."""
        for reference in self._running:
            ray.cancel(reference, force=True)
        if not self._running:
            self._remove_clones()
        ray.shutdown()

    def _submit(self, attempt: _Try) -> None:
        job = attempt.job
        request = self._resources.find(job.kind)
        if not _find_fitting(request) - attempt.unfit:  # a node that failed is better than none
            attempt = replace(attempt, unfit=frozenset())
        entries = self._stages.find_cached_needs(job)
        stage = Stage(job.name, job.kind, job.name.partition("@")[2], list(entries))
        task = self._remote.options(**_make_options(attempt, request))
        self._running[task.remote(stage, entries, self._shared)] = attempt

    def _take(self, reference: "ray.ObjectRef") -> list[Ended]:
        """Return what became of a try that is over; nothing if there is another."""
        attempt = self._running.pop(reference)
        job = attempt.job
        result = _read_result(reference)
        if isinstance(result, dict) and result["unfit"]:
            attempt = replace(attempt, unfit=attempt.unfit | {result["node_id"]})
            last = result["unfit"].strip().splitlines()[-1]
            result = _Failure(last, result["unfit"], again=True)
        elif isinstance(result, dict) and not result["entry"]:
            result = _Failure("", result["output"], result["killed"], result["seconds"])
        if not isinstance(result, _Failure):
            return [self._succeed(attempt, result)]
        self._log(job, result.output or result.status)
        error = result.status or "\n".join(read_last_lines(job))
        if result.again and attempt.number <= self._retries:
            again = f"tried again ({attempt.number} of {self._retries})"
            print(f"{job.name}: failed: {error.splitlines()[-1]}; {again}", flush=True)
            self._submit(replace(attempt, number=attempt.number + 1))
            return []
        return [Ended(job, "failed", error, result.seconds, log=str(log_path(job)))]

    def _succeed(self, attempt: _Try, result: dict) -> Ended:
        job = attempt.job
        self._log(job, result["output"])
        if result["times"]:
            record(result["times"])
        note = f"on {result['node']}"
        if attempt.number > 1:
            note += f", at try {attempt.number}"
        if result["diverged"]:
            note += ", diverged"
        self._pushed.add(job.name)
        seconds, entry = result["seconds"], result["entry"]
        return Ended(job, "done", "", seconds, note, str(log_path(job)), entry)

    def _give_up(self) -> list[Ended]:
        """Return the jobs whose last node has gone: Ray would wait for one for ever."""
        ended = []
        for reference, attempt in list(self._running.items()):
            request = self._resources.find(attempt.job.kind)
            fitting = _find_fitting(request)
            if fitting - attempt.unfit:
                continue
            del self._running[reference]
            ray.cancel(reference, force=True)
            if fitting:
                self._submit(attempt)
                continue
            missing = f"no node is left that has {_format_request(request)}"
            ended.append(Ended(attempt.job, "failed", missing))
        return ended

    def _log(self, job: Job, output: str) -> None:
        path = log_path(job)
        path.parent.mkdir(exist_ok=True)
        path.write_text(output)

    def _remove_clones(self) -> None:
        clean = ray.remote(num_cpus=0)(worker.clean_up)
        on_node = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        tasks = []
        for node in _list_alive():
            options = {"scheduling_strategy": on_node(node, soft=False)}
            tasks.append(clean.options(**options).remote(self._setup))
        ray.wait(tasks, num_returns=len(tasks), timeout=60)


def _read_result(reference: "ray.ObjectRef") -> dict | _Failure:
    """Return what a worker did; a failure if it or its node died."""
    try:
        return ray.get(reference)
    except ray.exceptions.OutOfMemoryError as error:
        return _Failure("its node ran out of memory", str(error), again=True)
    except ray.exceptions.RayError as error:
        return _Failure("its worker or node died", str(error), again=True)


def _make_options(attempt: _Try, request: Resources) -> dict:
    options = {
        "num_cpus": request.cpus,
        "num_gpus": request.gpus,
        "memory": int(request.memory_gib * 2**30),
        "name": attempt.job.name,
    }
    if attempt.unfit:
        others = f"!in({','.join(sorted(attempt.unfit))})"
        options["label_selector"] = {"ray.io/node-id": others}
    return options


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
