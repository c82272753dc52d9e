"""Speed of distilling on a whole machine: several students side by side, against Keras's fit.

    make repro && python benchmarks/side_by_side.py [--students tiny_050 small_100] \\
        [--processes 2] [--rounds 5] [--seconds 8] [--corpus FOLDER] [--teacher FOLDER]

    frill     as many processes as cores, with a thread each: this package's loop on stored windows
              and 512 projected targets, a student each, as `frill repro` trains them
    keras     the same with model.fit on the same windows and all of the teacher's values
    keras, 1  one process of that with all cores as its threads, as one trains by default

All are of distill.py: the same student, batch, optimizer and oneDNN. Processes live through a run,
configurations take turns round by round. In a turn all processes of one configuration train at
once for so many seconds after a second that does not count; the rest wait. Rates are of the
machine, ratios medians over rounds.
"""

import argparse
import multiprocessing
import os
import tempfile
import time
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from frill import tensorflow_setup
from frill.progress import progress

WARM_UP_S = 1.0  # of every turn: an input pipeline that ran ahead, a processor's caches


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    corpus = Path("data/corpus/speech")
    teacher = Path("models/teacher/saved_model")
    parser.add_argument("--corpus", type=Path, default=corpus, help="a clip store")
    parser.add_argument("--teacher", type=Path, default=teacher, help="a SavedModel like TRILL's")
    parser.add_argument("--output", default="layer19")
    students = ["tiny_050", "small_100"]
    parser.add_argument("--students", nargs="+", default=students, help="BACKBONE_WIDTH")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="default: the cores")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8, help="that count of a turn")
    arguments = parser.parse_args()
    if not (arguments.corpus / "manifest.csv").exists():
        parser.error(f"{arguments.corpus} is no corpus; run `make repro` first, or name one")
    if not (arguments.teacher / "saved_model.pb").exists():
        parser.error(f"{arguments.teacher} is no teacher; run `make repro` first, or name one")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        run(make_stores, arguments.corpus, arguments.teacher, arguments.output, folder)
        for student in arguments.students:
            compare(student, folder, arguments)


def run(function, *arguments) -> None:
    """Run it in a process of its own: what TensorFlow keeps is gone with it."""
    process = CONTEXT.Process(target=function, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)


def make_stores(corpus: Path, teacher: Path, output: str, folder: Path) -> None:
    tensorflow_setup.set_up(os.cpu_count(), 17, onednn=1)
    import distill

    distill.make_stores(corpus, distill.Teacher(teacher, output), 512, folder)


def compare(student: str, folder: Path, arguments: argparse.Namespace) -> None:
    """Time the three configurations with one student and print the rates."""
    single = [Trainer(student, folder, 1) for _ in range(arguments.processes)]
    all_cores = [Trainer(student, folder, os.cpu_count())]
    turns = {"frill": ("frill", single), "keras": ("keras", single)}
    turns["keras, 1"] = ("keras", all_cores)
    rates = {name: [] for name in turns}
    for trainer in single + all_cores:
        trainer.connection.recv()
    for _ in progress(range(arguments.rounds), student, arguments.rounds, "round"):
        for name, (method, trainers) in turns.items():
            rates[name].append(train(method, trainers, arguments.seconds))
    for trainer in single + all_cores:
        trainer.stop()
    print(f"\n{student}, {arguments.processes} processes, {os.cpu_count()} cores")
    print(f"{'':10}{'windows/s':>10}{'frill is':>10}  rounds, windows/s")
    for name, values in rates.items():
        ratio = np.median(np.array(rates["frill"]) / values)
        spread = f"{min(values):.0f} .. {max(values):.0f}"
        print(f"{name:10}{np.median(values):>10.0f}{ratio:>9.2f}x  {spread}")


class Trainer:
    """A process that trains a student with so many threads whenever it is told to."""

    def __init__(self, student: str, folder: Path, threads: int):
        self.connection, other = CONTEXT.Pipe()
        self._process = CONTEXT.Process(target=serve, args=(other, student, folder, threads))
        self._process.start()
        other.close()

    def stop(self) -> None:
        self.connection.close()
        self._process.join()


def train(method: str, trainers: list[Trainer], seconds: float) -> float:
    """Return the windows that all of them together train on in a second."""
    begin = time.perf_counter() + WARM_UP_S  # the same clock in all processes
    for trainer in trainers:
        trainer.connection.send((method, begin, begin + seconds))
    return sum(trainer.connection.recv() for trainer in trainers)


def serve(connection: Connection, student: str, folder: Path, threads: int) -> None:
    """For every (method, begin, end) train until the end and send windows a second since begin."""
    tensorflow_setup.set_up(threads, 17, onednn=1)
    import distill

    frill = distill.make_frill(student, folder / "projected", folder)
    model, data = distill.make_keras(frill, folder / "full")
    frill.start()

    def train_frill(end: float) -> list[float]:
        ended = []
        with closing(distill.advance(frill, 10**6)) as steps:
            for _ in steps:
                ended.append(time.perf_counter())
                if ended[-1] > end:
                    return ended

    methods = {"frill": train_frill, "keras": lambda end: distill.fit(model, data, 10**6, end)}
    for method in methods.values():
        method(0)  # one step, traced
    connection.send("ready")
    while True:
        try:
            method, begin, end = connection.recv()
        except EOFError:
            return
        counted = [at for at in methods[method](end) if at >= begin]
        batches = (len(counted) - 1) / (counted[-1] - counted[0])
        connection.send(batches * frill.settings.batch_windows)


CONTEXT = multiprocessing.get_context("spawn")  # TensorFlow's threads do not survive a fork

if __name__ == "__main__":
    main()
