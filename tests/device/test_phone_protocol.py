"""A whole measurement through the real adb server, the real daemon and the real benchmark_model, and what may go wrong in it."""

import hashlib
import itertools
import json
import os
import shutil
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from frill.device.phone import connection, protocol, session
from frill.device.phone import state as phone_state
from frill.device.phone.summary import summary
from frill.device.phone.tool import Timing
from frill.errors import UserError
from frill.params.devices import AdbDevice


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def device(rig, tool, monkeypatch):
    """Settings for the rig's phone; the one core keeps the scheduler of a busy machine from moving threads."""
    monkeypatch.setattr(connection, "RETURN_S", 2.0)
    monkeypatch.setattr(protocol, "GATE_S", 0.2)
    serial = rig.start()

    def settings(**changed) -> AdbDevice:
        short = dict(
            processes=3,
            runs=5,
            min_s=0.05,
            warm_up_s=0.05,
            discards=2,
            timeout_s=30.0,
            cool_down_s=1.0,
        )
        known = dict(
            kind="adb",
            serial=serial,
            tool=str(tool),
            tool_sha256=sha256(tool),
            cores="1",
            xnnpack="none",
            folder=rig.remote_folder,
        )
        return AdbDevice.model_validate(known | short | changed)

    return settings


def failing(models, settings: AdbDevice, **more) -> str:
    with pytest.raises(UserError) as raised:
        protocol.measure(models[1], models[0], "pixel", settings, **more)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def nothing_left(rig) -> bool:
    """No file in the phone's folder, no process but the daemon."""
    return not os.listdir(rig.remote_folder) and all("adbd" in argv for _, argv in rig.processes())


def test_a_measurement_holds_together(rig, device, pooling_models):
    cheap, dear = pooling_models
    found = protocol.measure(dear, cheap, "pixel", device())
    assert json.loads(json.dumps(found)) == found and found["schema"] == 1
    assert (
        found["processes"] == len(found["process_ms"]) == len(found["control_process_ms"]) == 3
        and found["runs"] >= 15
    )
    assert found["latency_ms"] == pytest.approx(np.median(found["process_ms"])) and found[
        "control_ms"
    ] == pytest.approx(np.median(found["control_process_ms"]))
    assert found["iqr_ms"][0] <= found["latency_ms"] <= found["iqr_ms"][1] and found[
        "min_ms"
    ] <= min(found["process_ms"])
    assert (
        found["ratio"]
        == pytest.approx(np.median(np.divide(found["process_ms"], found["control_process_ms"])))
        and found["ratio"] > 1.5
    )
    assert found["cosine"] > 0.99999 and found["discarded"] == []
    assert {row["name"] for row in found["operators"]} == {"CONV_2D", "MEAN"} and 5 < found[
        "peak_memory_mib"
    ] < 500
    assert (found["model_sha256"], found["control_sha256"]) == (
        sha256(dear),
        sha256(cheap),
    ) and found["core_mask"] == "1"
    assert (
        found["identity"]["fingerprint"].startswith("google/sailfish/sailfish:10/")
        and found["identity"]["model"] == "Pixel"
    )
    assert found["conditions_before"] == {
        "battery_c": 27.0,
        "battery_percent": 87,
        "thermal_status": 0,
        "screen_on": False,
    }
    assert not rig.screen()  # turned off before anything was timed
    assert nothing_left(rig)


def test_no_path_or_name_is_read_by_a_shell(rig, device, pooling_models):
    folder = f'{rig.remote_folder}/it\'s "$(touch pwned)" `touch pwned`; touch pwned & * ñ'
    found = protocol.measure(
        pooling_models[0], pooling_models[0], "pixel; $(touch pwned)", device(folder=folder)
    )
    assert found["cosine"] > 0.99999
    assert os.listdir(rig.remote_folder) == [Path(folder).name] and os.listdir(folder) == []


def test_the_folder_of_others_is_left_alone(rig, device, pooling_models):
    """Only sessions are cleaned, among them one that a killed process left, with what it left running."""
    folder = Path(rig.remote_folder)
    (folder / "photos").mkdir()
    (folder / "photos" / "frill.jpg").write_text("not ours")
    left = folder / "frill-session-0123"
    left.mkdir()
    phone = connection.connect("pixel", device().serial)
    phone.script('cd "$1" && { sleep 300 >/dev/null 2>&1 </dev/null & }', str(left))
    assert any("sleep" in argv for _, argv in rig.processes())
    protocol.measure(pooling_models[0], pooling_models[0], "pixel", device())
    assert os.listdir(folder) == ["photos"] and os.listdir(folder / "photos") == ["frill.jpg"]
    assert all("adbd" in argv for _, argv in rig.processes())


