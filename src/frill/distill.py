"""Trains one student to reproduce the teacher's targets.

The bottleneck trains dense and in floating point up to the share `ship_from` of the steps; from there on it trains as it will ship: factorised
by a truncated SVD where the student has a rank, with simulated int8 rounding where it is qat. Everything is a function of (spec, settings,
targets, seed): batch t holds the same windows however often training was interrupted.
"""

import csv
import hashlib
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras as keras

from frill.params import Distill
from frill.progress import progress
from frill.students.build import EMBEDDING, FACTOR, StudentSpec, build, count, factor_rank
from frill.target_store import Projection, load_split

WARM_UP_SHARE = 0.05


class Distillation:
    """One student's training: `run()` it, then `save()`."""

    def __init__(self, spec: StudentSpec, settings: Distill, targets: Path, seed: int, scratch: Path):
        self.spec, self.settings, self.seed = spec, settings, seed
        self.projection = Projection.load(targets / "projection.npz")
        self.train_set, self.validation_set = load_split(targets, "train"), load_split(targets, "validation")
        self.scale = target_scale(self.projection.deviation, settings.balance)
        self.scratch = scratch / checkpoint_name(spec, settings, seed, targets)
        ships_otherwise = spec.rank is not None or spec.qat
        self.ship_step = math.ceil(settings.ship_from * settings.steps) if ships_otherwise else settings.steps + 1
        self.curve: list[dict] = []
        self.status = "ok"
        self._learning_rate = tf.Variable(0.0)
        self._start()

    def run(self, label: str = "student") -> None:
        """Trains to the end, or from the last checkpoint. A loss that is not finite ends it with status "diverged"."""
        start = self._restore()
        steps = self.settings.steps
        with progress(range(start, steps), label, steps, "step", initial=start) as bar:
            for step in bar:
                if self._stopped_improving():
                    print(f"{label}: stopped at step {step}: no better validation MSE in {self.settings.patience} validations (distill.patience)")
                    break
                if step == self.ship_step:
                    self._use(as_shipped(self.model, self.spec, self.settings.batch_norm_momentum), step)
                self._learning_rate.assign(learning_rate(step, self.settings))
                loss = float(self._step(*self._batch(step)))
                if not math.isfinite(loss):
                    return self._diverged(step, label)
                bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
                done = step + 1
                if done % self.settings.validate_steps == 0 or done == steps:
                    mse = self.validate()
                    self.curve.append({"step": done, "train_loss": loss, "validation_mse": mse, "validation_r2": self._r2(mse)})
                if done % self.settings.checkpoint_steps == 0:
                    self._checkpoint(done)

    def validate(self) -> float:
        """Validation MSE a teacher value, in the teacher's full space and units."""
        windows, targets = self.validation_set
        squared = 0.0
        for start in range(0, len(windows), 256):
            predicted = self._predict(tf.constant(windows[start : start + 256], tf.float32)).numpy() * self.scale
            squared += float(np.square(predicted - targets[start : start + 256], dtype=np.float64).sum())
        return (squared / len(windows) + self.projection.residual_variance) / len(self.projection.mean)

    def _stopped_improving(self) -> bool:
        """Whether the last `patience` validations were no better than the best before them; those before the student trains as it ships do not count."""
        ships_from = self.ship_step if self.ship_step < self.settings.steps else 0
        errors = [row["validation_mse"] for row in self.curve if row["step"] > ships_from]
        patience = self.settings.patience
        return patience is not None and len(errors) > patience and min(errors[-patience:]) >= min(errors[:-patience])

    def save(self, folder: Path) -> dict:
        """Writes weights, spec, curve and summary; equal models give equal bytes. Removes the checkpoints; returns the summary."""
        folder.mkdir(parents=True, exist_ok=True)
        save_weights(self.model, folder / "weights.npz")
        (folder / "spec.json").write_text(json.dumps(self.spec.as_dict(), indent=1) + "\n")
        with open(folder / "curve.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, ["step", "train_loss", "validation_mse", "validation_r2"], lineterminator="\n")
            writer.writeheader()
            writer.writerows({key: f"{value:.6g}" for key, value in row.items()} for row in self.curve)
        mse = self.validate() if self.status != "ok" or not self.curve else self.curve[-1]["validation_mse"]
        summary = {"schema": 1, "status": self.status, "seed": self.seed, "steps": self._done(), **count(self.spec)}
        summary |= {"validation_mse": mse, "validation_r2": self._r2(mse)}
        (folder / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
        shutil.rmtree(self.scratch, ignore_errors=True)
        return summary

    def _done(self) -> int:
        """Steps behind the student: the last validation's, as training ends with one."""
        return self.curve[-1]["step"] if self.curve else 0

    def _start(self) -> None:
        """A new student, dense and in floating point."""
        keras.utils.set_random_seed(self.seed)
        dense = replace(self.spec, rank=None, qat=False)
        self._use(build(dense, self.projection.values, self.settings.batch_norm_momentum), step=0)

    def _use(self, model: keras.Model, step: int) -> None:
        """Goes on with this model from this step; Adam's moments begin anew."""
        self.model = model
        optimizer = keras.optimizers.legacy.Adam(self._learning_rate, epsilon=1e-8)  # the fused kernel: faster on CPU
        self._saver = tf.train.Checkpoint(model=model, optimizer=optimizer)
        self._phase = "shipped" if step >= self.ship_step else "dense"

        @tf.function
        def train_step(windows, targets):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.math.squared_difference(model(windows[..., None], training=True), targets))
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
            return loss

        self._step = train_step
        self._predict = tf.function(
            lambda windows: model(windows[..., None], training=False), input_signature=[tf.TensorSpec([None, 96, 64], tf.float32)]
        )

    def _batch(self, step: int) -> tuple[tf.Tensor, tf.Tensor]:
        windows, targets = self.train_set
        rows = np.sort(batch_rows(len(windows), self.settings.batch_windows, self.seed, step))
        return tf.constant(windows[rows], tf.float32), tf.constant(targets[rows] / self.scale, tf.float32)

    def _r2(self, mse: float) -> float:
        """Share of the teacher's variance (over the windows the projection was fitted on) that the student explains."""
        variance = float(np.square(self.projection.deviation).sum()) + self.projection.residual_variance
        return 1.0 - mse * len(self.projection.mean) / variance

    def _checkpoint(self, done: int) -> None:
        path = self._saver.write(str(self.scratch / f"step-{done}"))
        state = {"done": done, "path": path, "phase": self._phase, "curve": self.curve}
        new = self.scratch / "state.json.new"
        new.write_text(json.dumps(state))
        new.replace(self.scratch / "state.json")  # atomic: a kill leaves the state before or after
        for old in self.scratch.glob("step-*"):
            if not old.name.startswith(f"step-{done}."):
                old.unlink()

    def _restore(self) -> int:
        self.scratch.mkdir(parents=True, exist_ok=True)
        try:
            state = json.loads((self.scratch / "state.json").read_text())
        except FileNotFoundError:
            return 0
        if state["phase"] == "shipped":
            self._use(as_shipped(self.model, self.spec, self.settings.batch_norm_momentum), state["done"])
        self._saver.read(str(self.scratch / f"step-{state['done']}"))
        self.curve = state["curve"]
        return state["done"]

    def _diverged(self, step: int, label: str) -> None:
        self.status = "diverged"
        rate = learning_rate(step, self.settings)
        print(f"{label}: the loss is not finite at step {step}, learning rate {rate:.3g}; recorded as diverged. Lower distill.learning_rate")
        self._start()
        self._restore()
        if self._phase == "dense" and self.ship_step <= self.settings.steps:
            self._use(as_shipped(self.model, self.spec, self.settings.batch_norm_momentum), self.ship_step)


def learning_rate(step: int, settings: Distill) -> float:
    """Schedule "cosine": linear warm-up, then cosine decay to 0. "constant": the same at every step, as published."""
    if settings.schedule == "constant":
        return settings.learning_rate
    warm_up = max(1, round(WARM_UP_SHARE * settings.steps))
    if step < warm_up:
        return settings.learning_rate * (step + 1) / warm_up
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, settings.steps - warm_up)))


