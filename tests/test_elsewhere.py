"""Latencies of devices that do not decide, and what they are."""

import json

from frill import elsewhere
from frill.device import identity
from frill.params import HostDevice


def test_devices_with_one_that_is_away(tmp_path):
    latency = tmp_path / "latency/pixel"
    latency.mkdir(parents=True)
    (tmp_path / "identity").mkdir()
    (tmp_path / "identity/host.json").write_text('{"cpu": "A CPU"}')
    for name, ratio in (("one", 0.5), ("two", 2.0)):
        (latency / f"{name}.json").write_text(json.dumps({"latency_ms": ratio * 4.2, "ratio": ratio, "control_ms": 4.0}))
    frontier = {"device": "host", "students": [{"name": name, "latency_ms": 1.0} for name in ("one", "two", "three")], "references": []}
    assert elsewhere.devices(frontier, tmp_path / "latency") == {
        "host": {"identity": {"cpu": "A CPU"}, "latency_ms": {"one": 1.0, "two": 1.0, "three": 1.0}},
        "pixel": {"identity": {}, "latency_ms": {"one": 2.0, "two": 8.0}},  # the ratio times the control's median
    }


def test_latencies_of_another_machine_are_named(tmp_path):
    (tmp_path / "identity").mkdir()
    device = HostDevice(kind="host", threads=1, rounds=20, round_ms=60)
    here = identity.host()
    for name, recorded in {"host": here, "old": here | {"cpu": "An old CPU"}}.items():
        (tmp_path / f"identity/{name}.json").write_text(json.dumps(recorded))
    (line,) = elsewhere.other_machines({"host": device, "old": device, "new": device}, tmp_path / "latency")
    assert line.startswith(f"latencies on old are another machine's (cpu 'An old CPU', now {here['cpu']!r}); delete results/identity/old.json")
