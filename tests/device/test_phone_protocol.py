"""A whole measurement through the real adb server, daemon and benchmark_model, and its failures."""

import json
import os
import shutil
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from measuring import fail, has_left_nothing, measure, sha256

from frill.device.errors import SpoiltError
from frill.device.phone import adb_server, connection, protocol

ELF_OF_AARCH64 = (
    b"\x7fELF\x02\x01\x01"
    + bytes(9)
    + (2).to_bytes(2, "little")
    + (183).to_bytes(2, "little")  # EM_AARCH64
    + bytes(44)
)


def test_a_measurement_holds_together(rig, device, pooling_models):
    cheap, dear = pooling_models
    result = measure(pooling_models, device())
    assert json.loads(json.dumps(result)) == result
    assert result["schema"] == 1
    model_ms, control_ms = result["process_ms"], result["control_process_ms"]
    assert result["processes"] == len(model_ms) == len(control_ms) == 3
    assert result["runs"] >= 15
    assert result["latency_ms"] == pytest.approx(np.median(model_ms))
    assert result["control_ms"] == pytest.approx(np.median(control_ms))
    assert result["iqr_ms"][0] <= result["latency_ms"] <= result["iqr_ms"][1]
    assert result["min_ms"] <= min(model_ms)
    assert result["ratio"] == pytest.approx(np.median(np.divide(model_ms, control_ms)))
    assert result["ratio"] > 1.5
    assert result["cosine"] > 0.99999
    assert result["discarded"] == []
    assert {row["name"] for row in result["operators"]} == {"CONV_2D", "MEAN"}
    assert 5 < result["peak_memory_mib"] < 500
    assert result["process_memory_mib"] == result["peak_memory_mib"] > result["added_memory_mib"]
    assert result["cadence_ms"] > 0
    assert result["cadence_runs"] == 3
    assert result["init_ms"] > 0
    assert result["first_ms"] > 0
    # TFLite 2.14.1 prints no median of invocations; without XNNPACK there is no delegate.
    assert (result["p50_ms"], result["p90_ms"], result["p95_over"]) == (None, None, "processes")
    assert result["delegation"] is None
    assert (result["valid"], result["invalid_because"][:16]) == (False, "too few pairs: 3")
    assert result["model_sha256"] == sha256(dear)
    assert result["control_sha256"] == sha256(cheap)
    assert result["core_mask"] == "1"
    assert result["identity"]["fingerprint"].startswith("google/sailfish/sailfish:10/")
    assert result["identity"]["model"] == "Pixel"
    assert result["conditions_before"] == {
        "battery_c": 27.0,
        "battery_percent": 87,
        "thermal_status": 0,
        "screen_on": False,
    }
    assert not rig.screen()  # turned off before anything was timed
    assert has_left_nothing(rig)


def test_no_path_or_name_is_read_by_a_shell(rig, device, same_models):
    folder = f'{rig.remote_folder}/it\'s "$(touch pwned)" `touch pwned`; touch pwned & * ñ'
    result = protocol.measure(*same_models, "pixel; $(touch pwned)", device(folder=folder))
    assert result["cosine"] > 0.99999
    assert os.listdir(rig.remote_folder) == [Path(folder).name]
    assert os.listdir(folder) == []


def test_another_phone_than_the_recorded_one_is_refused(rig, device, same_models):
    recorded = measure(same_models, device())["identity"]
    measure(same_models, device(), recorded=recorded)
    other = "google/sailfish/sailfish:10/QP1A.191005.008/1:user/release-keys"
    rig.set_property("ro.build.fingerprint", other)
    message = fail(same_models, device(), recorded=recorded)
    assert "fingerprint 'google/sailfish/sailfish:10/QP1A.191005.007.A3" in message
    assert "results/identity/pixel.json" in message
    assert "dvc repro" in message


def test_a_tool_that_is_another_is_never_run(rig, device, pooling_models, tmp_path):
    other = tmp_path / "other"
    other.write_text(f"#!/bin/sh\ntouch {tmp_path}/pwned\n")
    message = fail(pooling_models, device(tool=str(other)))
    assert "devices.pixel" in message
    assert sha256(other) in message
    assert not (tmp_path / "pwned").exists()


def script(tmp_path, text: str) -> dict:
    path = tmp_path / "script"
    path.write_text(f"#!/bin/sh\n{text}\n")
    return dict(tool=str(path), tool_sha256=sha256(path))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kill -SEGV $$", "was ended by SIGSEGV"),
        ("echo 'INFO: STARTING!'; exit 0", "exit code 0 but without its timings"),
        ("sleep 60", "did not end within 1 s and was killed: raise devices.pixel.timeout_s"),
        ("exec /nowhere/tool", "not on the device"),
    ],
)
def test_tools_that_fail(rig, device, pooling_models, tmp_path, text, expected):
    message = fail(pooling_models, device(timeout_s=1.0, **script(tmp_path, text)))
    assert message.startswith(f"pixel ({device().serial}): benchmark_model")
    assert expected in message
    assert has_left_nothing(rig)


def test_a_flag_that_the_build_does_not_know(rig, device, pooling_models):
    message = fail(pooling_models, device(xnnpack=1))  # the rig's is built without
    assert "does not know --use_xnnpack=true" in message


