"""Latencies on the devices that do not decide: shown and logged beside the one that does, and never waited for. And latencies from another machine."""

import json
from pathlib import Path

from frill.device import identity
from frill.latency import pooled_latency_ms
from frill.params import Device, HostDevice

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
    """Device -> its identity ({} if it has none) and latency_ms by model, the one that decides first."""
    decides = {model["name"]: model["latency_ms"] for model in frontier["students"] + frontier["references"]}
    measured = {frontier["device"]: decides, **latencies_ms(frontier, folder)}
    found = {}
    for device, times in measured.items():
        found[device] = {"identity": _recorded(device, folder), "latency_ms": times}
    return found


def other_machines(named: dict[str, Device], folder: Path = FOLDER) -> list[str]:
    """A line for each of `named` that is a host and whose latencies are not this machine's."""
    here = identity.host()
    hosts = [(name, _recorded(name, folder)) for name, device in named.items() if isinstance(device, HostDevice)]
    return [
        f"latencies on {name} are another machine's ({differing}); delete results/identity/{name}.json and run `dvc repro` to time every model here"
        for name, recorded in hosts
        if recorded and (differing := identity.differing(recorded, here))
    ]


def _recorded(device: str, folder: Path) -> dict:
    """The device's identity; {} of a phone that has not been attached yet."""
    path = folder.parent / f"identity/{device}.json"
    return json.loads(path.read_text()) if path.exists() else {}
