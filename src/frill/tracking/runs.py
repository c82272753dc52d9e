"""What MLflow shows: a run for every model, and one for the frontier.json that they make together.

A run's key is a hash of all that its model is and has scored by itself, so the same results are one run, whatever ran, was restored from a cache or
pulled. What other models move (the pooled latency, being on the frontier) and what a further device adds stays out of the key: it is logged again.
"""

import hashlib
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

AXES = ("backbone", "width", "pooling", "rank", "qat", "precision", "seeds")
OWN = (
    "quality",
    "quality_test",
    "file_bytes",
    "mean_test_accuracy",
    "parameters",
    "multiply_adds",
    "weight_bytes",
    "bottleneck_bytes",
)
OWN += (
    "validation_r2",
    "parity_min_cosine",
    "parity_relative_error",
    "quantisation_points",
    "seed_deviation",
    "seed_deviation_test",
    "peak_memory_mib",
)
NOTE_ROWS = 40
FLAGS = ("on_frontier", "on_cautious_frontier")


@dataclass(frozen=True)
class Run:
    """One run. `moving` are the metrics that do not make it another run when they change; `curve` has a dict with `step` for every point."""

    name: str
    params: dict[str, str | int | float]
    metrics: dict[str, float]
    moving: dict[str, float]
    tags: dict[str, str]
    artifacts: list[Path] = field(default_factory=list)
    curve: list[dict] = field(default_factory=list)

    @property
    def key(self) -> str:
        return _hash([self.name, self.params, self.metrics, self.curve, self.tags])


def model_runs(
    frontier: dict,
    noss: dict[str, dict],
    curves: dict[str, list[dict]],
    training: dict,
    ratios: dict[str, float],
    elsewhere: dict[str, dict[str, float]],
) -> list[Run]:
    """A run for every student and reference of frontier.json.

    `training` is the section `distill` of params.yaml, `ratios` a model's latency against the control's as it was measured, `elsewhere` latency_ms
    on the devices that do not decide, by device and model.
    """
    result = []
    for model in frontier["students"] + frontier["references"]:
        name, is_student = model["name"], "backbone" in model
        params = (
            {axis: "none" if model[axis] is None else model[axis] for axis in AXES}
            if is_student
            else {}
        )
        params |= (
            {
                f"distill.{key}": "none" if value is None else value
                for key, value in training.items()
            }
            if is_student
            else {}
        )
        metrics = (
            {key: model.get(key) for key in OWN}
            | _limits(model, "quality_interval")
            | _limits(model, "quality_test_interval")
        )
        metrics |= {
            f"{task}_test_accuracy": scores["test_accuracy"]
            for task, scores in noss[name]["tasks"].items()
        }
        metrics["latency_ratio"] = ratios.get(name)
        moving = {"latency_ms": model.get("latency_ms")} | _limits(model, "latency_interval_ms")
        moving |= {f"{device}_latency_ms": times.get(name) for device, times in elsewhere.items()}
        moving |= {flag: model.get(flag) for flag in FLAGS} | (
            {"selected": name == frontier["selected"]} if is_student else {}
        )
        tags = {
            "kind": "student" if is_student else "reference",
            "synthetic": str(frontier["synthetic"]).lower(),
            "device": frontier["device"],
        }
        tags |= {"status": model["status"], "spec_hash": _hash(params)[:12]} if is_student else {}
        artifacts = [Path(f"results/noss/{name}.json")]
        artifacts += (
            [Path(f"models/tflite/{name}/model.tflite"), Path(f"models/students/{name}/spec.json")]
            if is_student
            else []
        )
        result.append(
            Run(
                name,
                params,
                _finite(metrics),
                _finite(moving),
                tags,
                artifacts,
                curves.get(name, []),
            )
        )
    return result


def frontier_run(frontier: dict, path: Path) -> Run:
    """The parent: what was selected, under what budget, out of how many; its key is the whole of frontier.json, at `path`."""
    students = frontier["students"]
    selected = next((s for s in students if s["name"] == frontier["selected"]), {})
    metrics = {
        "students": len(students),
        "frontier_students": sum(s["on_frontier"] for s in students),
    }
    metrics |= {
        key: selected.get(key) for key in ("latency_ms", "quality", "quality_test", "file_bytes")
    }
    params = {"selected": frontier["selected"] or "none", "device": frontier["device"]}
    tags = {
        "kind": "frontier",
        "synthetic": str(frontier["synthetic"]).lower(),
        "device": frontier["device"],
        "frontier_hash": _hash(frontier)[:12],
    }
    return Run(f"frontier {_hash(frontier)[:6]}", params, _finite(metrics), {}, tags, [path])


def frontier_note(frontier: dict, experiment_id: str, ids: dict[str, str]) -> str:
    """The parent's description, in Markdown, with links into MLflow's page; `ids` are the members' runs by name. Under MLflow's 8,000 characters."""
    best = sorted(
        (s for s in frontier["students"] if s["on_frontier"]), key=lambda s: s["latency_ms"]
    )[:NOTE_ROWS]
    compared = frontier["students"] if len(frontier["students"]) <= NOTE_ROWS else best
    runs = quote(json.dumps([ids[s["name"]] for s in compared]))
    page = f"#/compare-runs?runs={runs}&experiments={quote(json.dumps([experiment_id]))}"
    rows = [
        f"| [{s['name']}](#/experiments/{experiment_id}/runs/{ids[s['name']]}) | {s['latency_ms']:.3f} | {s['quality']:+.2f} | {s['file_bytes'] / 2**20:.1f} |"
        for s in best
    ]
    head = [
        "On the frontier (members.json names all members):",
        "",
        "| student | latency, ms | quality, points | MiB |",
        "|---|---|---|---|",
    ]
    return "\n".join(
        [
            f"[Compare the students]({page}): axes and metrics side by side. {frontier['reason']}.",
            "",
            *head,
            *rows,
        ]
    )


def _limits(model: dict, key: str) -> dict[str, float]:
    """`quality_interval` -> quality_low, quality_high; `latency_interval_ms` -> latency_low_ms, latency_high_ms."""
    names = (key.replace("interval", "low"), key.replace("interval", "high"))
    return dict(zip(names, model.get(key) or (), strict=False))


def _finite(values: dict) -> dict[str, float]:
    """Those that are numbers: a store returns no NaN as it was given."""
    return {
        key: float(value)
        for key, value in values.items()
        if value is not None and math.isfinite(value)
    }


def _hash(content) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]
