"""Processes of a model and of the control, as one measurement."""

import numpy as np

from frill.device.phone.tool import Timing


def summary(models: list[Timing], controls: list[Timing]) -> dict:
    """Of the processes of a model and, pair by pair, of the control: milliseconds, and the ratio of the two.

    `latency_ms` is the median over processes, `iqr_ms` their quartiles, `min_ms` the fastest invocation; `p95_ms` the median over processes of their
    95th percentiles where the tool prints those (`p95_over` invocations), else the 95th percentile over processes.
    """
    medians = all(timing.median_ms is not None for timing in models + controls)
    model_ms, control_ms = (
        np.array([t.median_ms if medians else t.mean_ms for t in timings])
        for timings in (models, controls)
    )
    percentiles = [timing.p95_ms for timing in models if timing.p95_ms is not None]
    over_invocations = len(percentiles) == len(models)
    ratios = model_ms / control_ms
    return {
        "statistic": "median" if medians else "mean",
        "processes": len(models),
        "runs": sum(timing.runs for timing in models),
        "latency_ms": float(np.median(model_ms)),
        "iqr_ms": np.percentile(model_ms, [25, 75]).tolist(),
        "min_ms": min(timing.min_ms for timing in models),
        "p95_ms": float(
            np.median(percentiles) if over_invocations else np.percentile(model_ms, 95)
        ),
        "p95_over": "invocations" if over_invocations else "processes",
        "init_ms": float(np.median([timing.init_ms for timing in models])),
        "first_ms": float(np.median(firsts))
        if (firsts := [t.first_ms for t in models if t.first_ms is not None])
        else None,
        "control_ms": float(np.median(control_ms)),
        "ratio": float(np.median(ratios)),
        "ratio_iqr": np.percentile(ratios, [25, 75]).tolist(),
        "process_ms": model_ms.tolist(),
        "control_process_ms": control_ms.tolist(),
        "delegated_nodes": models[0].delegated_nodes,
        "warnings": sorted({warning for timing in models for warning in timing.warnings}),
    }
