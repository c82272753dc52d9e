"""Distillation: its arithmetic against closed forms, and training as a function of its inputs.

However often it was interrupted, equal inputs give equal bytes.
"""

import json
import math
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from pipeline_project import ROOT
from sklearn.metrics import r2_score
from trainings import DENSE, RANK, SETTINGS, Killed, check_same, train

import frill.students.distill as module
from frill.params.schema import Distill
from frill.students import checkpoint
from frill.students.build import EMBEDDING, FACTOR, StudentSpec
from frill.students.curve import read_curve
from frill.students.distill import Distillation, distill
from frill.students.low_rank import factorise
from frill.students.schedule import batch_rows, learning_rate
from frill.students.training_step import target_scale
from frill.students.weights import load_student
from frill.targets.store import Projection, load_split

# Nothing is learned at this rate; batch norm's averages settle, and then no validation is much
# better than the last.
PATIENT = dict(steps=200, learning_rate=1e-12, batch_norm_momentum=0.5, patience=3)


def raise_learning_rate(monkeypatch, rate: float, is_raised) -> None:
    def learning_rate_of(step, settings):
        return rate if is_raised(step) else learning_rate(step, settings)

    monkeypatch.setattr(module, "learning_rate", learning_rate_of)


def embed_silence(folder: Path) -> np.ndarray:
    return load_student(folder).predict(np.zeros((1, 96, 64, 1)), verbose=0)


def test_learning_rate_warms_up_and_decays():
    # 5 steps of warm-up, 100 of cosine.
    settings = Distill(**SETTINGS | {"steps": 105, "learning_rate": 0.1})
    rates = [learning_rate(step, settings) for step in range(105)]
    np.testing.assert_allclose(rates[:5], [0.02, 0.04, 0.06, 0.08, 0.1])
    np.testing.assert_allclose(
        [rates[5], rates[30], rates[55], rates[80]],
        0.1 * np.array([1, 0.5 + math.sqrt(0.125), 0.5, 0.5 - math.sqrt(0.125)]),
    )
    assert 0 < rates[-1] < 1e-4


def test_a_constant_learning_rate():
    settings = Distill(**SETTINGS | {"schedule": "constant"})
    assert {learning_rate(step, settings) for step in range(6)} == {0.01}


@pytest.mark.parametrize("rows, batch", [(12, 4), (40, 8), (7, 1), (5, 9)])
def test_every_row_once_an_epoch(rows, batch):
    batches = rows // min(batch, rows)
    for epoch in range(3):
        steps = range(epoch * batches, (epoch + 1) * batches)
        drawn = np.concatenate([batch_rows(rows, batch, 17, step) for step in steps])
        assert sorted(drawn) == list(range(rows))


def test_epochs_and_seeds_have_orders_of_their_own():
    orders = [tuple(batch_rows(30, 30, seed, step)) for seed in (1, 2) for step in (0, 1)]
    assert len(set(orders)) == 4


def test_a_remainder_is_left_out():
    drawn = np.concatenate([batch_rows(11, 4, 17, step) for step in (0, 1)])
    assert len(set(drawn)) == 8


@pytest.mark.parametrize("shape", [(20, 12), (12, 20)])
def test_factorise_is_the_truncated_svd(shape):
    kernel = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    singular = np.linalg.svd(kernel, compute_uv=False)
    for rank in (1, 5, 12):
        first, second = factorise(kernel, rank)
        assert first.shape == (shape[0], rank) and second.shape == (rank, shape[1])
        error = np.linalg.norm(kernel - first @ second)
        smallest = np.sqrt(np.sum(singular[rank:] ** 2))  # Eckart and Young 1936
        assert error == pytest.approx(smallest, abs=1e-5)
        # The scale is shared.
        np.testing.assert_allclose(first.T @ first, second @ second.T, atol=1e-5)


