"""Trains one student to reproduce the teacher's targets.

The bottleneck trains dense and in floating point up to the share `ship_from` of the steps; from there on it trains as it will ship: factorised
by a truncated SVD where the student has a rank, with simulated int8 rounding where it is qat. Everything is a function of (spec, settings,
targets, seed): batch t holds the same windows however often training was interrupted. On several GPUs each takes its part of every batch.
"""

import csv
import json
import math
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras as keras

from frill.fingerprint import hash_code
from frill.params.schema import Distill
from frill.progress import progress
from frill.scratch import content_hash, text_hash
from frill.students.build import StudentSpec, build, count
from frill.students.low_rank import as_shipped
from frill.students.schedule import batch_rows, learning_rate
from frill.students.weights import save_student
from frill.targets.store import Projection, load_split


def distill(
    spec: StudentSpec,
    settings: Distill,
    targets: Path,
    seeds: Sequence[int],
    scratch: Path,
    out: Path,
    label: str = "student",
) -> dict:
    """Trains a student from every seed: the first into `out`, which ships, the others into out/repeat_2 and on. Returns the first's summary.

    Its `repeats` has the others' results; its status is "diverged" if any of them diverged.
    """
    trainings = [Distillation(spec, settings, targets, seed, scratch) for seed in seeds]
    summaries = []
    for number, training in enumerate(trainings, 1):
        training.run(label if number == 1 else f"{label}, seed {training.seed}")
        summaries.append(training.save(out if number == 1 else out / f"repeat_{number}"))
    summary, *others = summaries
    summary["repeats"] = [
        {key: other[key] for key in ("seed", "status", "validation_mse", "validation_r2")}
        for other in others
    ]
    if any(other["status"] != "ok" for other in others):
        summary["status"] = "diverged"
    write_json(out / "summary.json", summary)
    for training in trainings:
        training.remove_checkpoints()
    return summary


