"""`frill demo`: fits the tasks' probes, then serves the page until it is interrupted."""

import json
from pathlib import Path

import numpy as np

from frill import params as parameters
from frill.demo.probes import Listener, fit_tasks
from frill.demo.server import Server
from frill.embed_files import load
from frill.errors import UserError
from frill.params import Params

FRONTIER = Path("results/frontier.json")


def run(model: Path | None, port: int) -> int:
    params = parameters.load()
    server = serve(model or selected_model(), port, params)
    try:
        print(f"{server.url} listens on this machine only; Ctrl-C ends it", flush=True)
        server.serve_forever()
    except KeyboardInterrupt:
        print()
    finally:
        server.server_close()
    return 0


def selected_model() -> Path:
    """The file that was scored, so that what scoring kept of it is found; the released one differs by its metadata. Raises UserError."""
    if not FRONTIER.exists():
        raise UserError(f"{FRONTIER}: not there yet; run `make repro`, or name a file by --model")
    frontier = json.loads(FRONTIER.read_text())
    if frontier["selected"] is None:
        raise UserError(f"{frontier['reason']}; or name a file by --model")
    return Path("models/tflite", frontier["selected"], "model.tflite")


def serve(model: Path, port: int, params: Params) -> Server:
    """A server that is ready to answer. Raises UserError for a model, a task or a port that cannot be used."""
    embedder = load(model)
    listener = Listener(embedder, fit_tasks(model, embedder, params), params.noss.pooling)
    listener.shares(listener.embed(np.zeros(48000, np.float32), 48000))  # the first call of anything is slow
    about = {
        "model": str(model),
        "values": embedder.values,
        "synthetic": params.synthetic,
        "tasks": {probe.task: {"labels": len(probe.labels), "test_accuracy": probe.test_accuracy} for probe in listener.probes},
    }
    try:
        return Server(listener, about, port)
    except (OSError, OverflowError) as error:
        raise UserError(f"--port = {port}: cannot be listened on ({error}); take another, or 0 for a free one") from None
