"""Speed of target extraction, against the teacher's own pace and an eager call a clip.

    make repro && python benchmarks/extract.py [--corpus FOLDER] [--teacher FOLDER] \\
        [--output KEY] [--clips 1000 10000 100000]

ceiling     the teacher alone on clips of one length that lie in memory, its output read back, at
            the best of several batch sizes, which is chosen before the rounds
extraction  frill.targets.make from a clip store to the files students train on: reading, batching,
            teacher, log-mel, projection, writing. The projection is fitted before; that time is
            printed apart, as it is the same for any number of clips
eager       one call of the loaded module for each clip, as the published code does. Every clip has
            another length, for which the module traces anew
growth      the whole of make_targets, the fit included, on generated clips of 1 to 2 s, in a
            process of its own: memory is read off its peak. The teacher is a cheap network with as
            many values (12,288) as the default's: what grows with the clips is this package's

Rates are seconds of audio per second. Methods take turns round by round in one run; ratios are
medians over the rounds.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from frill import tensorflow_setup

tensorflow_setup.set_up(threads=2, seed=17, onednn=1)

import tensorflow as tf  # noqa: E402
import tf_keras as keras  # noqa: E402

from frill.audio.clip_writer import write_clips  # noqa: E402
from frill.audio.clips import Clip, ClipStore  # noqa: E402
from frill.audio.frontend import count_windows  # noqa: E402
from frill.audio.waveform import SAMPLE_RATE_HZ, to_float  # noqa: E402
from frill.params.schema import Targets  # noqa: E402
from frill.targets.make import (  # noqa: E402
    _sample,
    _sample_values,
    _write_split,
    fit_projection,
    make_targets,
)
from frill.targets.store import Projection  # noqa: E402
from frill.targets.windows import Chosen, choose_windows  # noqa: E402
from frill.teacher.saved_model import Teacher, export  # noqa: E402
from frill.workflow.stage import peak_memory_bytes  # noqa: E402

# The default's.
SETTINGS = Targets(windows_per_clip=12, augmented_copies=0, validation_share=0.05, projection=512)
BATCHES = (2, 4, 8, 16, 32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    corpus = Path("data/corpus/speech")
    teacher = Path("models/teacher/saved_model")
    parser.add_argument("--corpus", type=Path, default=corpus, help="a clip store")
    parser.add_argument("--teacher", type=Path, default=teacher, help="a SavedModel")
    parser.add_argument("--output", default="layer19")
    parser.add_argument("--seconds", type=float, default=600.0, help="of audio a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clips", type=int, nargs="*", default=[1000, 10_000, 100_000])
    # Given to the child process of `growth`.
    parser.add_argument("--grow", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.grow:
        return grow(arguments.grow)
    if not (arguments.corpus / "manifest.csv").exists():
        parser.error(f"{arguments.corpus} is no corpus; run `make repro` first, or name one")
    if not (arguments.teacher / "saved_model.pb").exists():
        parser.error(f"{arguments.teacher} is no teacher; run `make repro` first, or name one")
    if arguments.rounds:
        compare(arguments.corpus, Teacher(arguments.teacher, arguments.output), arguments)
    for clips in arguments.clips:
        growth(clips)


def compare(corpus: Path, teacher: Teacher, arguments: argparse.Namespace) -> None:
    chosen = []
    total_s = 0.0
    for clip in choose_windows([corpus], SETTINGS, 17):
        if total_s < arguments.seconds:
            chosen.append(clip)
            total_s += len(clip.samples()) / SAMPLE_RATE_HZ
    projection = fit(chosen, total_s, teacher)
    batch = choose_batch(teacher, make_batches(chosen, total_s / len(chosen)), total_s / 8)
    eager = iter(chosen)
    clips_a_round = min(40, len(chosen) // arguments.rounds)
    rates: dict[str, list[float]] = {"ceiling": [], "extraction": [], "eager": []}
    for _ in range(arguments.rounds):
        rates["ceiling"].append(time_ceiling(teacher, batch, total_s))
        rates["extraction"].append(time_extraction(chosen, total_s, teacher, projection))
        clips = [next(eager).samples() for _ in range(clips_a_round)]
        rates["eager"].append(time_eager(teacher, clips, arguments.output))
        last = [f"{name} {values[-1]:.0f}" for name, values in rates.items()]
        print("  round: " + ", ".join(last), flush=True)
    of_ceiling = np.array(rates["extraction"]) / np.array(rates["ceiling"])
    of_eager = np.array(rates["extraction"]) / np.array(rates["eager"])
    print(
        f"extraction / ceiling {np.median(of_ceiling):.0%} "
        f"({min(of_ceiling):.0%} to {max(of_ceiling):.0%})"
    )
    print(
        f"extraction / eager   {np.median(of_eager):.1f}x "
        f"({min(of_eager):.1f} to {max(of_eager):.1f})"
    )


def fit(chosen: list[Chosen], total_s: float, teacher: Teacher) -> Projection:
    start = time.perf_counter()
    values = _sample_values(_sample(chosen, np.random.default_rng(17)), teacher)
    middle = time.perf_counter()
    projection = fit_projection(values, SETTINGS.projection, 17)
    end = time.perf_counter()
    print(
        f"{len(chosen)} clips, {total_s:.0f} s of audio, level {teacher.level}, "
        f"{teacher.values} values; once: {len(values)} windows for the projection "
        f"{middle - start:.1f} s, its fit {end - middle:.1f} s",
        flush=True,
    )
    return projection


def time_ceiling(teacher: Teacher, batch: np.ndarray, least_s: float) -> float:
    return rate(lambda: call_all(teacher, batch, least_s), batch_s(batch, least_s))


def time_extraction(
    chosen: list[Chosen], total_s: float, teacher: Teacher, projection: Projection
) -> float:
    count = sum(len(clip.positions) for clip in chosen)
    with tempfile.TemporaryDirectory() as folder:

        def extract() -> None:
            _write_split(Path(folder), "train", chosen, count, teacher, projection)

        return rate(extract, total_s)


def time_eager(teacher: Teacher, clips: list[np.ndarray], output: str) -> float:
    audio_s = sum(map(len, clips)) / SAMPLE_RATE_HZ
    return rate(lambda: call_eagerly(teacher, clips, output), audio_s)


def choose_batch(teacher: Teacher, batches: list[np.ndarray], least_s: float) -> np.ndarray:
    """Return the batch with the highest rate, of two turns each."""
    rates = []
    for batch in batches:
        rates.append(max(time_ceiling(teacher, batch, least_s) for _ in range(2)))
    tried = [f"{len(batch)}: {value:.0f}" for batch, value in zip(batches, rates, strict=True)]
    print("ceiling at batches of " + ", ".join(tried), flush=True)
    return batches[int(np.argmax(rates))]


def make_batches(chosen: list[Chosen], clip_s: float) -> list[np.ndarray]:
    """Return float32 [B, T] of the corpus's audio for each batch size; T is its mean length."""
    length = round(clip_s * SAMPLE_RATE_HZ)
    audio = np.concatenate([to_float(clip.samples()) for clip in chosen])
    return [np.resize(audio, (count, length)) for count in BATCHES]