def test_a_file_that_is_no_model(rig, device, pooling_models, tmp_path):
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(pooling_models[1].read_bytes()[:1000])
    models = (pooling_models[0], broken)
    assert "broken.tflite: no model that LiteRT can load" in fail(models, device())
    assert has_left_nothing(rig)


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [
        ("rm output.bin", "wrote no output that could be checked"),
        ("head -c 12 output.bin >o; mv o output.bin", "not the model's (12 bytes, not 32)"),
        (
            "tail -c 16 output.bin >o; head -c 16 output.bin >>o; mv o output.bin",
            "the cosine of the two outputs is",
        ),
    ],
)
def test_an_output_that_is_missing_cut_or_another(
    rig, device, pooling_models, tmp_path, tool, tamper, expected
):
    """Builds that write nothing, too little, or something else: the real tool, tampered with."""
    run = f'"{tool}" "$@"; code=$?; case "$*" in *output_filepath*)'
    tampered = script(tmp_path, f"{run} {tamper};; esac; exit $code")
    assert expected in fail(pooling_models, device(**tampered, min_cosine=0.9999))


def test_another_processors_tool_is_refused_before_it_is_copied(
    rig, device, pooling_models, tmp_path
):
    elf = tmp_path / "elf"
    elf.write_bytes(ELF_OF_AARCH64)
    its_tool = dict(tool=str(elf), tool_sha256=sha256(elf))
    rig.set_property("ro.product.cpu.abilist", "x86_64")
    message = fail(pooling_models, device(**its_tool))
    assert "x86_64" in message
    assert "arm64" in message.lower()
    assert has_left_nothing(rig)
    rig.set_property("ro.product.cpu.abilist", "arm64-v8a")  # a phone that says what it is not
    assert "was built for another processor" in fail(pooling_models, device(**its_tool))


def test_a_build_without_memory_and_profile_keeps_its_timings(
    rig, device, pooling_models, tmp_path, tool, capsys
):
    refuse = 'case "$*" in *report_peak*|*profiling*) echo "WARN: Unconsumed cmdline flags: $*"'
    older = script(tmp_path, f'{refuse};; esac; exec "{tool}" "$@"')
    result = measure(pooling_models, device(**older))
    assert result["latency_ms"] > 0
    assert result["peak_memory_mib"] is None
    assert result["operators"] == []
    notice = "not measured: pixel (127.0.0.1:5641): benchmark_model does not know"
    assert capsys.readouterr().out.count(notice) == 2


def test_exit_codes_are_the_commands_own_whatever_timeout_says(rig, device, same_models):
    """Android's timeout gives 127 at random for what ended at once, or 124 for what crashed.

    Some kill their direct child alone.
    """
    real = shutil.which("timeout")
    rig.replace_command("timeout", f'{real} --foreground "$@"; exit 127')
    measure(same_models, device())
    phone = connection.connect("pixel", device().serial)
    assert phone.run(["sh", "-c", "exit 3"]).exit_code == 3
    assert has_left_nothing(rig)


def test_a_shell_without_taskset(rig, device, pooling_models):
    missing = "sh: taskset: inaccessible or not found"
    rig.replace_command("taskset", f"echo '{missing}' >&2; exit 127")
    expected = f"cannot be bound to cores ({missing}): write cores: any"
    assert expected in fail(pooling_models, device())


def test_a_phone_lost_after_the_last_number_keeps_them(
    rig, device, same_models, monkeypatch, capsys
):
    real = protocol._Measurement.run

    def run(self, model):
        result = real(self, model)
        rig.power_off(device().serial)
        return result

    monkeypatch.setattr(protocol._Measurement, "run", run)
    assert measure(same_models, device())["latency_ms"] > 0
    assert "goes with the next measurement" in capsys.readouterr().out


def when_running(rig, action) -> None:
    """Do it as soon as a model is timed."""

    def wait():
        while not any("--graph=" in argv for _, argv in rig.processes()):
            time.sleep(0.05)
        action()

    threading.Thread(target=wait, daemon=True).start()


@pytest.mark.slow
def test_disconnected_in_mid_run_and_cleaned_up_by_the_next(rig, device, pooling_models):
    serial = device().serial
    when_running(rig, lambda: rig.signal(serial, signal.SIGKILL))
    message = fail(pooling_models, device(min_s=3.0))
    assert message.startswith(f"pixel ({serial})")
    assert "while running benchmark_model" in message
    assert "again" in message
    rig.start()
    measure(pooling_models, device())
    assert has_left_nothing(rig)


@pytest.mark.slow
def test_hung_in_mid_run(rig, device, pooling_models, monkeypatch):
    monkeypatch.setattr(adb_server, "ANSWER_S", 3.0)
    serial = device().serial
    when_running(rig, lambda: rig.signal(serial, signal.SIGSTOP))
    assert "hangs (no answer within" in fail(pooling_models, device(min_s=1.0, timeout_s=3.0))
    rig.signal(serial, signal.SIGCONT)
    measure(pooling_models, device())
    assert has_left_nothing(rig)


def test_what_a_phone_spoilt_half_way_is_told_with_what_there_is(
    rig, device, same_models, monkeypatch
):
    """Two real pairs count; then every one is throttled, more often than discards allows."""
    real = protocol._Measurement._run_pair
    faults = iter(["", "", *["core 1 was throttled from 2150 to 1401 MHz"] * 3])

    def run_pair(self, control_first):
        pair, _ = real(self, control_first)
        return pair, next(faults)

    monkeypatch.setattr(protocol._Measurement, "_run_pair", run_pair)
    with pytest.raises(SpoiltError) as raised:
        measure(same_models, device())
    assert "spoilt 3 pairs of processes, the last because core 1 was throttled" in str(raised.value)
    result = raised.value.result
    assert len(result["process_ms"]) == 2
    assert result["valid"] is False
    assert result["invalid_because"].startswith("throttled: core 1 was throttled from 2150")
    assert result["cadence_ms"] is None  # nothing more is asked of a hot phone
    assert has_left_nothing(rig)
