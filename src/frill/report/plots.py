"""The frontier as a picture, PNG and SVG. Equal data give equal bytes."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

COLOURS = {"tiny": "#2a7f9e", "small": "#c8553d", "large": "#5b4b8a"}
matplotlib.rcParams.update({"svg.hashsalt": "frill", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False})


def plot_frontier(frontier: dict, folder: Path) -> None:
    """Writes frontier.png and frontier.svg: latency against quality with both axes' uncertainty, the budget, the selection."""
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    students = sorted(frontier["students"], key=lambda s: s["latency_ms"])
    for student in students:
        _point(axes, student, selected=student["name"] == frontier["selected"])
    edge = [s for s in students if s["on_frontier"]]
    if edge:
        axes.step([s["latency_ms"] for s in edge], [s["quality"] for s in edge], where="post", color="0.35", linewidth=1, zorder=1)
    axes.axhline(0, color="0.6", linewidth=0.8, linestyle="--")
    axes.annotate("teacher", (1, 0), xycoords=("axes fraction", "data"), ha="right", va="bottom", color="0.4")
    for reference in frontier["references"]:
        if reference["name"] != "teacher":
            axes.axhline(reference["quality"], color="0.75", linewidth=0.8, linestyle=":")
            axes.annotate(reference["name"], (0, reference["quality"]), xycoords=("axes fraction", "data"), va="bottom", color="0.5", fontsize=8)
    handles = [plt.Line2D([], [], marker="o", linestyle="", color=colour, label=name) for name, colour in COLOURS.items()]
    handles.append(plt.Line2D([], [], marker="*", markersize=12, linestyle="", color="0.3", label="selected"))
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
    axes.xaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
    axes.set_xticks(_ticks([s["latency_ms"] for s in students]))
    axes.set_xlabel(f"latency of one 0.96 s window on {frontier['device']} (ms, log scale)")
    axes.set_ylabel("quality: accuracy points against the teacher\n(validation clips, 95 % interval)")
    kind = " (synthetic speech)" if frontier["synthetic"] else ""
    axes.set_title(f"Latency/quality frontier{kind}", loc="left")
    for suffix, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
        figure.savefig(folder / f"frontier.{suffix}", dpi=140, metadata=metadata)
    plt.close(figure)


def _point(axes, student: dict, selected: bool) -> None:
    x, y, colour = student["latency_ms"], student["quality"], COLOURS[student["backbone"]]
    low, high = student["quality_interval"]
    left, right = student["latency_iqr_ms"]
    alpha = 1.0 if student["on_frontier"] else 0.45
    error = {"yerr": [[max(0, y - low)], [max(0, high - y)]], "xerr": [[max(0, x - left)], [max(0, right - x)]]}
    axes.errorbar(x, y, **error, color=colour, alpha=0.4 * alpha, linewidth=1, zorder=2)
    axes.scatter(x, y, s=160 if selected else 40, marker="*" if selected else "o", color=colour, alpha=alpha, zorder=3)
    axes.annotate(student["name"], (x, y), xytext=(6, 5), textcoords="offset points", fontsize=8, alpha=max(alpha, 0.7), zorder=4)


def _ticks(values: list[float]) -> list[float]:
    """Round numbers between the fastest and the slowest, at least two."""
    candidates = [mantissa * 10.0**power for power in range(-3, 4) for mantissa in (1, 1.5, 2, 3, 5, 7)]
    low, high = 0.7 * min(values), 1.5 * max(values)
    return [tick for tick in candidates if low <= tick <= high]


def plot_curves(curves: dict[str, list[dict]], folder: Path) -> None:
    """Writes curves.svg: validation R2 over the steps of each student. `curves` as models/students/*/curve.csv holds them."""
    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    for name, curve in curves.items():
        axes.plot([float(p["step"]) for p in curve], [float(p["validation_r2"]) for p in curve], label=name, linewidth=1.3)
    axes.set_xlabel("training step")
    axes.set_ylabel("validation R2 of the teacher's output")
    axes.legend(frameon=False, fontsize=8, ncols=2)
    figure.savefig(folder / "curves.svg", metadata={"Date": None})
    plt.close(figure)