def batch_s(batch: np.ndarray, least_s: float) -> float:
    """Return the seconds of audio in the whole number of batches that hold `least_s`."""
    return batch.size / SAMPLE_RATE_HZ * -(-least_s * SAMPLE_RATE_HZ // batch.size)


def call_all(teacher: Teacher, batch: np.ndarray, least_s: float) -> None:
    """Call the teacher on the batch until it has heard `least_s`.

    A clip-level teacher is given the audio around every window, as in the extraction.
    """
    calls = round(batch_s(batch, least_s) * SAMPLE_RATE_HZ / batch.size)
    if teacher.level != "clip":
        samples = tf.constant(batch)
        for _ in range(calls):
            teacher.outputs(samples).numpy()
        return
    windows = len(batch) * count_windows(batch.shape[1])
    for _ in range(calls):
        for start in range(0, windows, len(batch)):
            count = min(len(batch), windows - start)
            pieces = np.resize(batch, (count, teacher.call_samples))
            teacher.outputs(tf.constant(pieces)).numpy()


def call_eagerly(teacher: Teacher, clips: list[np.ndarray], output: str) -> None:
    for samples in clips:
        if teacher.level == "time":
            teacher.module(samples=to_float(samples), sample_rate=SAMPLE_RATE_HZ)[output].numpy()
        else:
            teacher.module(to_float(samples)[None])[output].numpy()


def rate(function, audio_s: float) -> float:
    start = time.perf_counter()
    function()
    return audio_s / (time.perf_counter() - start)


def growth(clips: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rng = np.random.default_rng(clips)
        noise = rng.integers(-3000, 3000, 64 * SAMPLE_RATE_HZ).astype(np.int16)

        def generate():
            for number in range(clips):
                start = rng.integers(62 * SAMPLE_RATE_HZ)
                length = rng.integers(SAMPLE_RATE_HZ, 2 * SAMPLE_RATE_HZ)
                yield Clip(f"{number}.wav", noise[start : start + length])

        work = Path(folder, "corpus_work", "corpus")
        write_clips(Path(folder, "corpus"), lambda _done: generate(), work)
        subprocess.run([sys.executable, __file__, "--grow", folder], check=True)


def grow(folder: Path) -> None:
    inputs = keras.Input((96, 64, 1))
    means = keras.layers.Flatten()(keras.layers.AveragePooling2D(8)(inputs))
    export(keras.Model(inputs, {"layer19": keras.layers.Dense(12288)(means)}), folder / "teacher")
    teacher = Teacher(folder / "teacher", "layer19")
    start = time.perf_counter()
    summary = make_targets([folder / "corpus"], teacher, SETTINGS, 17, folder / "targets")
    taken_s = time.perf_counter() - start
    samples = sum(int(row["samples"]) for row in ClipStore(folder / "corpus").rows)
    clips = summary["clips"]
    print(
        f"growth: {clips:>7} clips, {sum(summary['windows'].values())} windows: "
        f"{taken_s:.1f} s ({1e3 * taken_s / clips:.2f} ms a clip, "
        f"{samples / SAMPLE_RATE_HZ / taken_s:.0f} s of audio a second), "
        f"peak {peak_memory_bytes() / 2**20:.0f} MiB",
        flush=True,
    )


if __name__ == "__main__":
    main()
