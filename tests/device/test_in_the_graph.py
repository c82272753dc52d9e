"""A phone in the real DVC graph, through the real adb server, daemon and benchmark_model."""

import hashlib
import json
import re
import time

import pytest
from pipeline_project import Project

from frill.commands.benchmark import lines

MINE = {
    "identify@pixel",
    "benchmark@one-pixel",
    "benchmark@two-pixel",
    "benchmark_references@pixel",
}


@pytest.fixture
def project(reproduced, rig, tool) -> Project:
    """The miniature with the rig's phone as a second device, which does not decide."""
    short = {"processes": 3, "runs": 5, "min_s": 0.2, "warm_up_s": 0.05}
    where = {
        "kind": "adb",
        "serial": rig.start(),
        "folder": rig.remote_folder,
        "cores": "1",
        "xnnpack": "none",
    }
    reproduced.params["devices"]["pixel"] = (
        where
        | short
        | {"tool": str(tool), "tool_sha256": hashlib.sha256(tool.read_bytes()).hexdigest()}
    )
    yield reproduced
    del reproduced.params["devices"]["pixel"]
    reproduced.params["selection"]["device"] = "host"


@pytest.mark.slow
def test_a_phone_is_measured_lost_in_mid_run_and_measured_again(project, rig):
    assert (
        set(project.repro()) == {"check", "track", "report", "code"} | MINE
    )  # nothing is trained, scored or selected again
    table = project.run("frill", "show").stdout
    assert (
        re.search(r"^. one +[\d.]+ ms +[\d.]+ \.\. [\d.]+ +[\d.]+ ms", table, re.MULTILINE)
        and "latency: on host, which decides; beside it on pixel" in table
    )
    one = json.loads((project.folder / "results/latency/pixel/one.json").read_text())
    assert one["cosine"] > 0.9999 and one["identity"] == json.loads(
        (project.folder / "results/identity/pixel.json").read_text()
    )
    assert project.repro() == ["track"]

    serial = project.params["devices"]["pixel"]["serial"]
    project.params["devices"]["pixel"]["min_s"] = 0.5
    project.write()
    running = project.start("sh", "-c", "dvc repro --keep-going >lost.log 2>&1")
    measured, deadline = project.folder / "results/latency/pixel", time.monotonic() + 200
    while len(list(measured.glob("[ot][nw][eo].json"))) != 1 or not any(
        "--graph=" in argv for _, argv in rig.processes()
    ):
        assert time.monotonic() < deadline and running.poll() is None, (
            project.folder / "lost.log"
        ).read_text()
        time.sleep(0.02)
    rig.power_off(serial)
    rig.start()
    assert running.wait(timeout=200) == 255
    said = (project.folder / "lost.log").read_text()
    failed = re.findall(
        r"(?m)^(benchmark\S+): pixel \(127.0.0.1:5641\) lost its connection while running benchmark_model and is back",
        said,
    )
    assert len(failed) == 1 and "Traceback" not in said
    assert project.repro() == [
        failed[0].replace("benchmark_references@pixel", failed[0]),
        "track",
        "report",
    ]


@pytest.mark.slow
def test_a_phone_that_decides_and_is_then_away(project, rig):
    project.params["selection"]["device"] = "pixel"
    ran = set(project.repro())
    assert {"frontier", "release", "report", "track"} < ran and not any(
        name.startswith(("distill", "evaluate", "convert")) for name in ran
    )
    frontier = json.loads((project.folder / "results/frontier.json").read_text())
    assert frontier["device"] == "pixel" and frontier["students"][0]["latency_ms"] > 0
    assert "Google Pixel" in (project.folder / "release/MODEL_CARD.md").read_text()

    rig.power_off(project.params["devices"]["pixel"]["serial"])
    assert project.repro() == ["track"]  # what was measured stays
    project.params["devices"]["pixel"]["runs"] = 6
    project.params["students"]["one"]["precision"] = "float16"
    project.write()
    done = project.run("dvc", "repro", "--keep-going")
    assert (
        done.returncode == 255
        and "identify@pixel: pixel (127.0.0.1:5641) cannot be reached" in done.stdout
        and "Traceback" not in done.stdout
    )
    ran = set(re.findall(r"Running stage '([^']+)'", done.stdout))
    assert {
        "convert@one",
        "evaluate@one",
        "benchmark@one-host",
    } < ran and "frontier" not in ran  # only what needs the phone waits for it
    project.params["students"]["one"]["precision"] = "float32"


@pytest.mark.slow
def test_a_phone_that_is_removed_leaves_no_trace(project):
    results = [
        project.folder / "results" / name for name in ("latency/pixel", "identity/pixel.json")
    ]
    project.repro("identify@pixel", "benchmark_references@pixel")
    assert all(path.exists() for path in results)
    phone = project.params["devices"].pop("pixel")
    project.repro()
    assert not any(path.exists() for path in results)
    project.params["devices"]["pixel"] = phone


@pytest.mark.slow
def test_by_hand(project, rig, tmp_path):
    project.write()
    listed = project.run("frill", "devices").stdout
    serial = project.params["devices"]["pixel"]["serial"]
    assert re.search(
        rf"{serial} +Google Pixel, Android 10, \S+, cores 0-\d+ at \? MHz \(mask \w+\), battery 27.0 C, thermal status 0\n",
        listed,
    )
    assert re.search(r"host \(selection\) +ready\n", listed) and re.search(
        r"pixel +ready\n", listed
    )
    model = "models/tflite/one/model.tflite"
    done = project.run(
        "frill", "benchmark", model, "--device", "pixel", "--json", str(tmp_path / "result.json")
    )
    assert done.returncode == 0, done.stdout
    result = json.loads((tmp_path / "result.json").read_text())
    assert done.stdout.endswith(
        "\n".join(lines(result, model, "pixel", "models/controls/random_weights.tflite")) + "\n"
    )
    assert (
        f"{result['latency_ms']:.3f} ms, median of the means of 3 processes" in done.stdout
        and "cosine 1.0000000" in done.stdout
    )
    done = project.run("frill", "benchmark", model)
    assert done.returncode == 0 and re.search(
        r"model.tflite on host \(.+\), LiteRT, XNNPACK, 1 thread\n  latency ", done.stdout
    )
    for arguments, expected in (
        (["nowhere.tflite"], "nowhere.tflite: no such file"),
        (
            [model, "--device", "iphone"],
            "--device iphone: params.yaml has host, pixel under devices",
        ),
        (["params.yaml"], "params.yaml: no model that LiteRT can load"),
    ):
        done = project.run("frill", "benchmark", *arguments)
        assert (
            done.returncode == 1
            and f"frill: {expected}" in done.stdout
            and "Traceback" not in done.stdout
        )
    rig.power_off(serial)
    project.params["devices"]["pixel"]["tool_sha256"] = "0" * 64
    project.write()
    listed = project.run("frill", "devices").stdout
    assert "pixel (127.0.0.1:5641) cannot be reached" in listed and "has sha256" in listed
