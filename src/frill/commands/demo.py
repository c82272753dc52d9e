"""Serve a page on this machine: record or drop a clip, see which labels of the tasks its embedding
is nearest to, or what a file of `frill head` makes of it.
"""

from argparse import ArgumentParser
from pathlib import Path

import numpy as np

from frill.commands.embed import load_model
from frill.demo.probes import HeadListener, Listener, fit_tasks
from frill.demo.server import Server
from frill.embed.head import Head
from frill.errors import UserError
from frill.frontier.results import read_frontier
from frill.params.load import load_params
from frill.params.schema import Params

FRONTIER = Path("results/frontier.json")
# What the page says of the figures.
PROBES = (
    "Shares are the probabilities of linear discriminants fitted on each task's clips; they know "
    "no label but the task's, and a sound unlike all its clips gets one too."
)
HEAD = (
    "Shares are the file's own probabilities for the whole recording. Where none reaches its "
    "threshold the answer is unknown; many a strange sound gets a label all the same."
)


def add_arguments(parser: ArgumentParser) -> None:
    model = "a .tflite file of samples or of windows; without it the selected student's"
    parser.add_argument("--model", type=Path, help=model)
    head = "a .tflite file that `frill head` wrote, in the place of the tasks' probes"
    parser.add_argument("--head", type=Path, help=head)
    port = "of 127.0.0.1 (8717); 0 takes a free one"
    parser.add_argument("--port", type=int, default=8717, help=port)


def run(model: Path | None, head: Path | None, port: int) -> int:
    if head is not None and model is not None:
        raise UserError(f"--model {model}: the file of --head holds a model already; leave one out")
    if head is not None:
        server = serve_head(head, port)
    else:
        server = serve(model or find_selected_model(), port, load_params())
    try:
        print(f"{server.url} listens on this machine only; Ctrl-C ends it", flush=True)
        server.serve_forever()
    except KeyboardInterrupt:
        print()
    finally:
        server.server_close()
    return 0


def find_selected_model() -> Path:
    """Return the file that was scored, as scoring kept its embeddings of the tasks' clips.

    The released file has other bytes: it holds metadata. Raises UserError if nothing is selected.
    """
    if not FRONTIER.exists():
        raise UserError(f"{FRONTIER}: not there yet; run `make repro`, or name a file by --model")
    frontier = read_frontier(FRONTIER)
    if frontier.selected is None:
        raise UserError(f"{frontier.reason}; or name a file by --model")
    return Path("models/tflite", frontier.selected, "model.tflite")


def serve(model: Path, port: int, params: Params) -> Server:
    """Return a server that is ready to answer.

    Raises UserError for a model, a task or a port that cannot be used.
    """
    embedder = load_model(model)
    listener = Listener(embedder, fit_tasks(model, embedder, params), params.noss.pooling)
    # The first call of anything is slow.
    listener.find_shares(embedder.embed(np.zeros(48000, np.float32), 48000))
    tasks = {}
    for probe in listener.probes:
        labels = len(probe.labels)
        tasks[probe.task] = {"labels": labels, "test_accuracy": probe.test_accuracy}
    about = {
        "model": str(model),
        "values": embedder.values,
        "synthetic": params.synthetic,
        "tasks": tasks,
        "explains": PROBES,
    }
    return _listen(listener, about, port)


def serve_head(path: Path, port: int) -> Server:
    """Return a server of a file of `frill head`; nothing else of a project is needed.

    Raises UserError for a file or a port that cannot be used.
    """
    try:
        head = Head(path)
    except (OSError, ValueError) as error:
        raise UserError(f"--head: {error}") from None
    listener = HeadListener(head, path.stem)
    listener.embed(np.zeros(48000, np.float32), 48000)
    task = {"labels": len(head.labels), "test_accuracy": head.about.accuracy}
    about = {
        "model": str(path),
        "values": len(head.labels),
        "synthetic": head.about.synthetic,
        "tasks": {path.stem: task},
        "explains": HEAD,
    }
    return _listen(listener, about, port)


def _listen(listener: Listener | HeadListener, about: dict, port: int) -> Server:
    try:
        return Server(listener, about, port)
    except (OSError, OverflowError) as error:
        raise UserError(
            f"--port = {port}: cannot be listened on ({error}); take another, or 0 for a free one"
        ) from None
