"""Speed of scoring, against LiteRT's own pace and plain scikit-learn; ratios of one run.

    make repro && python benchmarks/evaluate.py [--model models/tflite/small_100/model.tflite] \\
        [--tasks data/task] [--clips 1000 10000 100000]

embedding   frill.noss.embed over all clips of all tasks, on every core. Ceiling: as many threads
            that do nothing but call LiteRT's invoke on windows that lie in memory. The file is
            fixed at batch 1, so both run one interpreter a core; XNNPACK takes over all of a
            float32 student's operations. "first" is the first model of a corpus, which pays for
            the log-mel too; all later ones read it.
probes      the same standardised features, strengths and splits through scikit-learn's
            RidgeClassifier and LinearDiscriminantAnalysis, one fit a strength
growth      ridge and LDA at every strength on random embeddings of 2,048 values, and the memory
            they take beside the embeddings themselves
"""

import argparse
import os
import resource
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import RidgeClassifier
from sklearn.preprocessing import StandardScaler

from frill.audio.clips import ClipStore
from frill.noss import embed, log_mels
from frill.noss.log_mels import LogMels
from frill.noss.probes import LDA_SHRINKAGES, PROBES, RIDGE_STRENGTHS
from frill.noss.score import best_probe
from frill.noss.splits import Split, make_splits
from frill.workers import count_workers

CORES = count_workers()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, default=Path("models/tflite/small_100/model.tflite"))
    parser.add_argument("--tasks", type=Path, default=Path("data/task"))
    parser.add_argument("--clips", type=int, nargs="*", default=[1000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    for path in (arguments.model, arguments.tasks):
        if not path.exists():
            parser.error(f"{path} is not there; run `make repro` first, or name another")
    stores = [ClipStore(path) for path in sorted(arguments.tasks.iterdir())]
    with tempfile.TemporaryDirectory() as scratch:
        embed.FOLDER = Path(scratch, "embeddings")
        log_mels.FOLDER = Path(scratch, "log_mel")
        time_embedding(arguments.model, stores, arguments.rounds)
        embeddings = [embed.embed_tflite(arguments.model, store, "mean") for store in stores]
        time_probes(embeddings, stores)
    for clips in arguments.clips:
        grow(clips)


def time_embedding(model: Path, stores: list[ClipStore], rounds: int) -> None:
    first_s = seconds(lambda: embed_all(model, stores))
    times = {"later": [], "ceiling": []}
    for _ in range(rounds):
        times["later"].append(seconds(lambda: embed_all(model, stores)))
        times["ceiling"].append(invoke_all(model, stores))
    later_s = float(np.median(times["later"]))
    ceiling_s = float(np.median(times["ceiling"]))
    windows = count_windows(stores)
    ratio = float(np.median(np.array(times["ceiling"]) / times["later"]))
    print(
        f"embedding {sum(map(len, stores))} clips, {windows} windows, {CORES} cores: "
        f"first {first_s:.1f} s, later {later_s:.1f} s, LiteRT alone {ceiling_s:.1f} s"
    )
    print(f"  {windows / later_s:.0f} windows/s of LiteRT's {windows / ceiling_s:.0f}: {ratio:.0%}")


def count_windows(stores: list[ClipStore]) -> int:
    windows = 0
    for store in stores:
        clips = LogMels(store)
        windows += sum(len(clips.windows(index)) for index in range(len(clips)))
    return windows


def embed_all(model: Path, stores: list[ClipStore]) -> None:
    shutil.rmtree(embed.FOLDER, ignore_errors=True)
    for store in stores:
        embed.embed_tflite(model, store, "mean")


def invoke_all(model: Path, stores: list[ClipStore]) -> float:
    """Return the seconds that LiteRT takes for the same number of windows and nothing else."""
    window = np.ascontiguousarray(LogMels(stores[0]).windows(0)[0])
    count = count_windows(stores)
    interpreters = [Interpreter(model_path=str(model), num_threads=1) for _ in range(CORES)]

    def run(interpreter: Interpreter) -> None:
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], window[None, ..., None])
        for _ in range(count // CORES):
            interpreter.invoke()

    with ThreadPoolExecutor(CORES) as pool:
        return seconds(lambda: list(pool.map(run, interpreters)))


def time_probes(embeddings: list[np.ndarray], stores: list[ClipStore]) -> None:
    own_s = 0.0
    sklearn_s = 0.0
    accuracies = {"frill": [], "scikit-learn": []}
    for x, store in zip(embeddings, stores, strict=True):
        labels = np.array([row["label"] for row in store.rows])
        names, y = np.unique(labels, return_inverse=True)
        split = make_splits(store.rows, 0.2, 17)[0]  # of folds the first: sklearn takes minutes
        start = time.perf_counter()
        _, scores = best_probe(x, y, split, len(names), ["ridge", "lda"])
        middle = time.perf_counter()
        predicted = predict_by_sklearn(x, y, split)
        own_s += middle - start
        sklearn_s += time.perf_counter() - middle
        accuracies["frill"].append(np.mean(scores["test"].argmax(axis=1) == y[split.test]))
        accuracies["scikit-learn"].append(np.mean(predicted == y[split.test]))
    strengths = f"{len(RIDGE_STRENGTHS)} + {len(LDA_SHRINKAGES)} strengths"
    print(
        f"probes, {strengths}, a split of each of {len(stores)} tasks: {own_s:.1f} s, "
        f"scikit-learn {sklearn_s:.1f} s: {sklearn_s / own_s:.1f}x"
    )
    means = [f"{name} {100 * np.mean(values):.2f} %" for name, values in accuracies.items()]
    print(f"  mean test accuracy: {'  '.join(means)}")


def predict_by_sklearn(x: np.ndarray, y: np.ndarray, split: Split) -> np.ndarray:
    """Return test predictions of the setting that is best on validation, one fit a strength."""
    x = x.astype(np.float64)
    scaler = StandardScaler().fit(x[split.train])
    train = scaler.transform(x[split.train])
    validation = scaler.transform(x[split.validation])
    length = np.mean(np.sum(train**2, axis=1))
    models = [RidgeClassifier(strength * length) for strength in RIDGE_STRENGTHS]
    models += [LinearDiscriminantAnalysis("lsqr", shrinkage) for shrinkage in LDA_SHRINKAGES]
    for model in models:
        model.fit(train, y[split.train])
    best = max(models, key=lambda model: model.score(validation, y[split.validation]))
    return best.predict(scaler.transform(x[split.test]))


def grow(clips: int, values: int = 2048, classes: int = 6) -> None:
    """Print time and memory of the probes, in a process of its own: memory is read off its peak."""
    child = os.fork()
    if child == 0:
        rng = np.random.default_rng(0)
        x = np.empty((clips, values), np.float32)
        for start in range(0, clips, 4096):
            block = x[start : start + 4096]
            block[:] = rng.standard_normal(block.shape, np.float32)
        y = rng.integers(0, classes, clips)
        part = np.split(np.arange(clips), [int(0.7 * clips), int(0.8 * clips)])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        taken_s = seconds(lambda: best_probe(x, y, Split(*part), classes, list(PROBES)))
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
        print(
            f"growth: {clips:>7} clips ({x.nbytes / 2**20:.0f} MiB): {taken_s:.1f} s, "
            f"{grown / 2**20:.0f} MiB more ({grown / x.nbytes:.2f} x the embeddings)",
            flush=True,
        )
        os._exit(0)
    os.waitpid(child, 0)


def seconds(function) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
