"""Latency on this machine: the parts of a measurement agree with each other.

No test says how fast anything is.
"""

import hashlib
import os
import re
import subprocess
from importlib.metadata import version

import pytest

from frill.device import host, identity, timed_model
from frill.device.measure import measure
from frill.errors import UserError
from frill.params.devices import HostDevice

DEVICE = HostDevice(kind="host", threads=1, rounds=5, round_ms=2, cadence_runs=2)


@pytest.fixture(scope="module")
def measured(pooling_models):
    cheap, dear = pooling_models
    return host.measure(dear, cheap, DEVICE)


def test_a_measurement_agrees_with_itself(measured, pooling_models):
    low, high = measured["iqr_ms"]
    assert 0 < low <= measured["latency_ms"] <= high and measured["p95_ms"] >= low
    assert measured["ratio_iqr"][0] <= measured["ratio"] <= measured["ratio_iqr"][1]
    assert (measured["threads"], measured["rounds"]) == (1, 5)
    assert measured["runs"] >= 5 * timed_model.MIN_INVOCATIONS
    assert measured["model_sha256"] == hashlib.sha256(pooling_models[1].read_bytes()).hexdigest()


def test_numbers_are_the_medians_of_rounds(pooling_models, monkeypatch):
    """Alternate control and model, each opened anew and warmed up, with scripted times."""
    opened = []
    rounds = iter(
        [
            [1.0, 1.0, 9.0],
            [2.0, 2.0, 2.0],
            [2.0, 2.0, 2.0],
            [6.0, 8.0, 7.0],
            [1.0, 1.0, 1.0],
            [4.0, 4.0, 30.0],
        ]
    )

    class Scripted:
        has_xnnpack = True
        time_at_cadence_ms = staticmethod(lambda runs: [5.0, 7.0, 6.0])

        def __init__(self, path, threads, xnnpack):
            opened.append(path)

        def time_round_ms(self, length_ms):
            return [99.0] * 3 if length_ms == 0 else next(rounds)

    monkeypatch.setattr(host, "TimedModel", Scripted)
    cheap, dear = pooling_models
    result = host.measure(dear, cheap, HostDevice(**DEVICE.model_dump() | {"rounds": 3}))
    assert (result["latency_ms"], result["control_ms"], result["runs"]) == (4.0, 1.0, 9)
    assert result["ratio"] == 3.5  # of 2, 3.5, 4
    assert result["iqr_ms"] == [3.0, 5.5]
    assert result["ratio_iqr"] == [2.75, 3.75]
    assert result["round_ms"] == [2.0, 7.0, 4.0]
    # numpy's linear percentiles of 2 2 2 4 4 6 7 8 30, by hand.
    percentiles_ms = [result[key] for key in ("p50_ms", "p90_ms", "p95_ms")]
    assert percentiles_ms == pytest.approx([4.0, 12.4, 21.2])
    assert result["first_ms"] == 99.0
    assert (result["cadence_ms"], result["cadence_runs"]) == (6.0, 3)
    assert (result["valid"], result["invalid_because"][:16]) == (False, "too few pairs: 3")
    assert result["control_round_ms"] == [1.0, 2.0, 1.0]
    assert opened == [cheap, dear] * 3 + [dear]  # the last to see what runs it
    assert next(rounds, None) is None


def test_a_round_takes_its_time_and_never_fewer_than_three_runs(pooling_models):
    timed = timed_model.TimedModel(pooling_models[0], 1)
    assert len(timed.time_round_ms(0.0)) == timed_model.MIN_INVOCATIONS == 3
    times_ms = timed.time_round_ms(20.0)
    assert sum(times_ms) >= 20 > sum(times_ms[:-1]) and min(times_ms) > 0


def test_identity_is_that_of_the_machine():
    english = os.environ | {"LC_ALL": "C"}
    cpuinfo = subprocess.run(["lscpu"], capture_output=True, text=True, env=english).stdout
    own = identity.read_identity("host", DEVICE)
    assert own["kind"] == "host"
    assert own["machine"] == os.uname().machine
    assert f"Model name: {own['cpu']}" in re.sub(" +", " ", cpuinfo)


def test_the_runtime_is_told_and_whether_xnnpack_is_on(measured, pooling_models):
    assert measured["runtime"] == f"LiteRT {version('ai-edge-litert')}, XNNPACK"
    without = DEVICE.model_copy(update={"xnnpack": 0, "rounds": 3})
    told = f"LiteRT {version('ai-edge-litert')}, without XNNPACK"
    result = measure(*pooling_models, "host", without)
    assert result["runtime"] == result["identity"]["runtime"] == told
    # The two compute the same.
    plain = timed_model.TimedModel(pooling_models[1], 1, xnnpack=False)
    output = timed_model.TimedModel(pooling_models[1], 1).run()[0]
    assert plain.compare(output.tobytes()) == pytest.approx(1.0)
    assert not plain.has_xnnpack


def test_another_runtime_than_the_recorded_one_is_refused(pooling_models):
    recorded = identity.read_identity("host", DEVICE) | {"runtime": "LiteRT 1.0.1, XNNPACK"}
    with pytest.raises(UserError, match=r"the runtime LiteRT .* says LiteRT 1.0.1,") as raised:
        measure(*pooling_models, "host", DEVICE, recorded)
    assert "identify@host" in str(raised.value)


def test_what_an_older_frill_did_not_record_is_no_difference():
    now = identity.read_identity("host", DEVICE)
    older = {key: now[key] for key in ("kind", "cpu", "machine", "system")}
    assert identity.describe_difference(older, now) == ""


def test_another_machine_than_the_recorded_one_is_refused(pooling_models):
    recorded = identity.read_identity("host", DEVICE)
    assert measure(*pooling_models, "host", DEVICE, recorded)["runs"]
    with pytest.raises(
        UserError, match=r"host .* results/identity/host.json \(cpu 'A CPU', now "
    ) as raised:
        measure(*pooling_models, "host", DEVICE, recorded | {"cpu": "A CPU"})
    assert "delete the file and run `dvc repro`" in str(raised.value)