def test_another_phone_than_the_recorded_one_is_refused(rig, device, pooling_models):
    recorded = protocol.measure(pooling_models[0], pooling_models[0], "pixel", device())["identity"]
    protocol.measure(pooling_models[0], pooling_models[0], "pixel", device(), recorded)
    rig.set_property(
        "ro.build.fingerprint", "google/sailfish/sailfish:10/QP1A.191005.008/1:user/release-keys"
    )
    said = failing(pooling_models, device(), recorded=recorded)
    assert (
        "fingerprint 'google/sailfish/sailfish:10/QP1A.191005.007.A3" in said
        and "results/identity/pixel.json" in said
        and "dvc repro" in said
    )


# ---- Heat, screen, cores


def test_a_warm_phone_is_waited_for_and_then_refused(
    rig, device, pooling_models, capsys, monkeypatch
):
    rig.set_battery_c(38.5)
    with monkeypatch.context() as patch:
        patch.setattr(
            protocol, "sleep", lambda _: rig.set_battery_c(33.0)
        )  # it cools while it is waited for
        protocol.measure(pooling_models[0], pooling_models[0], "pixel", device())
    assert capsys.readouterr().out.startswith(
        "pixel: battery 38.5 C, limit 35: waiting up to 1 s for it to cool\n"
    )
    rig.set_battery_c(38.5)
    said = failing(pooling_models, device())
    assert (
        "still too warm after 1 s (battery 38.5 C, limit 35)" in said
        and "max_battery_c" in said
        and nothing_left(rig)
    )
    rig.set_battery_c(20.0)
    rig.set_thermal_status(2)
    assert "thermal status 2, limit 0" in failing(pooling_models, device())


def test_what_a_phone_does_not_tell_is_no_reason_to_wait(rig, device, pooling_models):
    rig.remove_command("dumpsys")
    found = protocol.measure(pooling_models[0], pooling_models[0], "pixel", device())
    assert found["warnings"] == ["the phone tells no temperature: whether it was cool is not known"]
    assert found["conditions_before"] == {
        "battery_c": None,
        "battery_percent": None,
        "thermal_status": None,
        "screen_on": None,
    }


def frequencies(caps: dict[int, int]) -> dict:
    highest = {0: 1593600, 1: 2150400}
    return {
        cpu: dict(
            cpuinfo_max_freq=highest[cpu], scaling_max_freq=caps[cpu], scaling_cur_freq=caps[cpu]
        )
        for cpu in highest
    }


@pytest.mark.slow
def test_big_and_little_are_read_from_the_phone(rig, device, pooling_models):
    rig.cpus(frequencies({0: 1593600, 1: 2150400}))
    masks = {
        cores: protocol.measure(pooling_models[0], pooling_models[0], "pixel", device(cores=cores))[
            "core_mask"
        ]
        for cores in ("big", "little")
    }
    assert masks == {"big": "2", "little": "1"}
    assert "threads = 2, and cores: big has 1" in failing(
        pooling_models, device(cores="big", threads=2)
    )
    assert "names core 2, and there are cores 0 to 1" in failing(pooling_models, device(cores="c"))


def test_big_cannot_be_told_without_frequencies(rig, device, pooling_models):
    assert "cpuinfo_max_freq" in failing(pooling_models, device(cores="big"))


@pytest.mark.slow
def test_throttled_pairs_are_discarded_up_to_the_limit(rig, device, pooling_models, monkeypatch):
    """The cap on the core's frequency is lowered while the second pair runs, then in every pair."""
    full, low = frequencies({0: 1593600, 1: 2150400}), frequencies({0: 1593600, 1: 1401600})
    rig.cpus(full)
    real, count, lowered = session.Session.watch, itertools.count(1), {4}  # the check is the first

    def watch(*arguments):
        rig.cpus(low if next(count) in lowered else full)
        return real(*arguments)

    monkeypatch.setattr(session.Session, "watch", watch)
    settings = device(cores="big", min_s=0.5)
    found = protocol.measure(pooling_models[0], pooling_models[0], "pixel", settings)
    assert found["processes"] == 3 and found["discarded"] == [
        "core 1 was throttled from 2150 to 1401 MHz"
    ]
    count, lowered = itertools.count(1), set(range(2, 100))
    rig.cpus(full)
    said = failing(pooling_models, settings)
    assert (
        "spoilt 3 pairs of processes, the last because core 1 was throttled from 2150 to 1401 MHz"
        in said
        and "discards allows 2" in said
    )
    assert nothing_left(rig)


