"""The latencies of the teacher and the control, where the teacher does not run as TFLite too."""

import json

import pytest

from frill.device import references
from frill.device.errors import ModelError
from frill.params.devices import HostDevice
from frill.params.schema import FRONTEND, TEACHER

REFUSED = "teacher.tflite: needs an operation that LiteRT lacks"


@pytest.mark.parametrize(
    "has_file, refuses, expected",
    [
        (True, False, {"latency_ms": 2.0}),
        (True, True, {"schema": 1, "latency_ms": None, "reason": REFUSED}),
        (False, False, {"schema": 1, "latency_ms": None, "reason": "not convertible: x"}),
    ],
)
def test_a_teacher_that_does_not_run_has_a_reason(
    tmp_path, monkeypatch, has_file, refuses, expected
):
    def measure(model, control, name, device, identity):
        if model == control:
            return {"latency_ms": 1.0}
        if model.name == "frontend.tflite":
            return {"latency_ms": 0.25}
        if refuses:
            raise ModelError(REFUSED)
        return {"latency_ms": 2.0}

    monkeypatch.setattr(references, "measure", measure)
    (tmp_path / "summary.json").write_text(json.dumps({"tflite": "not convertible: x"}))
    if has_file:
        (tmp_path / "teacher.tflite").touch()
    controls = tmp_path / "controls"
    controls.mkdir()
    (controls / "frontend.tflite").touch()
    device = HostDevice.model_construct()
    results = references.measure_references(tmp_path, controls, "host", device, {})
    frontend = {"latency_ms": 0.25}
    assert results == {"random_weights": {"latency_ms": 1.0}, FRONTEND: frontend, TEACHER: expected}
