"""`frill sweep`: runs the stale stages of students on a Ray cluster and checks out what they made."""

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
from frill.sweep import graph
from frill.sweep import jobs as cluster
from frill.sweep.jobs import Outcome
from frill.sweep.worker import SUM_ORDER, Setup, environment
from frill.workflow import dvc_project
from frill.workflow.stage import record

LOGS = Path("logs/sweep")
LOCKS = ("dvc.lock", "track/dvc.lock")  # the second has no stage of a student's


def run(address: str | None, jobs: int | None) -> int:
    """Returns 1 if a stage failed; what the others made is there all the same."""
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs {jobs}: must be 1 or more")
    params = load_params()
    settings = params.sweep
    refuse_uncommitted()
    commit = _git("rev-parse", "HEAD")
    remote = graph.default_remote() if settings.share == "remote" else None
    project = graph.read(list(params.students))
    _dvc(["repro", *project.upstream], "what students depend on failed: correct it and sweep again")
    chains = graph.stale(project)
    if not chains:
        print("Every student's stages are up to date: nothing to sweep.")
        return 0
    if remote:
        _dvc(
            ["push", *graph.made_here(chains)],
            f"the remote {remote[0]} did not take what workers need",
        )
    kinds = {stage.kind for chain in chains.values() for stage in chain}
    requests = {kind: getattr(settings.resources, kind, Resources()) for kind in sorted(kinds)}
    refuse_changes_since(commit)
    outcomes = _on_the_cluster(
        address, chains, _setup(remote, commit), requests, jobs, settings.retries
    )
    _keep_logs(outcomes)
    print(f"\n{table(outcomes)}\n", flush=True)
    refuse_changes_since(commit)
    if made := [outcome.stage.name for outcome in outcomes if outcome.entry]:
        pull = ["--pull"] if remote else []
        _dvc(
            ["repro", "--single-item", *pull, *made],
            "what the sweep made could not be checked out",
            quiet=True,
        )
    print(closing(outcomes))
    return 0 if all(outcome.entry for outcome in outcomes) else 1


def refuse_uncommitted() -> None:
    """Clones hold what is committed; of dvc.lock alone the entries are sent. Raises UserError that names the files."""
    if _git("rev-parse", "--show-prefix"):
        raise UserError(
            "the project is not the top folder of its git repository; workers clone the repository and look for dvc.yaml at its top"
        )
    changed = [
        line[3:]
        for line in _git("status", "--porcelain", strip=False).splitlines()
        if line[3:] not in LOCKS
    ]
    if changed:
        named = ", ".join(changed[:5]) + (
            f" and {len(changed) - 5} more" if len(changed) > 5 else ""
        )
        raise UserError(
            f"not committed: {named}; workers clone the last commit and would run without: commit, stash or ignore it, then sweep"
        )


def refuse_changes_since(commit: str) -> None:
    """Of what students are made by: nodes have the commit, and checking out would train here, one after the other, what the workspace asks for.

    Raises UserError that names the files.
    """
    changed = _git(
        "diff",
        "--name-only",
        commit,
        "--",
        "params.yaml",
        "dvc.yaml",
        "src",
        "stages",
        "requirements.lock",
    ).split("\n")
    if any(changed):
        step = "what was made is in the cache: commit or undo the change, then sweep again"
        raise UserError(f"changed since the sweep began: {', '.join(changed)}; {step}")


def table(outcomes: list[Outcome]) -> str:
    """Student, stage, worker, seconds, status."""
    rows = [("student", "stage", "worker", "seconds", "status")]
    rows += [
        (
            o.stage.student,
            o.stage.kind,
            o.node or "-",
            f"{o.seconds:.1f}" if o.node else "-",
            o.status,
        )
        for o in _in_order(outcomes)
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join([*(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)), row[4]])
        for row in rows
    )