class Distillation:
    """One student's training: `run()` it, then `save()`. It trains on all devices of `strategy`, by default every visible GPU."""

    def __init__(
        self,
        spec: StudentSpec,
        settings: Distill,
        targets: Path,
        seed: int,
        scratch: Path,
        strategy: tf.distribute.Strategy | None = None,
    ):
        self.spec, self.settings, self.seed = spec, settings, seed
        self.projection = Projection.load(targets / "projection.npz")
        self.train_set, self.validation_set = (
            load_split(targets, "train"),
            load_split(targets, "validation"),
        )
        self.scale = target_scale(self.projection.deviation, settings.balance)
        ships_otherwise = spec.rank is not None or spec.qat
        ship_step = min(
            math.ceil(settings.ship_from * settings.steps), settings.steps - 1
        )  # at least one step as it ships
        self.ship_step = ship_step if ships_otherwise else settings.steps + 1
        self.status = "ok"
        self.strategy = strategy or all_gpus()
        self.scratch = scratch / checkpoint_name(
            spec, settings, seed, targets, self.strategy.num_replicas_in_sync
        )
        with self.strategy.scope():
            self._learning_rate = tf.Variable(0.0)

    def run(self, label: str = "student") -> None:
        """Trains to the end, or from the last checkpoint. A loss that is not finite ends it with status "diverged"."""
        self.start()
        self._restore()
        if self._stopped_improving():  # the checkpoint is that of the last step
            return
        steps = self.settings.steps
        with progress(self.losses(steps), label, steps, "step", initial=self.done) as bar:
            for loss in bar:
                if not math.isfinite(loss):
                    return self._diverged(label)
                bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
                self.done += 1
                validates, checkpoints = (
                    self.done % every == 0 or self.done == steps
                    for every in (self.settings.validate_steps, self.settings.checkpoint_steps)
                )
                if (
                    validates or checkpoints
                ) and not self._is_finite():  # the loss was of the weights before this step
                    return self._diverged(label)
                if validates:
                    mse = self.validate()
                    self.curve.append(
                        {
                            "step": self.done,
                            "train_loss": loss,
                            "validation_mse": mse,
                            "validation_r2": self._r2(mse),
                        }
                    )
                if checkpoints:
                    self._checkpoint()
                if self._stopped_improving() and self.done < steps:
                    print(
                        f"{label}: stopped at step {self.done}: no better validation MSE in {self.settings.patience} validations (distill.patience)"
                    )
                    break

    def start(self) -> None:
        """A new student, dense and in floating point."""
        self.done, self.curve = 0, []
        keras.utils.set_random_seed(self.seed)
        with self.strategy.scope():
            self._use(
                build(
                    replace(self.spec, rank=None, qat=False),
                    self.projection.values,
                    self.settings.batch_norm_momentum,
                ),
                "dense",
            )

    def losses(self, stop: int) -> Iterator[float]:
        """Trains from step `done` on and yields each step's loss, before its update; the next batch is read while one trains."""
        with ThreadPoolExecutor(1) as reader:
            ahead = reader.submit(self._batch, self.done)
            for step in range(self.done, stop):
                if step == self.ship_step:
                    self._ship()
                self._learning_rate.assign(learning_rate(step, self.settings))
                batch, ahead = ahead.result(), reader.submit(self._batch, step + 1)
                yield float(self._step(*batch))

    def validate(self) -> float:
        """Validation MSE a teacher value, in the teacher's full space and units."""
        windows, targets = self.validation_set
        squared = 0.0
        for start in range(0, len(windows), 256):
            predicted = (
                self._predict(tf.constant(windows[start : start + 256], tf.float32)).numpy()
                * self.scale
            )
            squared += float(
                np.square(predicted - targets[start : start + 256], dtype=np.float64).sum()
            )
        return (squared / len(windows) + self.projection.residual_variance) / len(
            self.projection.mean
        )

    def save(self, folder: Path) -> dict:
        """Writes weights, spec, curve and summary; equal models give equal bytes. Returns the summary. The checkpoints stay."""
        save_student(self.model, self.spec, folder)
        with open(folder / "curve.csv", "w", newline="") as file:
            writer = csv.DictWriter(
                file, ["step", "train_loss", "validation_mse", "validation_r2"], lineterminator="\n"
            )
            writer.writeheader()
            writer.writerows(
                {key: f"{value:.6g}" for key, value in row.items()} for row in self.curve
            )
        mse = (
            self.validate()
            if self.status != "ok" or not self.curve
            else self.curve[-1]["validation_mse"]
        )
        summary = {
            "schema": 1,
            "status": self.status,
            "seed": self.seed,
            "steps": self.done,
            **count(self.spec),
        }
        summary |= {"validation_mse": mse, "validation_r2": self._r2(mse)}
        write_json(folder / "summary.json", summary)
        return summary

    def remove_checkpoints(self) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _stopped_improving(self) -> bool:
        """Whether the last `patience` validations were no better than the best before them; those before the student trains as it ships do not count."""
        ships_from = self.ship_step if self.ship_step < self.settings.steps else 0
        errors = [row["validation_mse"] for row in self.curve if row["step"] > ships_from]
        patience = self.settings.patience
        return (
            patience is not None
            and len(errors) > patience
            and min(errors[-patience:]) >= min(errors[:-patience])
        )

    def _is_finite(self) -> bool:
        return all(np.isfinite(weight).all() for weight in self.model.get_weights())

    def _ship(self) -> None:
        """The student as it ships, from here on."""
        with self.strategy.scope():
            self._use(
                as_shipped(self.model, self.spec, self.settings.batch_norm_momentum), "shipped"
            )

    def _use(self, model: keras.Model, phase: str) -> None:
        """Goes on with this model; Adam's moments begin anew."""
        self.model, self._phase = model, phase
        optimizer = keras.optimizers.legacy.Adam(
            self._learning_rate, epsilon=1e-8
        )  # the fused kernel: faster on CPU
        self._saver = tf.train.Checkpoint(model=model, optimizer=optimizer)
        scale, strategy = tf.constant(self.scale), self.strategy
        values = min(self.settings.batch_windows, len(self.train_set[0])) * self.projection.values

        def replica_step(windows, targets):
            with tf.GradientTape() as tape:
                predicted = model(windows[..., None], training=True)
                loss = (
                    tf.reduce_sum(tf.math.squared_difference(predicted, targets / scale)) / values
                )  # this replica's part of the batch's mean
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(
                zip(gradients, model.trainable_variables, strict=True)
            )  # adds them up over replicas
            return loss

        self._step = tf.function(
            lambda *batch: strategy.reduce("SUM", strategy.run(replica_step, batch), axis=None)
        )
        self._predict = tf.function(
            lambda windows: model(windows[..., None], training=False),
            input_signature=[tf.TensorSpec([None, 96, 64], tf.float32)],
        )

    def _batch(self, step: int) -> tuple:
        """Batch `step` as (windows, targets), each cut into one piece a replica."""
        rows = np.sort(
            batch_rows(len(self.train_set[0]), self.settings.batch_windows, self.seed, step)
        )
        replicas = self.strategy.num_replicas_in_sync
        return tuple(
            self._distributed(np.array_split(array[rows].astype(np.float32), replicas))
            for array in self.train_set
        )

    def _distributed(self, pieces: list[np.ndarray]):
        if len(pieces) == 1:
            return tf.constant(pieces[0])
        return self.strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(pieces[context.replica_id_in_sync_group])
        )

    def _r2(self, mse: float) -> float:
        """Share of the teacher's variance (over the windows the projection was fitted on) that the student explains."""
        variance = (
            float(np.square(self.projection.deviation).sum()) + self.projection.residual_variance
        )
        return 1.0 - mse * len(self.projection.mean) / variance

    def _checkpoint(self) -> None:
        self.scratch.mkdir(parents=True, exist_ok=True)
        if self.strategy.num_replicas_in_sync > 1:
            self.model.set_weights(
                self.model.get_weights()
            )  # replicas' batch norm averages differ and are saved as their mean: go on from that
        self._saver.write(str(self.scratch / f"step-{self.done}"))
        new = self.scratch / "state.json.new"
        new.write_text(json.dumps({"done": self.done, "phase": self._phase, "curve": self.curve}))
        new.replace(self.scratch / "state.json")  # atomic: a kill leaves the state before or after
        for old in self.scratch.glob("step-*"):
            if not old.name.startswith(f"step-{self.done}."):
                old.unlink()

    def _restore(self) -> None:
        """Goes on from the last checkpoint, if there is one."""
        try:
            state = json.loads((self.scratch / "state.json").read_text())
        except FileNotFoundError:
            return
        if state["phase"] == "shipped":
            self._ship()
        self._saver.read(str(self.scratch / f"step-{state['done']}"))
        self.done, self.curve = state["done"], state["curve"]

    def _diverged(self, label: str) -> None:
        """Back to the last good checkpoint, or to the start, in the form that ships."""
        self.status = "diverged"
        rate = learning_rate(self.done, self.settings)
        print(
            f"{label}: the loss or a weight is not finite at step {self.done}, learning rate {rate:.3g}; recorded as diverged. Lower distill.learning_rate"
        )
        self.start()
        self._restore()
        if self._phase == "dense" and self.ship_step <= self.settings.steps:
            self._ship()


def all_gpus() -> tf.distribute.Strategy:
    """Every visible GPU; the default strategy where there are fewer than two."""
    several = len(tf.config.list_logical_devices("GPU")) > 1
    return tf.distribute.MirroredStrategy() if several else tf.distribute.get_strategy()


def target_scale(deviation: np.ndarray, balance: float) -> np.ndarray:
    """What each target component [P] is divided by: deviation^balance, normalised so that the targets' mean variance is 1."""
    power = np.maximum(deviation, 1e-6 * deviation.max()) ** balance
    return (power * np.sqrt(np.mean(np.square(deviation / power)))).astype(np.float32)


def checkpoint_name(
    spec: StudentSpec, settings: Distill, seed: int, targets: Path, replicas: int = 1
) -> str:
    """A name that only the same training has: the architecture, every setting, the targets' content, threads and devices, the training code."""
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    parts = [
        spec.as_dict(),
        settings.model_dump(),
        seed,
        content_hash(targets),
        hash_code(__name__),
        threads,
        replicas,
    ]
    return text_hash(json.dumps(parts, sort_keys=True))[:24]


def write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n")
