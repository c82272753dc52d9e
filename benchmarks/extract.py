"""Speed of target extraction: against the teacher's own pace, against one eager call a clip, and its growth to many clips; ratios of one run.

    make repro && python benchmarks/extract.py [--corpus FOLDER] [--teacher FOLDER] [--output KEY] [--clips 1000 10000 100000]

ceiling     the teacher alone on clips of one length that lie in memory, its output read back, at the best of several batch sizes (found before the rounds)
extraction  frill.targets.make from a clip store to the files students train on: reading, batching, teacher, log-mel, projection, writing. The projection is
            fitted before; what that takes is printed apart, as it is the same for any number of clips
eager       one call of the loaded module for each clip, as the published code does. Every clip has another length, for which the module traces anew
growth      the whole of make_targets, the fit included, on generated clips of 1 to 2 s, in a process of its own: memory is read off its peak. The teacher is
            a cheap network with as many values (12,288) as the default's: what grows with the clips is this package's

Rates are seconds of audio per second. Methods take turns round by round; ratios are medians over the rounds.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from frill import tensorflow_setup

tensorflow_setup.set_up(threads=2, seed=17)

import tensorflow as tf  # noqa: E402
import tf_keras as keras  # noqa: E402

from frill.audio.clip_writer import write_clips  # noqa: E402
from frill.audio.clips import Clip, ClipStore  # noqa: E402
from frill.audio.frontend import window_count  # noqa: E402
from frill.audio.waveform import SAMPLE_RATE_HZ, to_float  # noqa: E402
from frill.params.schema import Targets  # noqa: E402
from frill.targets.make import _sample, _sample_values, _write_split, fit_projection, make_targets  # noqa: E402
from frill.targets.windows import choose_windows  # noqa: E402
from frill.teacher.saved_model import Teacher, export  # noqa: E402
from frill.workflow.stage import peak_memory_bytes  # noqa: E402

SETTINGS = Targets(
    windows_per_clip=24, augmented_copies=0, validation_share=0.05, projection=512
)  # the default's
BATCHES = (2, 4, 8, 16, 32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--corpus", type=Path, default=Path("data/corpus/speech"), help="a clip store"
    )
    parser.add_argument(
        "--teacher", type=Path, default=Path("models/teacher/saved_model"), help="a SavedModel"
    )
    parser.add_argument("--output", default="layer19")
    parser.add_argument("--seconds", type=float, default=600.0, help="of audio a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clips", type=int, nargs="*", default=[1000, 10_000, 100_000])
    parser.add_argument(
        "--grow", type=Path, help=argparse.SUPPRESS
    )  # the child process of `growth`
    arguments = parser.parse_args()
    if arguments.grow:
        return grow(arguments.grow)
    for path in (arguments.corpus / "manifest.csv", arguments.teacher / "saved_model.pb"):
        if not path.exists():
            parser.error(
                f"{path} is not there; run `make repro` first, or name another with --{'corpus' if 'manifest' in path.name else 'teacher'}"
            )
    if arguments.rounds:
        compare(arguments.corpus, Teacher(arguments.teacher, arguments.output), arguments)
    for clips in arguments.clips:
        growth(clips)


def compare(corpus: Path, teacher: Teacher, arguments: argparse.Namespace) -> None:
    chosen, total_s = [], 0.0
    for clip in choose_windows([corpus], SETTINGS, 17):
        if total_s < arguments.seconds:
            chosen.append(clip)
            total_s += len(clip.samples()) / SAMPLE_RATE_HZ
    start = time.perf_counter()
    values = _sample_values(_sample(chosen, np.random.default_rng(17)), teacher)
    middle = time.perf_counter()
    projection = fit_projection(values, SETTINGS.projection, 17)
    print(
        f"{len(chosen)} clips, {total_s:.0f} s of audio, level {teacher.level}, {teacher.values} values; once: {len(values)} windows for the projection "
        f"{middle - start:.1f} s, its fit {time.perf_counter() - middle:.1f} s",
        flush=True,
    )
    del values
    batch = best_batch(teacher, ceiling_batches(chosen, total_s / len(chosen)), total_s / 8)
    eager = iter(chosen)
    rates: dict[str, list[float]] = {"ceiling": [], "extraction": [], "eager": []}
    for _ in range(arguments.rounds):
        rates["ceiling"].append(
            rate(lambda: call_all(teacher, batch, total_s), batch_s(batch, total_s))
        )
        with tempfile.TemporaryDirectory() as folder:
            count = sum(len(clip.positions) for clip in chosen)

            def extract(folder=folder, count=count):
                _write_split(Path(folder), "train", chosen, count, teacher, projection)

            rates["extraction"].append(rate(extract, total_s))
        some = [next(eager).samples() for _ in range(min(40, len(chosen) // arguments.rounds))]
        rates["eager"].append(
            rate(
                lambda some=some: call_eagerly(teacher, some, arguments.output),
                sum(map(len, some)) / SAMPLE_RATE_HZ,
            )
        )
        print(
            "  round: " + ", ".join(f"{name} {values[-1]:.0f}" for name, values in rates.items()),
            flush=True,
        )
    extraction, ceiling, eager_rates = (
        np.array(rates[name]) for name in ("extraction", "ceiling", "eager")
    )
    print(
        f"extraction / ceiling {np.median(extraction / ceiling):.0%} ({min(extraction / ceiling):.0%} to {max(extraction / ceiling):.0%})"
    )
    print(
        f"extraction / eager   {np.median(extraction / eager_rates):.1f}x ({min(extraction / eager_rates):.1f} to {max(extraction / eager_rates):.1f})"
    )


def best_batch(teacher: Teacher, batches: list[np.ndarray], least_s: float) -> np.ndarray:
    """The one with the highest rate, of two turns each."""
    rates = [
        max(
            rate(lambda batch=batch: call_all(teacher, batch, least_s), batch_s(batch, least_s))
            for _ in range(2)
        )
        for batch in batches
    ]
    print(
        "ceiling at batches of "
        + ", ".join(
            f"{len(batch)}: {value:.0f}" for batch, value in zip(batches, rates, strict=True)
        ),
        flush=True,
    )
    return batches[int(np.argmax(rates))]


def ceiling_batches(chosen: list, clip_s: float) -> list[np.ndarray]:
    """float32 [B, T] of the corpus's audio for each batch size, T its mean length."""
    length = round(clip_s * SAMPLE_RATE_HZ)
    audio = np.concatenate([to_float(clip.samples()) for clip in chosen])
    return [np.resize(audio, (count, length)) for count in BATCHES]


