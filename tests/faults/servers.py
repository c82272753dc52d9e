"""A tracking server that is killed, or hangs, while `track` writes to it."""

import signal
import sqlite3
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

from cases import find_reason
from disturbed import wait
from mlflow_server import MlflowServer
from pipeline_project import Project


def server_gone_and_back(project: Project, _reference: Project) -> str:
    """Kill the server in mid-write and start it again; then stop and continue another.

    Every model ends with one finished run.
    """
    results = []
    for number in (signal.SIGKILL, signal.SIGSTOP):
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
            seconds = time.monotonic() - begun
            text = log.read_text()
            before = len(finished(server))
            assert "Traceback" not in text, text
            assert "is away" in text, text
            if number == signal.SIGKILL:
                server.start()
            else:
                server.signal(signal.SIGCONT)
            done = project.run("python", "stages/track.py")
            assert done.returncode == 0, done.stdout
            assert "Traceback" not in done.stdout, done.stdout
            names = finished(server)
            assert len(names) == len(set(names)) == 6, names
            server.signal(signal.SIGKILL)
            results.append(
                f"{number.name} after {before} of 6 runs: {find_reason(text)!r} after "
                f"{seconds:.0f} s; then {done.stdout.splitlines()[0]!r}"
            )
    return "; ".join(results)


def finished(server: MlflowServer) -> list[str]:
    with (
        suppress(sqlite3.OperationalError),
        closing(sqlite3.connect(f"file:{server.folder}/store.db?mode=ro", uri=True)) as database,
    ):
        rows = database.execute("select name from runs where status = 'FINISHED'")
        return [name for (name,) in rows]
    return []  # no tables yet
