"""Speed of distilling a student, against a plain Keras fit and the published code's method.

    make repro && python benchmarks/distill.py [--students tiny_050 small_100] [--profile] \\
        [--corpus FOLDER] [--teacher FOLDER]

    frill     stored windows, projected targets, this package's loop
    keras     model.fit on the same stored windows with all of the teacher's values as targets
    public    the method of the published code: waveforms in, the teacher live in the input
              pipeline, log-mel inside the model, all values as targets
    public50  the same with a teacher of ResNet-50's size (23.6 M random weights; TRILL has
              24.5 M): the cost of TRILL, not its values
    constant  frill's step on one batch that lies in memory
    ceiling   frill's step without head and targets: the network alone

All use the same student, batch and optimizer (Adam's fused kernel; stock Keras Adam is slower),
take turns round by round in one run, and are compared by the median of the rounds.

Then frill and keras train for the same number of steps without balancing, and their validation MSE
is compared. "allowed" is the error of the full head inside the projected space plus all that lies
outside of it: what a projected student could reach at best if it trained as well.
"""

import argparse
import math
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from frill import tensorflow_setup

if __name__ == "__main__":  # side_by_side.py takes parts of this file with threads of its own
    tensorflow_setup.set_up(threads=2, seed=17, onednn=1)

import tensorflow as tf  # noqa: E402
import tf_keras as keras  # noqa: E402

from frill.audio import frontend_tf  # noqa: E402
from frill.audio.clips import ClipStore  # noqa: E402
from frill.audio.waveform import SAMPLE_RATE_HZ, to_float  # noqa: E402
from frill.params.load import load_params  # noqa: E402
from frill.params.schema import Targets  # noqa: E402
from frill.progress import progress  # noqa: E402
from frill.students.build import StudentSpec, build  # noqa: E402
from frill.students.distill import Distillation  # noqa: E402
from frill.targets.make import fit_projection, make_targets  # noqa: E402
from frill.targets.store import Projection, load_split  # noqa: E402
from frill.teacher.saved_model import MIN_SAMPLES, Teacher  # noqa: E402