def closing(outcomes: list[Outcome]) -> str:
    """What is to be done next; names students that failed or diverged."""
    lines = []
    if failed := [o for o in outcomes if o.status.startswith("failed")]:
        logs = ", ".join(str(_log(outcome)) for outcome in failed)
        lines.append(
            f"Failed: {', '.join(outcome.stage.student for outcome in failed)}. What they printed: {logs}"
        )
        lines.append(
            "The frontier waits for all students: mend the cause, or delete the student in params.yaml."
        )
    if diverged := sorted({o.stage.student for o in outcomes if o.status.startswith("diverged")}):
        lines.append(f"Diverged: {', '.join(diverged)}; recorded as such, off the frontier.")
    again = ", and tries again what failed" if failed else ""
    return "\n".join([*lines, f"Next: `make repro` runs the rest here, latencies first{again}."])


def _on_the_cluster(
    address: str | None,
    chains: dict,
    setup: Setup,
    requests: dict[str, Resources],
    jobs: int | None,
    retries: int,
) -> list[Outcome]:
    stages, lock = (
        sum(map(len, chains.values())),
        yaml.safe_load(Path("dvc.lock").read_text())["stages"],
    )
    cluster.connect(address)
    try:
        cluster.check_room(requests)
        print(f"sweep: {stages} stages of {len(chains)} students on {cluster.size()}", flush=True)
        outcomes = _told(cluster.run(chains, lock, setup, requests, jobs, retries), stages)
        cluster.clean_up(setup)
        return outcomes
    except KeyboardInterrupt:
        print(
            "\ninterrupted; what was done is kept: sweep again to go on from there", file=sys.stderr
        )
        raise
    finally:
        cluster.ray.shutdown()


def _told(events: Iterator[Outcome | str], stages: int) -> list[Outcome]:
    """The outcomes; each event is told as it comes, above a bar on a terminal."""
    outcomes: list[Outcome] = []
    with (
        progress(range(stages), "sweep", stages, "stage")
        if sys.stderr.isatty()
        else nullcontext() as bar
    ):
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


def _setup(remote: tuple[str, str] | None, commit: str) -> Setup:
    root = Path.cwd()
    where = text_hash(socket.gethostname(), str(root))[:8]
    local = Path(".dvc/config.local")
    with tempfile.TemporaryDirectory() as folder:
        _git("clone", "--quiet", "--bare", "--depth", "1", root.as_uri(), folder)
        tar = BytesIO()
        with tarfile.open(fileobj=tar, mode="w") as archive:
            archive.add(folder, ".")
    return Setup(
        name=f"frill-sweep-{os.getuid()}-{where}-{commit[:12]}",
        repository=tar.getvalue(),
        cache=None if remote else str(dvc_project.find_cache()),
        remote=remote,
        config=local.read_text() if local.exists() else "",
        environment={name: os.environ[name] for name in SUM_ORDER if name in os.environ},
    )


def _keep_logs(outcomes: list[Outcome]) -> None:
    """What stages printed, in LOGS; how long they took, where the report looks for it."""
    LOGS.mkdir(parents=True, exist_ok=True)
    for outcome in outcomes:
        _log(outcome).write_text(outcome.output or f"{outcome.status}\n")
        if outcome.times:
            record(outcome.times)


def _log(outcome: Outcome) -> Path:
    return LOGS / f"{outcome.stage.name}.log"


def _in_order(outcomes: list[Outcome]) -> list[Outcome]:
    """By student, as they were first heard of, each one's stages together."""
    students = list(dict.fromkeys(outcome.stage.student for outcome in outcomes))
    return sorted(outcomes, key=lambda outcome: students.index(outcome.stage.student))


def _dvc(arguments: list[str], failure: str, quiet: bool = False) -> None:
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} if quiet else {}
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(
        command, env=environment(Path.cwd()), text=True, errors="replace", **streams
    )
    if done.returncode:
        raise UserError("\n".join([*(done.stdout or "").splitlines()[-5:], failure]))


def _git(*arguments: str, strip: bool = True) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise UserError(
            f"git {arguments[0]}: {done.stderr.strip()}; a sweep needs the project to be a git checkout with a commit"
        )
    return done.stdout.strip() if strip else done.stdout
