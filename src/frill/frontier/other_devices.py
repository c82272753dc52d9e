"""Latencies on the devices that do not decide, and latencies from another machine.

They are shown and logged beside the device that decides, and never waited for.
"""

import json
from pathlib import Path

from frill.device import identity
from frill.frontier.latency import pool_latency_ms, read_timing, read_timings
from frill.frontier.results import Frontier

FOLDER = Path("results/latency")
# What decides beside the latency: docs/pixel.md says what each is.
DETAILS = ("init_ms", "first_ms", "p50_ms", "p90_ms", "p95_ms", "cadence_ms")
DETAILS += ("added_memory_mib", "process_memory_mib", "valid")


def read_latencies_ms(frontier: Frontier) -> dict[str, dict[str, float]]:
    """Return latency_ms by device and model, of all devices but the one that decides."""
    names = [model.name for model in frontier.models]
    latencies_ms = {}
    for folder in sorted(FOLDER.glob("*")):
        timings = read_timings(folder, names)
        if timings and folder.name != frontier.device:
            latencies_ms[folder.name] = pool_latency_ms(timings)
    return latencies_ms


def read_devices(frontier: Frontier) -> dict[str, dict]:
    """Return each device's identity, latency_ms and details by model.

    The device that decides is first. Details are DETAILS of each measurement, and its "delegation"
    and "invalid_because".
    """
    deciding = {model.name: model.latency_ms for model in frontier.models}
    devices = {}
    for device, times in {frontier.device: deciding, **read_latencies_ms(frontier)}.items():
        folder = FOLDER / device
        devices[device] = {
            "identity": _read_identity(folder),
            "latency_ms": times,
            "details": {name: _read_details(folder / f"{name}.json") for name in times},
        }
    return devices


def _read_details(path: Path) -> dict:
    content = json.loads(path.read_text()) if path.exists() else {}
    return {key: content.get(key) for key in (*DETAILS, "delegation", "invalid_because")}


def name_metrics(devices: dict[str, dict], deciding: str) -> dict[str, dict[str, float]]:
    """Return the numbers among details by model, as metrics: the device that decides has the plain
    names, another has its own before them. `devices` is what read_devices returned.
    """
    metrics: dict[str, dict[str, float]] = {}
    for device, measured in devices.items():
        prefix = "" if device == deciding else f"{device}_"
        for model, details in measured["details"].items():
            numbers = {f"{prefix}{key}": details[key] for key in DETAILS}
            metrics.setdefault(model, {}).update(numbers)
    return metrics


def _read_identity(folder: Path) -> dict:
    timings = (read_timing(path) for path in sorted(folder.glob("*.json")))
    return next(timing.identity for timing in timings if timing)


def describe_other_machines(devices: dict[str, dict]) -> list[str]:
    """Return a line for each of `devices` that is a host, but was timed on another machine."""
    here = identity.read_host()
    lines = []
    for name, device in devices.items():
        recorded = device["identity"]
        differing = identity.describe_difference(recorded, here)
        if recorded["kind"] == here["kind"] and differing:
            lines.append(
                f"latencies on {name} are another machine's ({differing}); delete "
                f"results/identity/{name}.json and run `dvc repro` to time every model here"
            )
    return lines