# Steps of each turn that do not count: tracing, caches, an input pipeline that ran ahead.
WARM_UP = 5
TURN = 15  # steps of each turn that count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    corpus = Path("data/corpus/speech")
    teacher = Path("models/teacher/saved_model")
    parser.add_argument("--corpus", type=Path, default=corpus, help="a clip store")
    parser.add_argument("--teacher", type=Path, default=teacher, help="a SavedModel like TRILL's")
    parser.add_argument("--output", default="layer19")
    students = ["tiny_050", "small_100"]
    parser.add_argument("--students", nargs="+", default=students, help="BACKBONE_WIDTH")
    parser.add_argument("--projection", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--steps", type=int, default=200, help="of the comparison of errors")
    parser.add_argument("--seeds", type=int, default=2, help="of the same comparison")
    parser.add_argument(
        "--profile", action="store_true", help="print where frill's step spends time"
    )
    arguments = parser.parse_args()
    if not (arguments.corpus / "manifest.csv").exists():
        parser.error(f"{arguments.corpus} is no corpus; run `make repro` first, or name one")
    if not (arguments.teacher / "saved_model.pb").exists():
        parser.error(f"{arguments.teacher} is no teacher; run `make repro` first, or name one")
    with tempfile.TemporaryDirectory() as folder:
        teacher = Teacher(arguments.teacher, arguments.output)
        full, projected = make_stores(arguments.corpus, teacher, arguments.projection, Path(folder))
        for name in arguments.students:
            frill = make_frill(name, projected, Path(folder))
            print(f"\n{name}, batches of {frill.settings.batch_windows} windows")
            time_methods(make_methods(frill, full, arguments), frill, arguments.rounds)
            if arguments.profile:
                profile(frill)
            compare_errors(frill, projected, full, arguments.steps, arguments.seeds)


def make_frill(student: str, targets: Path, folder: Path) -> Distillation:
    """Return an endless training of student BACKBONE_WIDTH, in per cent, without balancing."""
    unbalanced = {"steps": 10**6, "balance": 0.0, "checkpoint_steps": 10**9}
    settings = load_params().distill.model_copy(update=unbalanced)
    backbone, width = student.split("_")
    spec = StudentSpec(backbone, float(width) / 100, "gap", None, False)
    return Distillation(spec, settings, targets, 17, folder / "scratch")


def make_stores(corpus: Path, teacher: Teacher, projection: int, folder: Path) -> tuple[Path, Path]:
    """Make two target stores of the same windows: with all values, and projected."""
    settings = Targets(
        windows_per_clip=4, augmented_copies=0, validation_share=0.1, projection="none"
    )
    full = folder / "full"
    projected = folder / "projected"
    make_targets([corpus], teacher, settings, 17, full)
    projected.mkdir()
    fitted = fit_projection(load_split(full, "train")[1].astype(np.float32), projection, 17)
    fitted.save(projected / "projection.npz")
    for split in ("train", "validation"):
        windows, values = load_split(full, split)
        np.save(projected / f"{split}-windows.npy", windows)
        targets = fitted.apply(values.astype(np.float32)).astype(np.float16)
        np.save(projected / f"{split}-targets.npy", targets)
    return full, projected


def make_methods(
    frill: Distillation, full: Path, arguments: argparse.Namespace
) -> dict[str, Callable[[int], Iterator]]:
    """Return for each method the function that trains so many steps and yields after each."""
    batch = frill.settings.batch_windows
    values = len(Projection.load(full / "projection.npz").mean)
    momentum = frill.settings.batch_norm_momentum
    with_head, stored = make_keras(frill, full)

    loaded = tf.saved_model.load(str(arguments.teacher))
    samples = keras.Input([MIN_SAMPLES])
    in_model = keras.layers.Lambda(cut_windows)(samples)
    with_frontend = keras.Model(samples, build(frill.spec, values, momentum)(in_model))

    def teach(waveforms):
        outputs = loaded(samples=waveforms, sample_rate=SAMPLE_RATE_HZ)
        return waveforms, tf.reshape(outputs[arguments.output], [-1, values])

    large = keras.applications.ResNet50(include_top=False, weights=None, input_shape=(96, 64, 3))

    def teach_large(waveforms):
        windows = tf.repeat(cut_windows(waveforms), 3, axis=-1)
        outputs = tf.reshape(large(windows, training=False), [-1, 12288])[:, :values]
        return waveforms, tf.pad(outputs, [[0, 0], [0, max(0, values - 12288)]])

    pieces = repeat_batches(cut_pieces(arguments.corpus), batch)
    public = pieces.map(teach, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)
    public50 = pieces.map(teach_large, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)
    frill.start()
    return {
        "frill": lambda steps: advance(frill, steps),
        "constant": lambda steps: repeat_batch(frill, steps),
        "keras": lambda steps: fit(with_head, stored, steps),
        "public": lambda steps: fit(with_frontend, public, steps),
        "public50": lambda steps: fit(with_frontend, public50, steps),
        "ceiling": train_without_head(frill),
    }


def make_keras(frill: Distillation, full: Path) -> tuple[keras.Model, tf.data.Dataset]:
    """Return frill's student with a head for all values, and the stored windows to fit it on."""
    windows, targets = (array.astype(np.float32) for array in load_split(full, "train"))
    model = build(frill.spec, targets.shape[1], frill.settings.batch_norm_momentum)
    data = repeat_batches((windows[..., None], targets), frill.settings.batch_windows)
    return model, data.prefetch(2)


def repeat_batches(arrays, batch: int) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(arrays).shuffle(1000).repeat().batch(batch)


def cut_windows(waveforms: tf.Tensor) -> tf.Tensor:
    return tf.reshape(frontend_tf.windows(waveforms), [-1, 96, 64, 1])


def advance(frill: Distillation, steps: int) -> Iterator:
    """Run the training loop on from where it was."""
    for loss in frill.losses(frill.done + steps):
        frill.done += 1
        yield loss


def repeat_batch(frill: Distillation, steps: int) -> Iterator:
    """Run frill's step on one batch in memory; the difference is the cost of reading the next."""
    batch = frill._batch(0)
    return (float(frill._step(*batch)) for _ in range(steps))


def cut_pieces(corpus: Path) -> np.ndarray:
    """Return one second of every clip that is long enough, float32 [N, 16000]."""
    store = ClipStore(corpus)
    starts = (store.samples(index)[:MIN_SAMPLES] for index in range(len(store)))
    return np.stack([to_float(start) for start in starts if len(start) == MIN_SAMPLES])


def fit(model: keras.Model, data: tf.data.Dataset, steps: int, stop: float = math.inf) -> list:
    """Run model.fit and return the times at which its steps ended, which time_turn takes.

    The step that ends after `stop` is the last.
    """
    if not getattr(model, "optimizer", None):
        model.compile(keras.optimizers.legacy.Adam(0.001, epsilon=1e-8), "mse")
    ended: list[float] = []

    def record(batch, logs):
        ended.append(time.perf_counter())
        model.stop_training = ended[-1] > stop

    callback = keras.callbacks.LambdaCallback(on_batch_end=record)
    model.fit(data, steps_per_epoch=steps, verbose=0, callbacks=[callback])
    return ended


def train_without_head(frill: Distillation) -> Callable[[int], Iterator]:
    """Return a function that trains the network alone.

    It shows what no head and no targets would cost. The loss takes in the whole embedding, so that
    all of the network has gradients.
    """
    model = build(frill.spec, None, frill.settings.batch_norm_momentum)
    optimizer = keras.optimizers.legacy.Adam(1e-6, epsilon=1e-8)

    @tf.function
    def step(windows):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(windows[..., None], training=True)))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    batch = tf.constant(frill.train_set[0][: frill.settings.batch_windows], tf.float32)
    return lambda steps: (float(step(batch)) for _ in range(steps))


