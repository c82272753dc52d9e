"""A record of a measurement, read by somebody else, and two of them compared."""

import json

import numpy as np
import pytest
from pipeline_project import ROOT

from frill.commands import benchmark as command
from frill.device import compare, host, identity, record
from frill.device.errors import SpoiltError
from frill.device.intervals import estimate_median_interval
from frill.errors import UserError
from frill.params.devices import HostDevice

DEVICE = HostDevice(kind="host", threads=1, rounds=6, round_ms=1, cadence_runs=2)


@pytest.fixture(scope="module")
def result(pooling_models) -> dict:
    cheap, dear = pooling_models
    return host.measure(dear, cheap, DEVICE) | {"identity": identity.read_identity("host", DEVICE)}


def made(result: dict, pooling_models, **changed) -> record.Record:
    cheap, dear = pooling_models
    return record.make_record(result | changed, dear, cheap, DEVICE.model_dump())


def test_the_schema_in_the_docs_is_the_records():
    assert (ROOT / "docs/record.schema.json").read_text() == record.make_schema()


def test_a_record_is_whole_and_survives_its_file(result, pooling_models, tmp_path):
    made_one = made(result, pooling_models)
    path = tmp_path / "out.json"
    record.write_record(made_one, path)
    assert record.read_record(path) == made_one
    content = json.loads(path.read_text())
    assert content["schema"] == "frill-benchmark/1"
    assert content["device"]["cpu"] == identity.read_host()["cpu"]
    assert content["runtime"]["name"] == result["runtime"]
    assert content["numbers"]["pair_ms"] == result["round_ms"]
    assert content["protocol"]["settings"]["round_ms"] == 1
    assert content["valid"] is True
    # Six pairs: the whole range of the ratios.
    ratios = np.divide(result["round_ms"], result["control_round_ms"])
    assert content["numbers"]["ratio_interval"] == [min(ratios), max(ratios)]


def test_no_path_or_serial_of_this_machine_is_in_a_record(result, pooling_models):
    settings = {"serial": "FA6A10301234", "tool": "/home/me/tool", "folder": "/data", "runs": 50}
    cheap, dear = pooling_models
    text = record.make_record(result, dear, cheap, settings).model_dump_json()
    assert "FA6A" not in text
    assert str(dear.parent) not in text
    assert "/home/me" not in text
    assert '"runs":50' in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "no JSON"),
        ("[]", "no record of a measurement (it: "),
        ('{"schema": "frill-benchmark/2"}', "no record of a measurement (schema: "),
    ],
)
def test_another_file_is_one_sentence(tmp_path, text, said):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(UserError) as raised:
        record.read_record(path)
    assert said in str(raised.value)
    assert str(raised.value).endswith("give a file of `frill benchmark MODEL --report FILE`")
    with pytest.raises(UserError, match="cannot be read"):
        record.read_record(tmp_path / "absent.json")


def rounds(latency_ms: float, control_ms: float = 1.0) -> dict:
    spread = np.array([0.98, 0.99, 1.0, 1.0, 1.01, 1.02])
    return {
        "round_ms": (latency_ms * spread).tolist(),
        "control_round_ms": [control_ms] * 6,
        "latency_ms": latency_ms,
        "ratio": latency_ms / control_ms,
    }


NAMES = ("a.json", "b.json")


def test_a_difference_beyond_the_intervals_is_told(result, pooling_models):
    slow = made(result, pooling_models, **rounds(3.0))
    fast = made(result, pooling_models, **rounds(2.0))
    # MOVER by hand: both medians' logs reach 0.0202 down and 0.0198 up.
    low, high = 1.5 * np.exp(-np.hypot(0.0202, 0.0198)), 1.5 * np.exp(np.hypot(0.0198, 0.0202))
    lines = compare.compare(slow, fast, NAMES)
    expected = f"a.json over b.json: 1.500 ({low:.3f} to {high:.3f}), by ratios to the control"
    assert lines[-2:] == [expected, "verdict   a.json is slower, beyond the intervals"]
    assert compare.compare(fast, slow, NAMES)[-1].startswith("verdict   a.json is faster")
    near = made(result, pooling_models, **rounds(2.02))
    assert compare.compare(near, fast, NAMES)[-1] == "verdict   no difference beyond the intervals"