def test_the_same_twice_and_what_is_saved(short_backbone, targets, tmp_path):
    training = Distillation(DENSE, Distill(**SETTINGS), targets, 17, tmp_path / "scratch")
    training.run()
    summary = training.save(tmp_path / "one")
    train(DENSE, targets, tmp_path / "two")
    for name in ("weights.npz", "curve.csv", "spec.json", "summary.json"):
        check_same(tmp_path / "one" / name, tmp_path / "two/student" / name)
    assert summary["status"] == "ok"
    assert summary == json.loads((tmp_path / "one/summary.json").read_text())
    training.remove_checkpoint()
    assert not list((tmp_path / "scratch").iterdir())
    windows, expected = load_split(targets, "validation")
    windows = windows.astype(np.float32)[..., None]
    embedding = load_student(tmp_path / "one").predict(windows, verbose=0)
    kernel, bias = training.model.get_layer("embedding_to_target").get_weights()
    projection = Projection.load(targets / "projection.npz")
    predicted = (embedding @ kernel + bias) * target_scale(projection.deviation, 0.5)
    own = training.model.predict(windows, verbose=0) * training.scale
    np.testing.assert_allclose(predicted, own, atol=1e-4)
    # In the full space the error is the projected one and what the projection leaves out, over all
    # teacher values.
    mse = (np.mean(np.sum((predicted - expected) ** 2, axis=1)) + 0.5) / 10
    assert summary["validation_mse"] == pytest.approx(mse, rel=1e-3)
    # Here the four values beyond the basis miss by 0.5, half of the windows to either side.
    signs = np.where(np.arange(len(expected)) % 2, 1, -1)
    rest = np.outer(signs, np.full(4, np.sqrt(0.5 / 4)))
    r2 = r2_score(
        np.concatenate([expected, rest], axis=1),
        np.concatenate([predicted, np.zeros_like(rest)], axis=1),
        multioutput="variance_weighted",
    )
    assert summary["validation_r2"] == pytest.approx(r2, rel=1e-3, abs=1e-4)


@pytest.fixture(scope="module")
def whole(short_backbone, targets, tmp_path_factory):
    """Return the folder of the student of rank 3, trained without interruption."""
    folder = tmp_path_factory.mktemp("whole")
    train(RANK, targets, folder)
    return folder / "student"


@pytest.mark.parametrize("killed_at", [2, 4])  # ships from step 3
def test_a_resumed_run_gives_the_same_bytes(whole, targets, tmp_path, monkeypatch, killed_at):
    monkeypatch.setattr(Killed, "at", killed_at)
    with pytest.raises(KeyboardInterrupt):
        train(RANK, targets, tmp_path / "killed", Killed, tmp_path / "scratch")
    train(RANK, targets, tmp_path / "resumed", scratch=tmp_path / "scratch")
    for name in ("weights.npz", "curve.csv", "summary.json"):
        check_same(whole / name, tmp_path / "resumed/student" / name)


def test_another_training_does_not_resume_this_one(targets):
    changes = ({}, {"steps": 7}, {"balance": 0.0})
    names = set()
    for spec, change, seed in product((DENSE, RANK), changes, (1, 2)):
        shaping = checkpoint.list_shaping(Distill(**SETTINGS | change), seed, targets)
        names.add(checkpoint.name(spec, shaping))
    assert len(names) == 12


def test_it_learns(short_backbone, targets, tmp_path):
    train(DENSE, targets, tmp_path, steps=60, checkpoint_steps=1000)
    loss = [float(row["train_loss"]) for row in read_curve(tmp_path / "student")]
    assert len(loss) == 60 and loss[-1] < 0.3  # guessing the mean gives 1


@pytest.mark.parametrize("spec, counted_from", [(DENSE, 0), (RANK, 100)], ids=["dense", "rank"])
def test_early_stopping_stops_at_the_first_validations_without_progress(
    short_backbone, targets, tmp_path, capsys, spec, counted_from
):
    summary = train(spec, targets, tmp_path, **PATIENT, checkpoint_steps=1000)
    rows = read_curve(tmp_path / "student")[counted_from:]
    errors = [float(row["validation_mse"]) for row in rows]
    stops = [n for n in range(4, len(errors) + 1) if min(errors[n - 3 : n]) >= min(errors[: n - 3])]
    assert stops == [len(errors)] and summary["steps"] == counted_from + len(errors) < 200
    assert f"stopped at step {summary['steps']}" in capsys.readouterr().out


def test_a_full_rank_changes_nothing_and_both_factors_learn(short_backbone, targets, tmp_path):
    spec = StudentSpec("tiny", 0.5, "gap", 16, False, 16)
    training = Distillation(spec, Distill(**SETTINGS), targets, 17, tmp_path)
    training.start()
    windows = load_split(targets, "validation")[0].astype(np.float32)[..., None]
    dense = training.model.predict(windows, verbose=0)
    training._ship()
    np.testing.assert_allclose(training.model.predict(windows, verbose=0), dense, atol=1e-5)
    before = [training.model.get_layer(name).get_weights()[0] for name in (FACTOR, EMBEDDING)]
    training._learning_rate.assign(0.01)
    training._step(*training._batch(0))
    after = [training.model.get_layer(name).get_weights()[0] for name in (FACTOR, EMBEDDING)]
    assert all(np.abs(a - b).max() > 1e-3 for a, b in zip(after, before, strict=True))