def batch_s(batch: np.ndarray, least_s: float) -> float:
    """Seconds of audio in the whole number of batches that hold `least_s`."""
    return batch.size / SAMPLE_RATE_HZ * -(-least_s * SAMPLE_RATE_HZ // batch.size)


def call_all(teacher: Teacher, batch: np.ndarray, least_s: float) -> None:
    """A clip-level teacher is given the audio around every window, as in the extraction."""
    if teacher.level == "clip":
        for _ in range(round(batch_s(batch, least_s) * SAMPLE_RATE_HZ / batch.size)):
            windows = len(batch) * window_count(batch.shape[1])
            for start in range(0, windows, len(batch)):
                teacher.outputs(
                    tf.constant(
                        np.resize(batch, (min(len(batch), windows - start), teacher.call_samples))
                    )
                ).numpy()
        return
    samples = tf.constant(batch)
    for _ in range(round(batch_s(batch, least_s) * SAMPLE_RATE_HZ / batch.size)):
        teacher.outputs(samples).numpy()


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
                yield Clip(
                    f"{number}.wav",
                    noise[start : start + rng.integers(SAMPLE_RATE_HZ, 2 * SAMPLE_RATE_HZ)],
                )

        write_clips(Path(folder, "corpus"), generate())
        subprocess.run([sys.executable, __file__, "--grow", folder], check=True)


def grow(folder: Path) -> None:
    inputs = keras.Input((96, 64, 1))
    means = keras.layers.Flatten()(keras.layers.AveragePooling2D(8)(inputs))
    export(keras.Model(inputs, {"layer19": keras.layers.Dense(12288)(means)}), folder / "teacher")
    teacher = Teacher(folder / "teacher", "layer19")
    start = time.perf_counter()
    summary = make_targets([folder / "corpus"], teacher, SETTINGS, 17, folder / "targets")
    taken_s, audio_s = (
        time.perf_counter() - start,
        sum(int(row["samples"]) for row in ClipStore(folder / "corpus").rows) / SAMPLE_RATE_HZ,
    )
    print(
        f"growth: {summary['clips']:>7} clips, {sum(summary['windows'].values())} windows: {taken_s:.1f} s ({1e3 * taken_s / summary['clips']:.2f} ms a clip, "
        f"{audio_s / taken_s:.0f} s of audio a second), peak {peak_memory_bytes() / 2**20:.0f} MiB",
        flush=True,
    )


if __name__ == "__main__":
    main()
