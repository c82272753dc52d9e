"""Training of one student to reproduce the teacher's targets.

The bottleneck trains dense and in floating point up to the share `ship_from` of the steps. Then it
trains as it will ship: in two factors (rank), with simulated int8 rounding (qat). Everything is a
function of (spec, settings, targets, seed): batch t holds the same windows however often training
was interrupted. With `replicas` each of so many GPUs takes its part of every batch.
"""

import json
import math
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras as keras

from frill.params.schema import Distill
from frill.progress import progress
from frill.scratch import lock
from frill.students import checkpoint
from frill.students.build import StudentSpec, build, count
from frill.students.curve import COLUMNS, write_curve
from frill.students.low_rank import as_shipped
from frill.students.replicas import arrange, choose_devices, distribute
from frill.students.schedule import batch_rows, learning_rate
from frill.students.training_step import make_adams, make_step, r2, target_scale
from frill.students.weights import save_student
from frill.targets.store import Projection, load_split, spread

VALIDATION_BATCH = 256
CALIBRATION_WINDOWS = 256  # of the training set: their ranges are those of fake quantisation


def distill(
    spec: StudentSpec,
    settings: Distill,
    targets: Path,
    seeds: Sequence[int],
    scratch: Path,
    out: Path,
    label: str = "student",
    keep_start: bool = False,
) -> dict:
    """Train a student from every seed and return the summary of the first, which ships.

    The first is written into `out`, the others into out/repeat_2 and on; `repeats` has their
    results. The status is "diverged" if any of them diverged. `keep_start` keeps what its dense
    steps give, for others to begin with.
    """
    shared = (spec, settings, targets)
    trainings = [Distillation(*shared, seed, scratch, keep_start=keep_start) for seed in seeds]
    summaries = []
    for number, training in enumerate(trainings, 1):
        with lock(training.scratch):  # an experiment may train the same
            training.run(label if number == 1 else f"{label}, seed {training.seed}")
        summaries.append(training.save(out if number == 1 else out / f"repeat_{number}"))
    summary, *others = summaries
    summary["repeats"] = []
    for other in others:
        keys = ("seed", "status", "validation_mse", "validation_r2")
        summary["repeats"].append({key: other[key] for key in keys})
        if other["status"] != "ok":
            summary["status"] = "diverged"
    write_json(out / "summary.json", summary)
    for training in trainings:
        training.remove_checkpoint()
    return summary


