"""What MLflow shows: a run for every model, and one for every frontier.json.

A run's key is a hash of all that its model is and has scored by itself. So the same results are one
run, whether they were made, restored from a cache or pulled. The key leaves out what other models
move (the pooled latency, being on the frontier) and what a further device adds: those are logged
again.
"""

import hashlib
import json
import math
from dataclasses import dataclass, field
from pathlib import Path

from frill.frontier.results import Frontier, ReferenceResult, StudentResult, as_dict
from frill.noss.results import PARTS, ModelScores
from frill.params.grid import AXES
from frill.params.schema import CONTROLS, TEACHER
from frill.tracking.tags import KIND

# Metrics that a model has by itself.
OWN = (
    "quality",
    "quality_test",
    "file_bytes",
    "mean_test_accuracy",
    "parameters",
    "multiply_adds",
    "weight_bytes",
    "bottleneck_bytes",
    "validation_r2",
    "parity_min_cosine",
    "parity_relative_error",
    "quantisation_points",
    "seed_deviation",
    "seed_deviation_test",
    "peak_memory_mib",
)
FLAGS = ("on_frontier", "on_cautious_frontier")


@dataclass(frozen=True)
class Run:
    """One run. A change of `moving`, which are metrics too, does not make it another one.

    `curve` has a dict with `step` for every point. `tasks` has the task that a metric was measured
    on. `model_tags` say where the model's file is; None is a run that has no model.
    """

    name: str
    params: dict[str, str | int | float]
    metrics: dict[str, float]
    moving: dict[str, float]
    tags: dict[str, str]
    artifacts: list[Path] = field(default_factory=list)
    curve: list[dict] = field(default_factory=list)
    tasks: dict[str, str] = field(default_factory=dict)
    model_tags: dict[str, str] | None = None

    @property
    def key(self) -> str:
        return _hash([self.name, self.params, self.metrics, self.curve, self.tags])


def make_model_runs(
    frontier: Frontier,
    noss: dict[str, ModelScores],
    curves: dict[str, list[dict]],
    training: dict,
    ratios: dict[str, float],
    other_devices: dict[str, dict[str, float]],
    timed: dict[str, dict[str, float]],
    files: dict[str, dict[str, str]],
) -> list[Run]:
    """Return a run for every student and reference of frontier.json.

    `training` is the section `distill` of params.yaml. `ratios` are the models' measured latencies
    against the control's. `other_devices` has latency_ms by device and model, of those that do not
    decide, and `timed` more metrics of timings by model. `files` has the path and the sha256 of
    students' files, by name.
    """
    runs = []
    for model in frontier.models:
        name = model.name
        metrics = {key: getattr(model, key, None) for key in OWN}
        metrics |= _name_limits(model, "quality_interval")
        metrics |= _name_limits(model, "quality_test_interval")
        tasks = {}
        for task, scores in noss[name].tasks.items():
            for part in PARTS:
                key = f"{task}_{part}_accuracy"
                metrics[key] = scores.accuracy(part)
                tasks[key] = task
        metrics["latency_ratio"] = ratios.get(name)
        moving = {key: getattr(model, key, None) for key in ("latency_ms", *FLAGS)}
        moving |= _name_limits(model, "latency_interval_ms")
        for device, latencies_ms in other_devices.items():
            moving[f"{device}_latency_ms"] = latencies_ms.get(name)
        moving |= timed.get(name, {})
        params = {}
        tags = _tag(_find_kind(name), frontier)
        if isinstance(model, StudentResult):
            values = {axis: getattr(model, axis) for axis in AXES}
            values |= {f"distill.{key}": value for key, value in training.items()}
            params = {key: "none" if value is None else value for key, value in values.items()}
            moving["selected"] = name == frontier.selected
            tags = _tag("student", frontier)
            tags |= {"status": model.status, "spec_hash": _hash(params)[:12]}
        run = Run(
            name,
            params,
            _finite(metrics),
            _finite(moving),
            tags,
            [Path(f"results/noss/{name}.json")],
            curves.get(name, []),
            tasks,
            files.get(name, {}),
        )
        runs.append(run)
    return runs


def _find_kind(name: str) -> str:
    if name == TEACHER:
        return "teacher"
    return "control" if name in CONTROLS else "baseline"


def make_frontier_run(frontier: Frontier, path: Path) -> Run:
    """Return what was selected, under what budget, out of how many.

    Its key is the whole of frontier.json, which lies at `path`.
    """
    students = frontier.students
    metrics = {
        "students": len(students),
        "frontier_students": sum(s.on_frontier for s in students),
    }
    for key in ("latency_ms", "quality", "quality_test", "file_bytes"):
        metrics[key] = getattr(frontier.selected_student, key, None)
    params = {"selected": frontier.selected or "none", "device": frontier.device}
    content_hash = _hash(as_dict(frontier))
    tags = _tag("frontier", frontier) | {"frontier_hash": content_hash[:12]}
    return Run(f"frontier {content_hash[:6]}", params, _finite(metrics), {}, tags, [path])


def _tag(kind: str, frontier: Frontier) -> dict[str, str]:
    synthetic = str(frontier.synthetic).lower()
    return {KIND: kind, "synthetic": synthetic, "device": frontier.device}


def _name_limits(model: StudentResult | ReferenceResult, key: str) -> dict[str, float]:
    """Return `latency_interval_ms` as two values, latency_low_ms and latency_high_ms."""
    names = (key.replace("interval", "low"), key.replace("interval", "high"))
    return dict(zip(names, getattr(model, key, None) or (), strict=False))


def _finite(values: dict) -> dict[str, float]:
    """Return those that are numbers: a store returns no NaN as it was given."""
    finite = {}
    for key, value in values.items():
        if value is not None and math.isfinite(value):
            finite[key] = float(value)
    return finite


def _hash(content) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]
