"""Latencies of devices that do not decide, and what they are."""

import json

from example_results import frontier_result, student_result

from frill.device import identity
from frill.frontier import other_devices


def test_devices_are_told_from_their_results(tmp_path, monkeypatch):
    monkeypatch.setattr(other_devices, "FOLDER", tmp_path)
    for device, recorded in (("host", {"cpu": "A CPU"}), ("pixel", {"model": "Pixel"})):
        (tmp_path / device).mkdir()
        for name, ratio in (("one", 0.5), ("two", 2.0)):
            result = {
                "latency_ms": ratio * 4.2,
                "ratio": ratio,
                "ratio_iqr": [ratio, ratio],
                "control_ms": 4.0,
                "round_ms": [ratio * 4.0],
                "control_round_ms": [4.0],
                "identity": recorded,
                "init_ms": 7.5,
                "valid": True,
            }
            (tmp_path / device / f"{name}.json").write_text(json.dumps(result))
    untimed = {"latency_ms": None, "reason": "not timed"}
    (tmp_path / "pixel/a_teacher.json").write_text(json.dumps(untimed))
    students = [student_result(name) for name in ("one", "two", "three")]
    nothing = dict.fromkeys([*other_devices.DETAILS, "delegation", "invalid_because"])
    told = nothing | {"init_ms": 7.5, "valid": True}
    devices = other_devices.read_devices(frontier_result(students, references=[]))
    metrics = other_devices.name_metrics(devices, "host")
    assert metrics["one"]["init_ms"] == metrics["one"]["pixel_init_ms"] == 7.5
    assert devices == {
        "host": {
            "identity": {"cpu": "A CPU"},
            "latency_ms": {"one": 1.0, "two": 1.0, "three": 1.0},
            "details": {"one": told, "two": told, "three": nothing},
        },
        "pixel": {
            "identity": {"model": "Pixel"},
            "latency_ms": {"one": 2.0, "two": 8.0},  # the ratio times the control's median
            "details": {"one": told, "two": told},
        },
    }


def test_latencies_of_another_machine_are_named():
    here = identity.read_host()
    devices = {
        "host": {"identity": here},
        "old": {"identity": here | {"cpu": "An old CPU"}},
        "pixel": {"identity": {"kind": "adb"}},
    }
    (line,) = other_devices.describe_other_machines(devices)
    assert line.startswith(
        f"latencies on old are another machine's (cpu 'An old CPU', now {here['cpu']!r}); "
        "delete results/identity/old.json"
    )
