"""Runs the stale stages of students on a Ray cluster and checks out what they made."""

import os
import socket
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from io import BytesIO
from pathlib import Path

import yaml
from tqdm import tqdm

from frill.errors import UserError
from frill.params.load import load_params
from frill.params.sweep import Resources
from frill.progress import progress
from frill.scratch import text_hash
from frill.sweep import graph, guard
from frill.sweep import jobs as cluster
from frill.sweep.jobs import Outcome
from frill.sweep.worker import SUM_ORDER, Setup, build_environment
from frill.workflow import dvc_project
from frill.workflow.stage import record
from frill.workflow.subcommand import git

LOGS = Path("logs/sweep")
LOCKS = ("dvc.lock", "track/dvc.lock")  # the second has no stage of a student's
SHAPED_BY = ("params.yaml", "dvc.yaml", "src", "stages", "requirements.lock")
NAMED = 5  # files, in a message


def run(address: str | None, jobs: int | None) -> int:
    """Return 1 if a stage failed; what the others made is there all the same."""
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs {jobs}: must be 1 or more")
    params = load_params()
    settings = params.sweep
    refuse_uncommitted()
    commit = git("rev-parse", "HEAD")
    remote = graph.find_default_remote() if settings.share == "remote" else None
    project = graph.read(params.students)
    _dvc(["repro", *project.upstream], "what students depend on failed: correct it and sweep again")
    chains = graph.find_stale(project)
    if not chains:
        print("Every student's stages are up to date: nothing to sweep.")
        return 0
    if remote:
        refused = f"the remote {remote[0]} did not take what workers need"
        _dvc(["push", *graph.list_needs(chains)], refused)
    kinds = {stage.kind for chain in chains.values() for stage in chain}
    requests = {kind: getattr(settings.resources, kind, Resources()) for kind in sorted(kinds)}
    refuse_changes_since(commit)
    setup = _make_setup(remote, commit)
    outcomes = _run_on_cluster(address, chains, setup, requests, jobs, settings.retries)
    _keep_logs(outcomes)
    print(f"\n{format_table(outcomes)}\n", flush=True)
    refuse_changes_since(commit)
    if made := [outcome.stage.name for outcome in outcomes if outcome.entry]:
        pull = ["--pull"] if remote else []
        failure = "what the sweep made could not be checked out"
        _dvc(["repro", "--single-item", *pull, *made], failure, quiet=True)
    print(summarise(outcomes))
    return 0 if all(outcome.entry for outcome in outcomes) else 1


def refuse_uncommitted() -> None:
    """Raise UserError that names the files which are not committed: clones would not have them.

    dvc.lock may differ: its entries are sent.
    """
    if git("rev-parse", "--show-prefix"):
        raise UserError(
            "the project is not the top folder of its git repository; "
            "workers clone the repository and look for dvc.yaml at its top"
        )
    status = git("status", "--porcelain")
    changed = [line[3:] for line in status.splitlines() if line[3:] not in LOCKS]
    if changed:
        named = ", ".join(changed[:NAMED])
        if len(changed) > NAMED:
            named += f" and {len(changed) - NAMED} more"
        raise UserError(
            f"not committed: {named}; workers clone the last commit and would run without: "
            "commit, stash or ignore it, then sweep"
        )


def refuse_changes_since(commit: str) -> None:
    """Raise UserError that names the changed files of those that students are made by.

    Nodes have the commit. Checking out would train here, one after the other, what the workspace
    asks for.
    """
    changed = git("diff", "--name-only", commit, "--", *SHAPED_BY).splitlines()
    if changed:
        step = "what was made is in the cache: commit or undo the change, then sweep again"
        raise UserError(f"changed since the sweep began: {', '.join(changed)}; {step}")


def format_table(outcomes: list[Outcome]) -> str:
    """Return student, stage, worker, seconds and status, each student's stages together."""
    students = list(dict.fromkeys(outcome.stage.student for outcome in outcomes))
    rows = [("student", "stage", "worker", "seconds", "status")]
    for outcome in sorted(outcomes, key=lambda outcome: students.index(outcome.stage.student)):
        seconds = f"{outcome.seconds:.1f}" if outcome.node else "-"
        stage = outcome.stage
        rows.append((stage.student, stage.kind, outcome.node or "-", seconds, outcome.status))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths[-1] = 0
    lines = []
    for row in rows:
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells))
    return "\n".join(lines)


