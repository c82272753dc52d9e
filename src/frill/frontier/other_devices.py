"""Latencies on the devices that do not decide: shown and logged beside the one that does, and never waited for. And latencies from another machine."""

import json
from pathlib import Path

from frill.device import identity
from frill.frontier.latency import pooled_latency_ms

FOLDER = Path("results/latency")


def latencies_ms(frontier: dict) -> dict[str, dict[str, float]]:
    """Device -> model -> latency_ms, of all devices but frontier.json's and of its models that have been measured there."""
    names = [model["name"] for model in frontier["students"] + frontier["references"]]
    found = {}
    for device in sorted(path.name for path in FOLDER.glob("*") if path.name != frontier["device"]):
        paths = {name: FOLDER / device / f"{name}.json" for name in names}
        measured = {
            name: json.loads(path.read_text()) for name, path in paths.items() if path.exists()
        }
        if any(result["latency_ms"] is not None for result in measured.values()):
            found[device] = pooled_latency_ms(measured)
    return found


def devices(frontier: dict) -> dict[str, dict]:
    """Device -> the identity its results were measured with, and latency_ms by model; the device that decides first."""
    decides = {
        model["name"]: model["latency_ms"]
        for model in frontier["students"] + frontier["references"]
    }
    return {
        device: {"identity": _identity(FOLDER / device), "latency_ms": times}
        for device, times in {frontier["device"]: decides, **latencies_ms(frontier)}.items()
    }


def _identity(folder: Path) -> dict:
    results = (json.loads(path.read_text()) for path in sorted(folder.glob("*.json")))
    return next(result["identity"] for result in results if "identity" in result)


def other_machines(devices: dict[str, dict]) -> list[str]:
    """A line for each of `devices` that is a host and was not this machine when it was measured."""
    here = identity.host()
    hosts = {
        name: device["identity"]
        for name, device in devices.items()
        if device["identity"]["kind"] == here["kind"]
    }
    return [
        f"latencies on {name} are another machine's ({differing}); delete results/identity/{name}.json and run `dvc repro` to time every model here"
        for name, recorded in hosts.items()
        if (differing := identity.differing(recorded, here))
    ]
