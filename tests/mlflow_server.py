"""A real `mlflow server` that a test may stop, kill and start again on the same store."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class MlflowServer:
    def __init__(self, folder: Path):
        self.folder = folder
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        """Start it and return when it answers."""
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
        command += ["--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--backend-store-uri", f"sqlite:///{self.folder}/store.db"]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        log = self.folder / "log"
        with log.open("a") as file:
            self._running = subprocess.Popen(
                command, cwd=self.folder, stdout=file, stderr=file, start_new_session=True
            )
        deadline = time.monotonic() + 400
        while True:
            try:
                urllib.request.urlopen(f"{self.uri}/health", timeout=2).close()
                break
            except OSError:
                assert self._running.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.3)

    def signal(self, number: signal.Signals) -> None:
        """Signal it and its workers. SIGSTOP: a server that hangs; SIGKILL: one that is gone."""
        os.killpg(self._running.pid, number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            self._running.wait()
