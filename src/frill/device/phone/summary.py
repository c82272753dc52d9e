"""Processes of a model and of the control, as one measurement."""

import numpy as np

from frill.device.phone.tools.benchmark_model import Timing


def summarise(models: list[Timing], controls: list[Timing]) -> dict:
    """Return milliseconds of the processes of a model and, pair by pair, of the control.

    `latency_ms` is the median over processes, `iqr_ms` their quartiles, `min_ms` the fastest
    invocation. `p95_ms` is the median over processes of their 95th percentiles where the tool
    prints those (`p95_over` invocations), else the 95th percentile over processes. `ratio` is the
    median of each process's ratio to the control's.
    """
    has_medians = all(timing.median_ms is not None for timing in models + controls)
    statistic = "median" if has_medians else "mean"
    model_ms = np.array([getattr(timing, f"{statistic}_ms") for timing in models])
    control_ms = np.array([getattr(timing, f"{statistic}_ms") for timing in controls])
    ratios = model_ms / control_ms
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
        "latency_ms": float(np.median(model_ms)),
        "iqr_ms": np.percentile(model_ms, [25, 75]).tolist(),
        "min_ms": min(timing.min_ms for timing in models),
        "p95_ms": float(p95_ms),
        "p95_over": p95_over,
        "init_ms": float(np.median([timing.init_ms for timing in models])),
        "first_ms": first_ms,
        "control_ms": float(np.median(control_ms)),
        "ratio": float(np.median(ratios)),
        "ratio_iqr": np.percentile(ratios, [25, 75]).tolist(),
        "process_ms": model_ms.tolist(),
        "control_process_ms": control_ms.tolist(),
        "delegated_nodes": models[0].delegated_nodes,
        "warnings": sorted({warning for timing in models for warning in timing.warnings}),
    }