def test_a_cap_from_the_start_is_no_reason_to_repeat_and_is_told(rig, device, pooling_models):
    """Some phones lower their caps when the screen goes dark, some are never let up to their highest frequency."""
    rig.cpus(frequencies({0: 1593600, 1: 1958400}))
    found = protocol.measure(pooling_models[0], pooling_models[0], "pixel", device(cores="big"))
    assert found["discarded"] == [] and found["warnings"] == [
        "core 1 was capped at 1958 of 2150 MHz from the start"
    ]
    assert found["core_khz"] == {"1": {"max": 2150400, "cap": 1958400, "lowest": 1958400}}


def test_a_dumpsys_that_hangs(rig, device, pooling_models, monkeypatch):
    monkeypatch.setattr(connection, "ANSWER_S", 2.0)
    rig.replace_command("dumpsys", "sleep 60")
    assert "hangs (dumpsys battery does not end)" in failing(pooling_models, device())


def test_a_screen_that_stays_on_is_told(rig, device, pooling_models):
    rig.replace_command("input", "exit 0")
    assert protocol.measure(pooling_models[0], pooling_models[0], "pixel", device())[
        "warnings"
    ] == ["the screen stayed on"]


def test_status_that_rises_in_mid_run_discards_the_pair(rig, device, pooling_models, monkeypatch):
    real, count = session.Session.watch, itertools.count(1)

    def watch(*arguments):
        rig.set_thermal_status(2 if next(count) == 3 else 0)  # the first pair's second process
        return real(*arguments)

    monkeypatch.setattr(session.Session, "watch", watch)
    monkeypatch.setattr(protocol, "sleep", lambda _: rig.set_thermal_status(0))
    assert protocol.measure(pooling_models[0], pooling_models[0], "pixel", device())[
        "discarded"
    ] == ["thermal status rose to 2"]


@pytest.mark.parametrize(
    ("threads", "cpus", "cores", "reason"),
    [
        (1, [{2}], "e", ""),
        (1, [{2, 3}], "e", "a thread moved between cores 2, 3"),
        (2, [{2}, {3}], "e", ""),
        (2, [{2, 3}, {3}], "e", ""),  # its scheduler's business, at one speed
        (2, [{1, 2}, {3}], "e", "a thread moved between cores 1, 2"),
        (1, [{2}, {0}], "e", "it ran on core 0, outside of the mask e"),
        (1, [{0, 1, 2}], "any", ""),
        (1, [], "e", ""),
    ],
)
def test_processes_that_moved_do_not_count(threads, cpus, cores, reason, device):
    """Cores 0 and 1 slow, 2 and 3 fast."""
    measurement = object.__new__(protocol._Measurement)
    measurement._device, measurement._cpus, measurement._mask = (
        device(cores=cores, threads=threads),
        [1, 2, 3],
        "e",
    )
    measurement._cores = [
        phone_state.Core(cpu, khz, khz)
        for cpu, khz in enumerate([1593600, 1593600, 2150400, 2150400])
    ]
    assert (
        measurement._spoilt(session.Watched(connection.Finished("", "", 0), cpus, {}, {})) == reason
    )


def test_samples_are_those_of_running_threads():
    stat = "task {tid} (bench ) R mark) {state} 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 {cpu} 0 0"
    lines = [
        stat.format(tid=7, state="R", cpu=2),
        stat.format(tid=7, state="R", cpu=3),
        stat.format(tid=8, state="S", cpu=0),
        "task 9 (cut",
    ]
    lines += [
        "scaling_cur_freq 2 2150400",
        "scaling_cur_freq 2 1401600",
        "scaling_max_freq 2 2150400",
        "scaling_max_freq 2 ",
        "",
    ]
    assert session._samples("\n".join(lines)) == ([{2, 3}], {2: 1401600}, {2: 2150400})


# ---- The tool, the files, the connection