def time_turn(method: Callable[[int], Iterator]) -> float:
    """Return the seconds a step takes, over a turn."""
    steps = method(WARM_UP + TURN)
    ended = steps if isinstance(steps, list) else [time.perf_counter() for _ in steps]
    return (ended[-1] - ended[-1 - TURN]) / TURN


def time_methods(
    methods: dict[str, Callable[[int], Iterator]], frill: Distillation, rounds: int
) -> None:
    times_s = {name: [] for name in methods}
    for _ in progress(range(rounds), "rounds", rounds, "round"):
        for name, method in methods.items():
            times_s[name].append(time_turn(method))
    median_s = {name: float(np.median(times)) for name, times in times_s.items()}
    batch = frill.settings.batch_windows
    print(f"{'':10}{'ms a step':>10}{'windows/s':>11}{'frill is':>10}  {'rounds, ms':<16}")
    for name, seconds in median_s.items():
        spread = f"{1e3 * min(times_s[name]):.0f} .. {1e3 * max(times_s[name]):.0f}"
        ratio = np.median(np.array(times_s[name]) / times_s["frill"])
        rate = batch / seconds
        print(f"{name:10}{1e3 * seconds:>10.1f}{rate:>11.0f}{ratio:>9.2f}x  {spread:<16}")
    network = median_s["ceiling"] / median_s["frill"]
    step = median_s["constant"] / median_s["frill"]
    print(
        f"frill's step: network {network:.0%}, head and loss {step - network:.0%}, "
        f"waiting for input and the rest of the loop {1 - step:.0%}"
    )


def compare_errors(frill: Distillation, store: Path, full: Path, steps: int, seeds: int) -> None:
    """Train both for the same steps from the same seeds and print their validation MSE.

    It is in the full space, a teacher value, averaged over seeds.
    """
    settings = frill.settings.model_copy(update={"steps": steps})
    windows, stored = load_split(full, "validation")
    values = stored.astype(np.float32)
    projection = frill.projection
    projected = projection.apply(values)
    outside = values - projection.mean - projected @ projection.basis

    def train(store: Path, label: str, seed: int) -> np.ndarray:
        training = Distillation(frill.spec, settings, store, seed, frill.scratch.parent)
        training.run(f"{label}, seed {seed}")
        return training.model.predict(windows[..., None], 256, verbose=0) * training.scale

    def mean_square(*errors: np.ndarray) -> float:
        sums = (float(np.square(error, dtype=np.float64).sum()) for error in errors)
        return sum(sums) / values.size

    rows = []
    for seed in range(17, 17 + seeds):
        own = train(store, "frill", seed) @ projection.basis + projection.mean
        plain = train(full, "full head", seed)
        own_mse = mean_square(own - values)
        plain_mse = mean_square(plain - values)
        allowed_mse = mean_square(projection.apply(plain) - projected, outside)
        rows.append([own_mse, plain_mse, allowed_mse])
        print(f"  seed {seed}: {describe_errors(*rows[-1])}")
    own_mse, plain_mse, allowed_mse = np.mean(rows, axis=0)
    print(
        f"validation MSE a value after {steps} steps, mean of {seeds} seeds: "
        + describe_errors(own_mse, plain_mse, allowed_mse)
    )
    print(
        f"frill against allowed {100 * (own_mse / allowed_mse - 1):+.2f} %, "
        f"against the full head {100 * (own_mse / plain_mse - 1):+.2f} %"
    )


def describe_errors(own_mse: float, plain_mse: float, allowed_mse: float) -> str:
    return f"frill {own_mse:.5f}, full head {plain_mse:.5f}, allowed {allowed_mse:.5f}"


def profile(frill: Distillation) -> None:
    """Print the kinds of operations that a step's time goes to, by TensorFlow's profiler.

    Operations run one after another, so they add up to the step.
    """
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    for _ in advance(frill, 3):
        pass
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        for _ in advance(frill, 10):
            pass
        tf.profiler.experimental.stop()
        space = xplane_pb2.XSpace.FromString(next(Path(folder).rglob("*.xplane.pb")).read_bytes())
    times_ms: Counter[str] = Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                node, separator, kind = plane.event_metadata[event.metadata_id].name.rpartition(":")
                # An operation of the graph; the rest are the calls around them.
                if separator and "/" in node:
                    times_ms[kind.removeprefix("_MklNative")] += event.duration_ps / 1e9 / 10
    total = sum(times_ms.values())
    longest = times_ms.most_common(10)
    print("; ".join(f"{kind} {ms:.1f} ms ({ms / total:.0%})" for kind, ms in longest))


if __name__ == "__main__":
    main()
