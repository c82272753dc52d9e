"""Open MLflow's page at the table of students, with their axes and metrics."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
import webbrowser
from argparse import ArgumentParser
from pathlib import Path

from frill.errors import UserError

LOG = Path("logs/ui.log")
FIRST_PORT = 5000  # MLflow's own
PORTS = 100
WAIT_S = 300  # MLflow's first start on a slow disk


def add_arguments(parser: ArgumentParser) -> None:
    port = "of 127.0.0.1; without it the first that is free from 5000 on"
    parser.add_argument("--port", type=int, help=port)
    preset = "show the students of presets/PRESET.yaml"
    parser.add_argument("--preset", help=preset)


def run(port: int | None, preset: str | None) -> int:
    from frill.tracking import store
    from frill.tracking.view import make_address
    from frill.workflow import presets

    tracking = presets.load(preset).tracking
    target = store.find_target(tracking)
    try:
        experiment_id = store.find_experiment_id(target)
    except store.StoreUnavailable as error:
        raise UserError(f"params.yaml: tracking.uri = {target.uri} is away ({error})") from None
    if experiment_id is None:
        command = f"make repro PRESET={preset}" if preset else "make repro"
        raise UserError(
            f"{target.uri} has no run of the experiment {target.experiment} yet; "
            f"run `{command}` first"
        )
    if store.find_database(target.uri) is None:
        print(make_address(target.uri.rstrip("/") + "/", experiment_id))
        return 0
    port = port or _find_free_port()
    page = f"http://127.0.0.1:{port}/"
    address = make_address(page, experiment_id)
    print(f"{address}\n(MLflow starts; its messages are in {LOG})", flush=True)
    command = [sys.executable, "-m", "mlflow", "ui", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", target.uri]
    LOG.parent.mkdir(exist_ok=True)
    with open(LOG, "w") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, env=os.environ | store.CLIENT_SETTINGS
        )
    try:
        _wait(server, page)
        print("ready, for this machine only; Ctrl-C ends it", flush=True)
        if _has_screen():
            webbrowser.open(address)
        server.wait()
    except KeyboardInterrupt:
        print()
    finally:
        server.terminate()
        server.wait()
    return 0


def _find_free_port() -> int:
    for port in range(FIRST_PORT, FIRST_PORT + PORTS):
        with socket.socket() as tried:
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise UserError(f"none of the ports {FIRST_PORT} to {FIRST_PORT + PORTS - 1} is free")


def _wait(server: subprocess.Popen, page: str) -> None:
    """Wait until the server answers. Raises UserError with its last line if it ends before."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        if server.poll() is not None:
            lines = LOG.read_text(errors="replace").split("\n")
            said = [line for line in lines if line.strip()]
            raise UserError(f"MLflow ended: {said[-1] if said else 'without a word'} (see {LOG})")
        try:
            urllib.request.urlopen(f"{page}health", timeout=2).close()  # noqa: S310 - http
            return
        except OSError:
            time.sleep(0.2)
    raise UserError(f"MLflow does not answer at {page} after {WAIT_S} s; see {LOG}")


def _has_screen() -> bool:
    """Tell whether a browser has a window to open; one in the terminal would be in the way."""
    return sys.platform == "darwin" or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
