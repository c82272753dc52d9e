"""Latencies of devices that do not decide, and what they are."""

import json

from frill.device import identity
from frill.frontier import other_devices


def test_devices_are_told_from_their_results(tmp_path, monkeypatch):
    monkeypatch.setattr(other_devices, "FOLDER", tmp_path)
    for device, found in (("host", {"cpu": "A CPU"}), ("pixel", {"model": "Pixel"})):
        (tmp_path / device).mkdir()
        for name, ratio in (("one", 0.5), ("two", 2.0)):
            result = {
                "latency_ms": ratio * 4.2,
                "ratio": ratio,
                "control_ms": 4.0,
                "identity": found,
            }
            (tmp_path / device / f"{name}.json").write_text(json.dumps(result))
    (tmp_path / "pixel/a_teacher.json").write_text(
        json.dumps({"latency_ms": None, "reason": "not timed"})
    )
    frontier = {
        "device": "host",
        "students": [{"name": name, "latency_ms": 1.0} for name in ("one", "two", "three")],
        "references": [],
    }
    assert other_devices.devices(frontier) == {
        "host": {
            "identity": {"cpu": "A CPU"},
            "latency_ms": {"one": 1.0, "two": 1.0, "three": 1.0},
        },
        "pixel": {
            "identity": {"model": "Pixel"},
            "latency_ms": {"one": 2.0, "two": 8.0},
        },  # the ratio times the control's median
    }


def test_latencies_of_another_machine_are_named():
    here = identity.host()
    devices = {
        name: {"identity": found}
        for name, found in (
            ("host", here),
            ("old", here | {"cpu": "An old CPU"}),
            ("pixel", {"kind": "adb"}),
        )
    }
    (line,) = other_devices.other_machines(devices)
    assert line.startswith(
        f"latencies on old are another machine's (cpu 'An old CPU', now {here['cpu']!r}); delete results/identity/old.json"
    )