def test_a_tool_that_is_another_is_never_run(rig, device, pooling_models, tmp_path):
    other = tmp_path / "other"
    other.write_text(f"#!/bin/sh\ntouch {tmp_path}/pwned\n")
    said = failing(pooling_models, device(tool=str(other)))
    assert "devices.pixel" in said and sha256(other) in said and not (tmp_path / "pwned").exists()


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
    said = failing(pooling_models, device(timeout_s=1.0, **script(tmp_path, text)))
    assert said.startswith(f"pixel ({device().serial}): benchmark_model") and expected in said
    assert nothing_left(rig)


def test_a_flag_that_the_build_does_not_know(rig, device, pooling_models):
    assert "does not know --use_xnnpack=true" in failing(
        pooling_models, device(xnnpack=1)
    )  # the rig's is built without


def test_a_file_that_is_no_model(rig, device, pooling_models, tmp_path):
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(pooling_models[1].read_bytes()[:1000])
    assert "broken.tflite: no model that LiteRT can load" in failing(
        (pooling_models[0], broken), device()
    )
    assert "cannot load the model" in failing(
        (pooling_models[0], broken), device(min_cosine="none")
    )
    assert nothing_left(rig)


def test_an_output_that_is_missing_cut_or_another(rig, device, pooling_models, tmp_path, tool):
    """Builds that write nothing, too little, or something else: the real tool, its output then tampered with."""
    run = f'"{tool}" "$@"; code=$?; case "$*" in *output_filepath*)'
    for text, expected in (
        ("rm output.bin", "wrote no output that could be checked"),
        ("head -c 12 output.bin >o; mv o output.bin", "not the model's (12 bytes, not 32)"),
        (
            "tail -c 16 output.bin >o; head -c 16 output.bin >>o; mv o output.bin",
            "the cosine of the two outputs is",
        ),
    ):
        said = failing(
            pooling_models,
            device(**script(tmp_path, f"{run} {text};; esac; exit $code"), min_cosine=0.9999),
        )
        assert expected in said, said


def test_another_processors_tool_is_refused_before_it_is_copied(
    rig, device, pooling_models, tmp_path
):
    elf = tmp_path / "elf"
    elf.write_bytes(
        b"\x7fELF\x02\x01\x01"
        + bytes(9)
        + (2).to_bytes(2, "little")
        + (183).to_bytes(2, "little")
        + bytes(44)
    )  # EM_AARCH64
    rig.set_property("ro.product.cpu.abilist", "x86_64")
    said = failing(pooling_models, device(tool=str(elf), tool_sha256=sha256(elf)))
    assert "x86_64" in said and "arm64" in said.lower() and nothing_left(rig)
    rig.set_property("ro.product.cpu.abilist", "arm64-v8a")  # a phone that says what it is not
    assert "was built for another processor" in failing(
        pooling_models, device(tool=str(elf), tool_sha256=sha256(elf))
    )


def test_no_space(rig, device, pooling_models):
    rig.mount(rig.remote_folder, size_kib=512)
    said = failing(pooling_models, device())
    assert "has no space: 0.5 MiB are free" in said and "devices.pixel.folder" in said


def test_a_folder_that_may_not_be_executed_from(rig, device, pooling_models):
    rig.mount(rig.remote_folder, size_kib=8192, options="noexec")
    assert "may not be executed" in failing(pooling_models, device())


def test_a_folder_that_cannot_be_written(rig, device, pooling_models):
    rig.mount(rig.remote_folder, size_kib=8192, options="ro")
    said = failing(pooling_models, device())
    assert (
        f"cannot make a folder in {rig.remote_folder} (" in said
        and "such as /data/local/tmp/frill" in said
    )


def test_a_build_without_memory_and_profile_keeps_its_timings(
    rig, device, pooling_models, tmp_path, tool, capsys
):
    text = f'case "$*" in *report_peak*|*profiling*) echo "WARN: Unconsumed cmdline flags: $*";; esac; exec "{tool}" "$@"'
    found = protocol.measure(
        pooling_models[1], pooling_models[0], "pixel", device(**script(tmp_path, text))
    )
    assert found["latency_ms"] > 0 and found["peak_memory_mib"] is None and found["operators"] == []
    assert (
        capsys.readouterr().out.count(
            "not measured: pixel (127.0.0.1:5641): benchmark_model does not know"
        )
        == 2
    )


def test_exit_codes_are_the_commands_own_whatever_timeout_says(rig, device, pooling_models):
    """Android's timeout gives 127 at random for what ended at once, or 124 for what crashed; some kill their direct child alone."""
    real = shutil.which("timeout")
    rig.replace_command("timeout", f'{real} --foreground "$@"; exit 127')
    protocol.measure(pooling_models[0], pooling_models[0], "pixel", device())
    assert connection.connect("pixel", device().serial).run(["sh", "-c", "exit 3"]).exit_code == 3
    assert nothing_left(rig)