def batch_rows(rows: int, batch: int, seed: int, step: int) -> np.ndarray:
    """Which rows batch `step` holds: consecutive pieces of one permutation an epoch."""
    batch = min(batch, rows)
    epoch, index = divmod(step, rows // batch)
    return np.random.default_rng([seed, epoch]).permutation(rows)[index * batch : (index + 1) * batch]


def target_scale(deviation: np.ndarray, balance: float) -> np.ndarray:
    """What each target component [P] is divided by: deviation^balance, normalised so that the targets' mean variance is 1."""
    power = np.maximum(deviation, 1e-6 * deviation.max()) ** balance
    return (power * np.sqrt(np.mean(np.square(deviation / power)))).astype(np.float32)


def as_shipped(model: keras.Model, spec: StudentSpec, batch_norm_momentum: float) -> keras.Model:
    """The dense floating-point student as the one that ships: its bottleneck factorised (rank) and fake-quantised (qat)."""
    target_values = model.output_shape[-1]
    shipped = build(replace(spec, qat=False), target_values, batch_norm_momentum)
    for layer in shipped.layers:
        if layer.weights and layer.name not in (FACTOR, EMBEDDING):
            layer.set_weights(model.get_layer(layer.name).get_weights())
    kernel, bias = model.get_layer(EMBEDDING).get_weights()
    if spec.rank is None:
        shipped.get_layer(EMBEDDING).set_weights([kernel, bias])
    else:
        first, second = factorise(kernel, factor_rank(spec, len(kernel)))
        shipped.get_layer(FACTOR).set_weights([first])
        shipped.get_layer(EMBEDDING).set_weights([second, bias])
    return quantised(shipped, spec)


def factorise(kernel: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """[N, M] -> U_r sqrt(S_r) [N, r] and sqrt(S_r) V_r^T [r, M]: the nearest matrix of that rank, its scale shared equally."""
    u, s, vt = np.linalg.svd(kernel.astype(np.float64), full_matrices=False)
    root = np.sqrt(s[:rank])
    return (u[:, :rank] * root).astype(np.float32), (root[:, None] * vt[:rank]).astype(np.float32)


def quantised(model: keras.Model, spec: StudentSpec) -> keras.Model:
    from frill.students.quantization import quantize_bottleneck

    return quantize_bottleneck(model, [FACTOR, EMBEDDING]) if spec.qat else model


def checkpoint_name(spec: StudentSpec, settings: Distill, seed: int, targets: Path) -> str:
    """A name that only the same training has: the architecture, every setting, the targets' content, the training code."""
    code = hashlib.sha256()
    for path in (Path(__file__), *sorted((Path(__file__).parent / "students").glob("*.py"))):
        code.update(path.read_bytes())
    content = hashlib.sha256()
    for path in sorted(targets.iterdir()):
        with open(path, "rb") as file:
            content.update(hashlib.file_digest(file, "sha256").digest())
    parts = [spec.as_dict(), settings.model_dump(), seed, content.hexdigest(), code.hexdigest()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


def save_weights(model: keras.Model, path: Path) -> None:
    """Every weight up to the embedding, keyed by layer and position."""
    layers = (layer for layer in model.layers if layer.weights and not layer.name.endswith("to_target"))
    np.savez(path, **{f"{layer.name}/{i}": value for layer in layers for i, value in enumerate(layer.get_weights())})


def load_student(folder: Path) -> keras.Model:
    """The trained student, windows [B, 96, 64, 1] -> embedding [B, bottleneck]."""
    model = build(StudentSpec(**json.loads((folder / "spec.json").read_text())), None)
    with np.load(folder / "weights.npz") as file:
        for layer in model.layers:
            if layer.weights:
                layer.set_weights([file[f"{layer.name}/{i}"] for i in range(len(layer.weights))])
    return model