def test_an_hour_that_slowed_the_device_is_no_difference(result, pooling_models):
    """Model and control both took twice as long: the ratio says that the model is the same."""
    quiet = made(result, pooling_models, **rounds(2.0, control_ms=1.0))
    busy = made(result, pooling_models, **rounds(4.0, control_ms=2.0))
    assert compare.compare(busy, quiet, NAMES)[-1] == "verdict   no difference beyond the intervals"
    other = result["identity"] | {"cpu": "Another CPU"}
    elsewhere = made(result, pooling_models, **rounds(4.0, control_ms=2.0), identity=other)
    lines = compare.compare(elsewhere, quiet, NAMES)
    assert lines[0].startswith("differs   device cpu: Another CPU, ")
    assert lines[-1] == "verdict   a.json is slower, beyond the intervals"
    assert lines[-2].endswith("by milliseconds")


def test_a_phones_little_cores_are_compared_by_milliseconds(result, pooling_models):
    """They slow model and control alike: three times as slow, and the ratio is the same."""

    def on(cores: str, times: dict) -> record.Record:
        cheap, dear = pooling_models
        return record.make_record(result | times, dear, cheap, {"cores": cores})

    little = on("little", rounds(6.0, control_ms=3.0))
    big = on("big", rounds(2.0, control_ms=1.0))
    lines = compare.compare(little, big, NAMES)
    assert lines[0] == "differs   setting cores: little, big"
    assert lines[-2].startswith("a.json over b.json: 3.000 (")
    assert lines[-2].endswith("by milliseconds")
    assert lines[-1] == "verdict   a.json is slower, beyond the intervals"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"control_pair_ms": [1.0] * 5}, "numbers: value error, pair_ms and control_pair_ms must"),
        ({"pair_ms": [], "control_pair_ms": []}, "numbers.pair_ms: list should have at least 1"),
        ({"pair_ms": [0.0] * 6}, "numbers.pair_ms.0: input should be greater than 0"),
        ({"pair_ms": [float("nan")] * 6}, "numbers.pair_ms.0: input should be"),
        ({"latency_ms": float("inf")}, "numbers.latency_ms: input should be a finite number"),
        ({"interval_ms": [1, 2, 3]}, "numbers.interval_ms: list should have at most 2"),
    ],
)
def test_numbers_that_cannot_be_compared_are_one_sentence(
    result, pooling_models, tmp_path, changed, said
):
    content = json.loads(made(result, pooling_models).model_dump_json(by_alias=True))
    content["numbers"] |= changed
    path = tmp_path / "x.json"
    path.write_text(json.dumps(content))
    with pytest.raises(UserError) as raised:
        record.read_record(path)
    assert said in str(raised.value)


def test_a_mean_against_a_median_is_told(result, pooling_models):
    mean = made(result, pooling_models, **rounds(2.0), statistic="mean")
    lines = compare.compare(mean, made(result, pooling_models, **rounds(2.0)), NAMES)
    assert lines[0] == "differs   statistic: mean, median"


def test_of_what_is_not_valid_nothing_can_be_said(result, pooling_models):
    fault = {"valid": False, "invalid_because": "throttled: core 2"}
    spoilt = made(result, pooling_models, **fault)
    lines = compare.compare(made(result, pooling_models), spoilt, NAMES)
    assert lines[-1] == ("verdict   nothing can be said: b.json is not valid (throttled: core 2)")


def test_a_spoilt_measurement_is_recorded_and_refused(
    result, pooling_models, tmp_path, monkeypatch
):
    spoilt = result | {"valid": False, "invalid_because": "moved: a thread moved"}

    def measure(*_):
        raise SpoiltError("pixel spoilt 8 pairs", spoilt)

    monkeypatch.setattr(command, "measure", measure)
    report = tmp_path / "out.json"
    cheap, dear = pooling_models
    with pytest.raises(UserError, match="spoilt 8 pairs"):
        command._measure_one(dear, cheap, "pixel", DEVICE, report)
    assert record.read_record(report).invalid_because == "moved: a thread moved"


def test_a_first_look_says_that_it_is_one(result, pooling_models):
    short = command.shorten(DEVICE)
    assert (short.rounds, short.cadence_runs) == (3, 3)
    cheap, dear = pooling_models
    looked = host.measure(dear, cheap, short)
    assert looked["invalid_because"] == "too few pairs: 3, an interval takes 6"
    assert estimate_median_interval(looked["round_ms"]) is None


def test_several_files_stand_in_one_table(result, pooling_models):
    table = command.format_table([result, result], [str(path) for path in pooling_models])
    assert table[0].split() == ["model", "MiB", "ms", "quartiles", "ratio", "cosine"]
    assert table[2].split()[0] == str(pooling_models[1])
    assert table[2].split()[2] == f"{result['latency_ms']:.3f}"
