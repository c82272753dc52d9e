"""Latencies on the devices that do not decide: shown and logged beside the one that does, and never waited for."""

import json
from pathlib import Path

from frill.latency import pooled_latency_ms

FOLDER = Path("results/latency")


def latencies_ms(frontier: dict, folder: Path = FOLDER) -> dict[str, dict[str, float]]:
    """Device -> model -> latency_ms, of all devices but frontier.json's and of its models that have been measured there."""
    names = [model["name"] for model in frontier["students"] + frontier["references"]]
    found = {}
    for device in sorted(path.name for path in folder.glob("*") if path.name != frontier["device"]):
        paths = {name: folder / device / f"{name}.json" for name in names}
        measured = {name: json.loads(path.read_text()) for name, path in paths.items() if path.exists()}
        if any(result["latency_ms"] is not None for result in measured.values()):
            found[device] = pooled_latency_ms(measured)
    return found


def devices(frontier: dict, folder: Path = FOLDER) -> dict[str, dict]:
    """Device -> its identity ({} of one that is away) and latency_ms by model, the one that decides first."""
    decides = {model["name"]: model["latency_ms"] for model in frontier["students"] + frontier["references"]}
    measured = {frontier["device"]: decides, **latencies_ms(frontier, folder)}
    found = {}
    for device, times in measured.items():
        identity = folder.parent / f"identity/{device}.json"  # gone while the device is away, of which the results stay
        found[device] = {"identity": json.loads(identity.read_text()) if identity.exists() else {}, "latency_ms": times}
    return found
