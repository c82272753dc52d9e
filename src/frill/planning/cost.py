"""From what was measured to what a stage takes: seconds of work that was not measured itself. None where something it needs is unknown."""

import math
import os

import numpy as np

from frill.params import Noss, Params, Student
from frill.planning.amount import Amount
from frill.planning.speed import PROBE_CLASSES, PROBE_CLIPS, PROBE_VALUES, Speeds
from frill.planning.students import Cost, cost

LIGHT_START_S = 2.0  # Python and numpy in a new process, and DVC's own work around a stage
POOL_START_S = 3.0  # processes that speak
# A step's seconds go with multiply-adds + ACTIVATION_ADDS x activations: what convolutions write is read and written by batch norm, its
# gradient and hard-swish. Of eight students (tiny 0.5 to large 2.0, both poolings) two measured ones predict the others within 16 %.
ACTIVATION_ADDS = 40
UPDATE_S = 3e-9  # Adam's update of one value, bound by memory: the part of a step that does not grow with the batch
VALIDATION = 1 / 3  # of a training step's time, a window: the forward pass
CALLS = 0.8  # share of LiteRT's own speed that is left with Python between the calls (docs/performance.md, "Scoring")
EIGEN = 10  # multiply-adds of a symmetric eigendecomposition, x the rank cubed
TRAIN_SHARE = 0.7  # of a task's clips that train the probes, where there are no folds
ITERATIONS = {"lr": 2 * 100, "lr_regularised": 5 * 100}  # lbfgs's, of both regressions and of all strengths; 100 is scikit-learn's limit
FOREST_ADDS = 2 * 100 * 60  # two forests of 100 trees; 60 where they take four fifths of the protocol's time, as on the default's tasks


def cores(params: Params) -> int:
    """Threads that can run at once."""
    return min(params.threads, os.cpu_count() or 1)


def step_s(speeds: Speeds, student: Student, params: Params, target_values: int) -> float | None:
    """One training step: on a line through those measured, over multiply-adds and activations; larger batches in proportion."""
    if not speeds.trainings:
        return None
    bottleneck, measured = params.distill.bottleneck, list(speeds.trainings.values())
    seconds = np.array([step.step_s for step in measured])
    loads = np.array([_load(cost(step.student, bottleneck), bottleneck, target_values) for step in measured])
    own = cost(student, bottleneck)
    load, batch = _load(own, bottleneck, target_values), measured[0].batch
    predicted_s = _on_line(load, loads, seconds)
    update_s = min(0.5 * predicted_s, UPDATE_S * own.trained(bottleneck, target_values))
    return (predicted_s - update_s) * min(params.distill.batch_windows, 10**9) / batch + update_s


def _load(student: Cost, bottleneck: int, target_values: int) -> float:
    return student.multiply_adds + ACTIVATION_ADDS * student.activations + bottleneck * target_values


def _on_line(x: float, xs: np.ndarray, ys: np.ndarray) -> float:
    """Between the measured points straight lines, outside of them in proportion to the nearest."""
    order = np.argsort(xs)
    xs, ys = xs[order], ys[order]
    if x < xs[0] or x > xs[-1]:
        nearest = 0 if x < xs[0] else -1
        return float(ys[nearest] * x / xs[nearest])
    return float(np.interp(x, xs, ys))


def distill_s(speeds: Speeds, student: Student, params: Params, target_values: int, validation_windows: int | None) -> float | None:
    """A student's stage: start, and for every seed tracing, steps and validations."""
    one_s = step_s(speeds, student, params, target_values)
    if one_s is None or speeds.start_s is None or validation_windows is None:
        return None
    settings = params.distill
    validations = -(-settings.steps // settings.validate_steps)
    traces = 2 if student.rank is not None or student.qat else 1  # a student that ships otherwise is built and traced anew
    trace_s = traces * float(np.mean([step.trace_s for step in speeds.trainings.values()]))
    steps_s = one_s * settings.steps + VALIDATION * one_s / settings.batch_windows * validation_windows * validations
    return speeds.start_s + student.seeds * (trace_s + steps_s)


def invocation_s(speeds: Speeds, student: Student, bottleneck: int) -> float | None:
    """LiteRT on one window: a line over multiply-adds and the bytes of weights, which a call has to read."""
    if not speeds.invocations:
        return None
    costs = [cost(measured, bottleneck) for measured, _ in speeds.invocations.values()]
    seconds = np.array([s for _, s in speeds.invocations.values()])
    own = cost(student, bottleneck)
    features = np.array([[c.multiply_adds, c.weight_bytes] for c in costs], float)
    if len(features) > 1:
        slopes = np.linalg.lstsq(features / seconds[:, None], np.ones(len(seconds)), rcond=None)[0]
        if (slopes >= 0).all():
            return float(slopes @ [own.multiply_adds, own.weight_bytes])
    return _on_line(own.multiply_adds, features[:, 0], seconds)


def probe_adds(amount: Amount, values: int, noss: Noss, protocols: list[str]) -> float:
    """Multiply-adds of scoring one task: decompositions of `fast`, and of `frill` its regressions at every normalisation."""
    splits, share = (amount.folds, 1 - 2 / amount.folds) if amount.folds > 2 else (1, TRAIN_SHARE)
    train, held = share * amount.clips, (1 - share) * amount.clips
    rank, columns = min(train, values), 1 if amount.classes == 2 else max(2, amount.classes)
    products = (train + held) * rank * values + EIGEN * rank**3
    total = 0.0
    if "fast" in protocols:
        total += products + EIGEN * rank**3 * ("lda" in noss.probes)
    if "frill" in protocols:
        regressions = sum(ITERATIONS.values()) * 2 * train * rank * columns
        forests = FOREST_ADDS * train * math.log2(train + 1) * values**0.5 * max(2, amount.classes) if noss.forests else 0.0
        total += (4 if amount.speakers else 2) * (2 * products + regressions + forests)
    return splits * total


def probes_s(speeds: Speeds, tasks: list[Amount | None], values: int, params: Params, protocols: list[str]) -> float | None:
    """Scoring one model's embeddings on all tasks, which share the cores: in proportion to the small task that was measured."""
    if speeds.probe_s is None or not all(tasks):
        return None
    small = Amount(PROBE_CLIPS, np.array([1.0]), "", PROBE_CLASSES, speakers=True)
    noss = params.noss
    add_s = speeds.probe_s / probe_adds(small, PROBE_VALUES, noss.model_copy(update={"forests": 0}), speeds.probe_protocols)
    seconds = [add_s * probe_adds(task, values, noss, protocols) for task in tasks if task]
    return max(max(seconds), sum(seconds) / cores(params))


def benchmark_s(device, latency_s: float = 0.0) -> float:
    """One model on one device by its own settings; what a phone needs to cool down is not in it."""
    if device.kind == "host":
        return LIGHT_START_S + 2 * device.rounds * (max(device.round_ms / 1e3, 3 * latency_s) + 3 * latency_s)
    process_s = device.warm_up_s + max(device.min_s, device.runs * latency_s)
    return LIGHT_START_S + (2 * device.processes + 3) * process_s  # check, operators and memory are runs of their own