def test_every_seed_is_a_training_of_its_own(short_backbone, targets, tmp_path):
    settings, scratch, folder = Distill(**SETTINGS), tmp_path / "scratch", tmp_path / "student"
    summary = distill(DENSE, settings, targets, (17, 18), scratch, folder)
    alone = Distillation(DENSE, settings, targets, 18, scratch)
    alone.run()
    alone.save(tmp_path / "alone")
    train(DENSE, targets, tmp_path / "first")
    for repeat, single in (("", "first/student"), ("repeat_2", "alone")):
        for name in ("weights.npz", "curve.csv"):
            check_same(folder / repeat / name, tmp_path / single / name)
    (repeat,) = summary["repeats"]
    assert (summary["seed"], repeat["seed"], summary["status"]) == (17, 18, "ok")
    assert repeat["validation_mse"] != summary["validation_mse"]
    assert summary == json.loads((folder / "summary.json").read_text())
    assert [path for path in scratch.iterdir() if path != alone.scratch] == []


def test_one_seed_that_diverges_is_said_of_the_student(
    short_backbone, targets, tmp_path, monkeypatch, capsys
):
    class SecondDiverges(Distillation):
        def _batch(self, step):
            windows, rows = super()._batch(step)
            return windows, rows * np.float32(np.nan if self.seed == 18 and step == 3 else 1)

    monkeypatch.setattr(module, "Distillation", SecondDiverges)
    settings, scratch, folder = Distill(**SETTINGS), tmp_path / "scratch", tmp_path / "student"
    summary = distill(DENSE, settings, targets, (17, 18), scratch, folder, "tiny")
    assert [summary["status"], summary["repeats"][0]["status"]] == ["diverged", "diverged"]
    message = "tiny, seed 18: the loss or a weight is not finite at step 3, learning rate"
    assert message in capsys.readouterr().out


TWO_DEVICES = """
import sys
from pathlib import Path
from frill import tensorflow_setup
import numpy as np, tensorflow as tf, tf_keras as keras
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
tensorflow_setup.set_up(2, 17, 1)
from frill.students.distill import Distillation
from frill.students.replicas import choose_devices, distribute
from frill.params.schema import Distill
from frill.students import mobilenet_v3
from frill.students.build import StudentSpec
from trainings import SETTINGS, Killed

mobilenet_v3.BACKBONES["tiny"] = (mobilenet_v3.TINY[:2], 128)
targets, folder = Path(sys.argv[1]), Path(sys.argv[2])
spec = StudentSpec("tiny", 0.5, "gap", 3, True, 16)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert choose_devices(1).num_replicas_in_sync == 1

# One step: the weights are those after Adam on the mean of the gradients that each half of the
# batch has by itself.
both = Distillation(spec, Distill(**SETTINGS), targets, 17, folder / "scratch", strategy)
both.start()
start = both.model.get_weights()
windows, rows = both.train_set
batch = slice(0, 7)  # 4 and 3
both._learning_rate.assign(0.01)
both._step(*(distribute(each[batch], both.strategy) for each in (windows, rows)))

from frill.students.build import build
one = build(spec.dense, both.projection.values, 0.9)
one.set_weights(start)
gradients = []
for part in (slice(0, 4), slice(4, 7)):
    with tf.GradientTape() as tape:
        predicted = one(tf.constant(windows[part], tf.float32)[..., None], training=True)
        squared = tf.reduce_sum((predicted - rows[part] / both.scale) ** 2)
        loss = squared / (8 * both.projection.values)
    gradients.append(tape.gradient(loss, one.trainable_variables))
    one.set_weights(start)
optimizer = keras.optimizers.legacy.Adam(0.01, epsilon=1e-8)
optimizer.apply_gradients((a + b, v) for a, b, v in zip(*gradients, one.trainable_variables))
for a, b, g in zip(both.model.trainable_variables, one.trainable_variables, zip(*gradients)):
    # Adam's first step is the gradient's sign: rounding decides where that is about zero.
    clear = np.abs(g[0] + g[1]) > 1e-5
    np.testing.assert_allclose(a.numpy()[clear], b.numpy()[clear], atol=1e-4)

# Whole trainings: two give the same bytes, though the second is killed at a checkpoint and goes on
# from there.
for name, kinds in (("one", [Distillation]), ("two", [Killed, Distillation])):
    for kind in kinds:
        scratch = folder / f"scratch-{name}"
        training = kind(spec, Distill(**SETTINGS), targets, 17, scratch, strategy)
        try:
            training.run()
        except KeyboardInterrupt:
            assert kind is Killed
    training.save(folder / name)
assert training.status == "ok" and training.done == 6
assert (folder / "one/weights.npz").read_bytes() == (folder / "two/weights.npz").read_bytes()
print("all held")
"""