class Distillation:
    """One student's training, on the devices of `strategy`, by default on `settings.replicas`."""

    def __init__(
        self,
        spec: StudentSpec,
        settings: Distill,
        targets: Path,
        seed: int,
        scratch: Path,
        strategy: tf.distribute.Strategy | None = None,
        keep_start: bool = False,
    ):
        self.spec = spec
        self.settings = settings
        self.seed = seed
        self.projection = Projection.load(targets / "projection.npz")
        self.train_set = load_split(targets, "train")
        self.validation_set = load_split(targets, "validation")
        self.scale = target_scale(self.projection.deviation, settings.balance)
        first = math.ceil(settings.ship_from * settings.steps)
        dense_steps = min(first, settings.steps - 1)  # at least one step as it ships
        self.ship_step = settings.steps + 1 if spec == spec.dense else dense_steps
        self.status = "ok"
        self.strategy = strategy or choose_devices(settings.replicas)
        replicas = self.strategy.num_replicas_in_sync
        shaping = checkpoint.list_shaping(settings, seed, targets, replicas)
        self.scratch = scratch / checkpoint.name(spec, shaping)
        dense = scratch / f"dense-{checkpoint.name(spec.dense, shaping)}"
        self._dense_start = checkpoint.DenseStart(dense, dense_steps)
        self._keep_start = keep_start
        with self.strategy.scope():
            self._learning_rate = tf.Variable(0.0)

    def run(self, label: str = "student") -> None:
        """Train to the end, from the last checkpoint if there is one.

        A loss or a weight that is not finite ends the training with status "diverged".
        """
        self.start()
        self._restore()
        if self._has_stopped_improving():  # the checkpoint is that of the last step
            return
        steps = self.settings.steps
        with progress(self.losses(steps), label, steps, "step", initial=self.done) as bar:
            for loss in bar:
                if not math.isfinite(loss):
                    return self._diverge(label)
                bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
                self.done += 1
                validates = self._is_due(self.settings.validate_steps)
                saves = self._is_due(self.settings.checkpoint_steps)
                starts = self._keep_start and self.done == self._dense_start.steps
                # The loss was of the weights before this step.
                if (validates or saves or starts) and not self._is_finite():
                    return self._diverge(label)
                if validates:
                    mse = self.validate()
                    values = (self.done, loss, mse, r2(mse, self.projection))
                    self.curve.append(dict(zip(COLUMNS, values, strict=True)))
                if saves:
                    self._write_checkpoint()
                if starts:
                    self._dense_start.keep(self.model, self.curve)
                if self._has_stopped_improving() and self.done < steps:
                    print(
                        f"{label}: stopped at step {self.done}: no better validation MSE in "
                        f"{self.settings.patience} validations (distill.patience)"
                    )
                    break

    def start(self) -> None:
        """Begin with a new student, dense and in floating point."""
        self.done, self.curve = 0, []
        keras.utils.set_random_seed(self.seed)
        values, momentum = self.projection.values, self.settings.batch_norm_momentum
        with self.strategy.scope():
            self._use(build(self.spec.dense, values, momentum), "dense")

    def losses(self, stop: int) -> Iterator[float]:
        """Train from step `done` on and yield each step's loss, before its update.

        The next batch is read while one trains.
        """
        with ThreadPoolExecutor(1) as reader:
            ahead = reader.submit(self._batch, self.done)
            for step in range(self.done, stop):
                if step == self.ship_step:
                    self._ship()
                self._learning_rate.assign(learning_rate(step, self.settings))
                batch = ahead.result()
                ahead = reader.submit(self._batch, step + 1)
                yield float(self._step(*batch))

    def validate(self) -> float:
        """Return the validation MSE a teacher value, in the teacher's full space and units.

        It is of the student as it would ship now.
        """
        self._set_ranges()
        windows, targets = self.validation_set
        squared = 0.0
        for start in range(0, len(windows), VALIDATION_BATCH):
            rows = slice(start, start + VALIDATION_BATCH)
            output = self._predict(tf.constant(windows[rows], tf.float32)).numpy()
            error = np.square(output * self.scale - targets[rows], dtype=np.float64)
            squared += float(error.sum())
        mean = squared / len(windows) + self.projection.residual_variance
        return mean / len(self.projection.mean)

    def save(self, folder: Path) -> dict:
        """Write weights, spec, curve and summary, and return the summary. The checkpoint stays.

        Equal models give equal bytes.
        """
        is_measured = self.status == "ok" and self.curve
        mse = self.curve[-1]["validation_mse"] if is_measured else self.validate()
        save_student(self.model, self.spec, folder)
        write_curve(folder, self.curve)
        summary = {
            "schema": 1,
            "status": self.status,
            "seed": self.seed,
            "steps": self.done,
            **count(self.spec),
            "validation_mse": mse,
            "validation_r2": r2(mse, self.projection),
        }
        write_json(folder / "summary.json", summary)
        return summary

    def remove_checkpoint(self) -> None:
        with lock(self.scratch):
            shutil.rmtree(self.scratch, ignore_errors=True)

    def _is_due(self, every: int) -> bool:
        return self.done % every == 0 or self.done == self.settings.steps

    def _has_stopped_improving(self) -> bool:
        """Tell whether the last `patience` validations are no better than the best before them.

        Those of a student that does not yet train as it ships do not count.
        """
        patience = self.settings.patience
        ships_from = self.ship_step if self.ship_step < self.settings.steps else 0
        errors = [row["validation_mse"] for row in self.curve if row["step"] > ships_from]
        if patience is None or len(errors) <= patience:
            return False
        return min(errors[-patience:]) >= min(errors[:-patience])

    def _is_finite(self) -> bool:
        return all(np.isfinite(weight).all() for weight in self.model.get_weights())

    def _ship(self) -> None:
        """Go on with the student as it ships."""
        with self.strategy.scope():
            model = as_shipped(self.model, self.spec, self.settings.batch_norm_momentum)
            self._use(model, "shipped")
        self._set_ranges()

    def _set_ranges(self) -> None:
        """Where rounding is simulated, do it in the ranges that training windows have now."""
        if self.spec.qat and self._phase == "shipped":
            from frill.students.quantization import set_ranges  # imports tfmot, for 2 s

            with self.strategy.scope():
                set_ranges(self.model, spread(self.train_set[0], CALIBRATION_WINDOWS))

    def _use(self, model: keras.Model, phase: str) -> None:
        """Go on with this model; Adam's moments begin anew."""
        self.model, self._phase = model, phase
        adams = make_adams(model, self._learning_rate)
        self._saver = tf.train.Checkpoint(model=model, optimizers=[adam for adam, _ in adams])
        values = min(self.settings.batch_windows, len(self.train_set[0])) * self.projection.values
        self._step = make_step(model, adams, self.scale, values, self.strategy)
        spec = tf.TensorSpec([None, 96, 64], tf.float32)
        self._predict = tf.function(
            lambda windows: model(windows[..., None], training=False), input_signature=[spec]
        )

    def _batch(self, step: int) -> tuple:
        """Return batch `step` as (windows, targets), each distributed over the replicas."""
        batch = self.settings.batch_windows
        drawn = batch_rows(len(self.train_set[0]), batch, self.seed, step)
        rows = arrange(drawn, self.strategy)
        windows, targets = self.train_set
        return distribute(windows[rows], self.strategy), distribute(targets[rows], self.strategy)

    def _write_checkpoint(self) -> None:
        if self.strategy.num_replicas_in_sync > 1:
            # Replicas' batch norm averages differ and are saved as their mean: go on from that.
            self.model.set_weights(self.model.get_weights())
        state = {"done": self.done, "phase": self._phase, "curve": self.curve}
        checkpoint.write(self.scratch, self._saver, state)

    def _restore(self) -> None:
        """Go on from the last checkpoint or from the dense start, if there is one."""
        state = checkpoint.read_state(self.scratch)
        if (state["done"] if state else 0) < self.ship_step < self.settings.steps:
            curve = self._dense_start.load(self.model)
            if curve is not None:
                self.done, self.curve = self.ship_step, curve
                return
        if state is None:
            return
        if state["phase"] == "shipped":
            self._ship()
        self._saver.read(checkpoint.prefix(self.scratch, state))
        self.done, self.curve = state["done"], state["curve"]

    def _diverge(self, label: str) -> None:
        """Go back to the last good checkpoint, or to the start, in the form that ships."""
        self.status = "diverged"
        rate = learning_rate(self.done, self.settings)
        print(
            f"{label}: the loss or a weight is not finite at step {self.done}, learning rate "
            f"{rate:.3g}; recorded as diverged. Lower distill.learning_rate"
        )
        self.start()
        self._restore()
        if self._phase == "dense" and self.ship_step <= self.settings.steps:
            self._ship()


def write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n")
