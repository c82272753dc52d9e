"""Latencies of devices that do not decide, and what they are."""

import json

from frill import elsewhere


def test_devices_are_told_from_their_results(tmp_path):
    for device, found in (("host", {"cpu": "A CPU"}), ("pixel", {"model": "Pixel"})):
        (tmp_path / device).mkdir()
        for name, ratio in (("one", 0.5), ("two", 2.0)):
            result = {"latency_ms": ratio * 4.2, "ratio": ratio, "control_ms": 4.0, "identity": found}
            (tmp_path / device / f"{name}.json").write_text(json.dumps(result))
    (tmp_path / "pixel/a_teacher.json").write_text(json.dumps({"latency_ms": None, "reason": "not timed"}))
    frontier = {"device": "host", "students": [{"name": name, "latency_ms": 1.0} for name in ("one", "two", "three")], "references": []}
    assert elsewhere.devices(frontier, tmp_path) == {
        "host": {"identity": {"cpu": "A CPU"}, "latency_ms": {"one": 1.0, "two": 1.0, "three": 1.0}},
        "pixel": {"identity": {"model": "Pixel"}, "latency_ms": {"one": 2.0, "two": 8.0}},  # the ratio times the control's median
    }