@pytest.mark.slow
def test_two_devices_share_every_batch(targets, tmp_path):
    """Before and after the student is factorised and quantised: rank 3, qat."""
    # A process of its own: logical devices are made before TensorFlow computes anything.
    command = [sys.executable, "-c", TWO_DEVICES, str(targets), str(tmp_path)]
    folders = [ROOT / "src", ROOT / "tests", ROOT / "tests/students"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, folders))}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run(command, env=environment, **streams)
    assert "all held" in done.stdout, done.stdout[-3000:]


@pytest.mark.parametrize("spec", [DENSE, RANK], ids=["dense", "rank"])
def test_divergence_is_a_result(short_backbone, targets, tmp_path, capsys, spec):
    assert train(spec, targets, tmp_path, learning_rate=1e9)["status"] == "diverged"
    assert json.loads((tmp_path / "student/summary.json").read_text())["status"] == "diverged"
    assert "Lower distill.learning_rate" in capsys.readouterr().out
    assert embed_silence(tmp_path / "student").shape == (1, 16)


@pytest.mark.parametrize(
    "checkpoint_steps, keep_start, expected",
    [(2, False, 4), (3, False, 3), (100, False, 0), (100, True, 3)],
    ids=["shipped checkpoint", "dense checkpoint", "no checkpoint", "dense start"],
)
@pytest.mark.parametrize("qat", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_divergence_after_the_change_to_what_ships(
    short_backbone, targets, tmp_path, monkeypatch, checkpoint_steps, keep_start, expected, qat
):
    raise_learning_rate(monkeypatch, 1e38, lambda step: step >= 4)
    spec = StudentSpec("tiny", 0.5, "gap", 3, qat, 16)
    changes = {"steps": 12, "ship_from": 0.25, "checkpoint_steps": checkpoint_steps}
    summary = train(spec, targets, tmp_path, keep_start=keep_start, **changes)
    # The step at 1e38 is number 4; its loss is still that of the weights before it.
    assert (summary["status"], summary["steps"]) == ("diverged", expected)
    steps = [int(row["step"]) for row in read_curve(tmp_path / "student")]
    assert steps == list(range(1, expected + 1))
    assert np.isfinite(embed_silence(tmp_path / "student")).all()


@pytest.mark.parametrize("bad_step", [3, 5], ids=["a checkpoint's step", "the last step"])
def test_weights_that_overflow_in_the_update_are_no_good_checkpoint(
    short_backbone, targets, tmp_path, monkeypatch, bad_step
):
    raise_learning_rate(monkeypatch, 1e38 * 1e38, lambda step: step == bad_step)
    # Checkpoints after steps 2, 4 and 6; the loss of the bad step is finite still.
    summary = train(DENSE, targets, tmp_path)
    assert (summary["status"], summary["steps"]) == ("diverged", bad_step - 1)
    assert math.isfinite(summary["validation_mse"])
    assert np.isfinite(embed_silence(tmp_path / "student")).all()


def test_a_resume_after_early_stopping_trains_no_further(short_backbone, targets, tmp_path):
    changes = {"scratch": tmp_path / "scratch", "checkpoint_steps": 1, **PATIENT}
    first = train(DENSE, targets, tmp_path / "one", **changes)
    again = train(DENSE, targets, tmp_path / "two", **changes)
    assert first["steps"] == again["steps"] < 200
    check_same(*(tmp_path / name / "student/weights.npz" for name in ("one", "two")))


@pytest.mark.parametrize("steps, ship_from", [(6, 0.99), (1, 0.5)])
def test_what_ships_trains_for_one_step_at_least(
    short_backbone, targets, tmp_path, steps, ship_from
):
    assert train(RANK, targets, tmp_path, steps=steps, ship_from=ship_from)["status"] == "ok"
    assert FACTOR in [layer.name for layer in load_student(tmp_path / "student").layers]


@pytest.mark.slow
@pytest.mark.parametrize(
    "pooling, rank, qat",
    [("flatten", None, False), ("gap", 100, False), ("gap", None, True), ("flatten", 100, True)],
)
def test_every_kind_of_student_trains_saves_and_loads(targets, tmp_path, pooling, rank, qat):
    spec = StudentSpec("tiny", 0.5, pooling, rank, qat, 16)
    training = Distillation(spec, Distill(**SETTINGS), targets, 17, tmp_path / "scratch")
    training.run()
    summary = training.save(tmp_path / "student")
    assert summary["status"] == "ok" and math.isfinite(summary["validation_mse"])
    windows = load_split(targets, "validation")[0].astype(np.float32)[..., None]
    student = load_student(tmp_path / "student")
    trained = {weight.name: weight.numpy() for weight in training.model.weights}
    kept = [weight for weight in student.weights if weight.name in trained]
    assert len(kept) > 20
    for weight in kept:
        np.testing.assert_array_equal(weight.numpy(), trained[weight.name])
    assert student.predict(windows, verbose=0).std() > 0