def test_a_shell_without_taskset(rig, device, pooling_models):
    rig.replace_command("taskset", "echo 'sh: taskset: inaccessible or not found' >&2; exit 127")
    assert (
        "cannot be bound to cores (sh: taskset: inaccessible or not found): write cores: any"
        in failing(pooling_models, device())
    )


def test_a_phone_lost_after_the_last_number_keeps_them(
    rig, device, pooling_models, monkeypatch, capsys
):
    real = protocol._Measurement.run

    def run(self, model):
        result = real(self, model)
        rig.power_off(device().serial)
        return result

    monkeypatch.setattr(protocol._Measurement, "run", run)
    assert (
        protocol.measure(pooling_models[0], pooling_models[0], "pixel", device())["latency_ms"] > 0
    )
    assert "goes with the next measurement" in capsys.readouterr().out


def test_one_phone_under_two_names_is_one(rig, device, pooling_models):
    again = device().serial.replace("127.0.0.1", "localhost")
    with session.Session(connection.connect("wifi", again), rig.remote_folder, "devices.wifi"):
        assert "being measured by another process" in failing(pooling_models, device())


def test_two_measurements_at_once_are_refused(rig, device, pooling_models):
    phone = connection.connect("pixel", device().serial)
    with session.Session(phone, rig.remote_folder, "devices.pixel"):
        assert "being measured by another process" in failing(pooling_models, device())
    protocol.measure(pooling_models[0], pooling_models[0], "pixel", device())


def running(rig) -> bool:
    return any("--graph=" in argv for _, argv in rig.processes())


def when_running(rig, action) -> None:
    def wait():
        while not running(rig):
            time.sleep(0.05)
        action()

    threading.Thread(target=wait, daemon=True).start()


@pytest.mark.slow
def test_disconnected_in_mid_run_and_cleaned_up_by_the_next(rig, device, pooling_models):
    serial = device().serial
    when_running(rig, lambda: rig.signal(serial, signal.SIGKILL))
    said = failing(pooling_models, device(min_s=3.0))
    assert (
        said.startswith(f"pixel ({serial})")
        and "while running benchmark_model" in said
        and "again" in said
    )
    rig.start()
    protocol.measure(pooling_models[0], pooling_models[0], "pixel", device())
    assert nothing_left(rig)


@pytest.mark.slow
def test_hung_in_mid_run(rig, device, pooling_models, monkeypatch):
    monkeypatch.setattr(connection, "ANSWER_S", 3.0)
    serial = device().serial
    when_running(rig, lambda: rig.signal(serial, signal.SIGSTOP))
    assert "hangs (no answer within" in failing(pooling_models, device(min_s=1.0, timeout_s=3.0))
    rig.signal(serial, signal.SIGCONT)
    protocol.measure(pooling_models[0], pooling_models[0], "pixel", device())
    assert nothing_left(rig)


# ---- The numbers


def timing(mean: float, median: float | None = None, p95: float | None = None) -> Timing:
    return Timing("tflite", 1.0, 2.0 * mean, 50, mean, 0.9 * mean, median, p95, None, ())


def test_numbers_are_over_processes():
    controls = [timing(1.0), timing(2.0), timing(1.0)]
    found = summary([timing(4.0), timing(10.0), timing(3.0)], controls)
    assert (
        found["statistic"],
        found["latency_ms"],
        found["control_ms"],
        found["ratio"],
        found["runs"],
    ) == (
        "mean",
        4.0,
        1.0,
        4.0,
        150,
    )  # ratios 4, 5, 3
    assert (
        found["iqr_ms"] == [3.5, 7.0]
        and found["ratio_iqr"] == [3.5, 4.5]
        and found["min_ms"] == pytest.approx(2.7)
    )
    assert found["p95_ms"] == pytest.approx(9.4) and found["p95_over"] == "processes"
    newer = summary(
        [timing(4.0, 3.9, 5.0), timing(9.0, 4.1, 7.0), timing(4.0, 4.0, 6.0)],
        [timing(1.0, 2.0, 3.0)] * 3,
    )
    assert (
        newer["statistic"],
        newer["latency_ms"],
        newer["ratio"],
        newer["p95_ms"],
        newer["p95_over"],
    ) == ("median", 4.0, 2.0, 6.0, "invocations")