def summarise(outcomes: list[Outcome]) -> str:
    """Return who failed or diverged, and what is to be done next."""
    lines = []
    failed = [outcome for outcome in outcomes if outcome.status.startswith("failed")]
    if failed:
        students = ", ".join(outcome.stage.student for outcome in failed)
        logs = ", ".join(str(_log_path(outcome)) for outcome in failed)
        lines.append(f"Failed: {students}. What they printed: {logs}")
        lines.append(
            "The frontier waits for all students: mend the cause, or delete the student in "
            "params.yaml."
        )
    if diverged := {o.stage.student for o in outcomes if o.status.startswith("diverged")}:
        students = ", ".join(sorted(diverged))
        lines.append(f"Diverged: {students}; recorded as such, off the frontier.")
    again = ", and tries again what failed" if failed else ""
    lines.append(f"Next: `make repro` runs the rest here, latencies first{again}.")
    return "\n".join(lines)


def _run_on_cluster(
    address: str | None,
    chains: dict,
    setup: Setup,
    requests: dict[str, Resources],
    jobs: int | None,
    retries: int,
) -> list[Outcome]:
    stages = sum(map(len, chains.values()))
    lock = yaml.safe_load(Path("dvc.lock").read_text())["stages"]
    cluster.connect(address)
    try:
        cluster.check_room(requests)
        size = cluster.describe_size()
        print(f"sweep: {stages} stages of {len(chains)} students on {size}", flush=True)
        events = cluster.run(chains, lock, setup, requests, jobs, retries)
        outcomes = _tell(events, stages)
        cluster.clean_up(setup)
        return outcomes
    except KeyboardInterrupt:
        print(
            "\ninterrupted; what was done is kept: sweep again to go on from there", file=sys.stderr
        )
        raise
    finally:
        cluster.ray.shutdown()


def _tell(events: Iterator[Outcome | str], stages: int) -> list[Outcome]:
    """Return the outcomes; print each event as it comes, above a bar on a terminal."""
    outcomes: list[Outcome] = []
    on_terminal = sys.stderr.isatty()
    with progress(range(stages), "sweep", stages, "stage") if on_terminal else nullcontext() as bar:
        for event in events:
            if isinstance(event, Outcome):
                outcomes.append(event)
                where = f" ({event.seconds:.0f} s on {event.node})" if event.node else ""
                event = f"{event.stage.name}: {event.status}{where}, {len(outcomes)} of {stages}"
                if bar is not None:
                    bar.update()
            tqdm.write(event)
            sys.stdout.flush()
    return outcomes


def _make_setup(remote: tuple[str, str] | None, commit: str) -> Setup:
    root = Path.cwd()
    project = text_hash(socket.gethostname(), str(root))[:8]
    cache = None if remote else str(dvc_project.find_cache())
    config = Path(".dvc/config.local")
    tar = BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        git("clone", "--quiet", "--bare", "--depth", "1", root.as_uri(), folder)
        with tarfile.open(fileobj=tar, mode="w") as archive:
            archive.add(folder, ".")
    return Setup(
        name=f"frill-sweep-{os.getuid()}-{project}-{commit[:12]}",
        repository=tar.getvalue(),
        cache=cache,
        remote=remote,
        config=config.read_text() if config.exists() else "",
        environment={name: os.environ[name] for name in SUM_ORDER if name in os.environ},
        guard=Path(guard.__file__).read_text(),
    )


def _keep_logs(outcomes: list[Outcome]) -> None:
    """Write what stages printed to LOGS, and how long they took to the log of times."""
    LOGS.mkdir(parents=True, exist_ok=True)
    for outcome in outcomes:
        _log_path(outcome).write_text(outcome.output or f"{outcome.status}\n")
        if outcome.times:
            record(outcome.times)


def _log_path(outcome: Outcome) -> Path:
    return LOGS / f"{outcome.stage.name}.log"


def _dvc(arguments: list[str], failure: str, quiet: bool = False) -> None:
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} if quiet else {}
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        env=build_environment(Path.cwd()),
        text=True,
        errors="replace",
        **streams,
    )
    if done.returncode:
        printed = (done.stdout or "").splitlines()
        raise UserError("\n".join([*printed[-5:], failure]))
