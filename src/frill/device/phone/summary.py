"""Processes of a model and of the control, as one measurement."""

import numpy as np

from frill.device.intervals import summarise_pairs
from frill.device.phone.tools import benchmark_model as benchmark_tool
from frill.device.phone.tools.benchmark_model import Delegation, Timing


def summarise(models: list[Timing], controls: list[Timing]) -> dict:
    """Return milliseconds of the processes of a model and, pair by pair, of the control.

    `latency_ms` is the median over processes, `iqr_ms` their quartiles, `min_ms` the fastest
    invocation. `p50_ms` and `p95_ms` are over invocations: medians over processes of what the tool
    prints of each, where it does. Without, `p95_ms` is over processes, and `p95_over` says so. No
    tool prints the 90th. `ratio` is the median of each process's ratio to the control's.
    """
    has_medians = all(timing.median_ms is not None for timing in models + controls)
    statistic = "median" if has_medians else "mean"
    model_ms = np.array([getattr(timing, f"{statistic}_ms") for timing in models])
    control_ms = np.array([getattr(timing, f"{statistic}_ms") for timing in controls])
    percentiles = [timing.p95_ms for timing in models if timing.p95_ms is not None]
    if len(percentiles) == len(models):
        p95_over, p95_ms = "invocations", np.median(percentiles)
    else:
        p95_over, p95_ms = "processes", np.percentile(model_ms, 95)
    firsts_ms = [timing.first_ms for timing in models if timing.first_ms is not None]
    first_ms = float(np.median(firsts_ms)) if firsts_ms else None
    return {
        "statistic": statistic,
        "processes": len(models),
        "runs": sum(timing.runs for timing in models),
        **summarise_pairs(model_ms, control_ms),
        "min_ms": min(timing.min_ms for timing in models),
        "p50_ms": float(np.median(model_ms)) if has_medians else None,
        "p90_ms": None,
        "p95_ms": float(p95_ms),
        "p95_over": p95_over,
        "init_ms": float(np.median([timing.init_ms for timing in models])),
        "first_ms": first_ms,
        "process_ms": model_ms.tolist(),
        "control_process_ms": control_ms.tolist(),
        "delegation": _describe_delegation(models[0].delegation),
        "warnings": sorted({warning for timing in models for warning in timing.warnings}),
    }


def _describe_delegation(delegation: tuple[Delegation, ...] | None) -> list[dict] | None:
    return None if delegation is None else [each._asdict() for each in delegation]


def read_memory(stdout: str, stderr: str) -> dict[str, float | None]:
    """Return the memory of a run that was asked for its peak, MiB, two ways.

    `process_memory_mib` is the whole process at its peak, tool included: what budgets look at, as
    `peak_memory_mib`. `added_memory_mib` is what the process grew by from the tool's start to its
    end. Raises ToolError where no peak is printed.
    """
    peak_mib = benchmark_tool.parse_peak_memory(stdout, stderr)
    return {
        "peak_memory_mib": peak_mib,
        "process_memory_mib": peak_mib,
        "added_memory_mib": benchmark_tool.parse_added_memory(stdout, stderr),
    }


def read_cadence(stdout: str, stderr: str) -> dict[str, float | int]:
    """Return the median, or mean, of a run that called the model each 170 ms, and its calls."""
    timing = benchmark_tool.parse(stdout, stderr, 0)
    cadence_ms = timing.mean_ms if timing.median_ms is None else timing.median_ms
    return {"cadence_ms": cadence_ms, "cadence_runs": timing.runs}
