"""A tracking server that is killed, or hangs, while `track` writes to it."""

import signal
import sqlite3
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

from cases import said
from disturbed import wait
from mlflow_server import MlflowServer
from pipeline_project import Project


def server_gone_and_back(project: Project, _reference: Project) -> str:
    """Killed in mid-write, then there again; the same for one that hangs and goes on. Every model ends with one finished run."""
    told = []
    for number, back in (
        (signal.SIGKILL, MlflowServer.start),
        (signal.SIGSTOP, lambda server: server.signal(signal.SIGCONT)),
    ):
        with tempfile.TemporaryDirectory() as folder:
            server = MlflowServer(Path(folder))
            project.params["tracking"]["uri"] = server.uri
            project.write()
            log = Path(folder, "track.log")
            with log.open("w") as file:
                track = project.start("python", "stages/track.py", stdout=file)
                wait(lambda server=server: finished(server), "the first run")
                server.signal(number)
                begun = time.monotonic()
                assert track.wait(timeout=300) == 0, log.read_text()
            seconds, text, before = time.monotonic() - begun, log.read_text(), len(finished(server))
            assert "Traceback" not in text and "is away" in text, text
            back(server)
            done = project.run("python", "stages/track.py")
            assert done.returncode == 0 and "Traceback" not in done.stdout, done.stdout
            names = finished(server)
            assert len(names) == len(set(names)) == 6, names
            server.signal(signal.SIGKILL)
            told.append(
                f"{number.name} after {before} of 6 runs: {said(text)!r} after {seconds:.0f} s; then {done.stdout.splitlines()[0]!r}"
            )
    return "; ".join(told)


def finished(server: MlflowServer) -> list[str]:
    with (
        suppress(sqlite3.OperationalError),
        closing(sqlite3.connect(f"file:{server.folder}/store.db?mode=ro", uri=True)) as database,
    ):
        return [
            name for (name,) in database.execute("select name from runs where status = 'FINISHED'")
        ]
    return []  # no tables yet
