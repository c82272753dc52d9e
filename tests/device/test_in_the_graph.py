"""A phone in the real DVC graph, through the real adb server, daemon and benchmark_model."""

import json
import re
import subprocess
import time
from importlib.metadata import version

import pytest
from adbutils import adb_path
from documented import read_commands
from measuring import sha256
from pipeline_project import Project, stages_run
from published import publish
from ruamel.yaml import YAML

from frill.commands.benchmark import format_measurement

MINE = {
    "identify@pixel",
    "benchmark@one-pixel",
    "benchmark@two-pixel",
    "benchmark_references@pixel",
}
PAGE = "docs/pixel.md"
CONTROL = "models/controls/random_weights.tflite"


@pytest.fixture
def project(reproduced, rig, tool) -> Project:
    """Yield the miniature with the rig's phone as a second device, which does not decide."""
    reproduced.params["devices"]["pixel"] = {
        "kind": "adb",
        "serial": rig.start(),
        "folder": rig.remote_folder,
        "cores": "1",
        "xnnpack": "none",
        "processes": 3,
        "runs": 5,
        "min_s": 0.2,
        "warm_up_s": 0.05,
        "tool": str(tool),
        "tool_sha256": sha256(tool),
    }
    yield reproduced
    del reproduced.params["devices"]["pixel"]
    reproduced.params["selection"]["device"] = "host"


@pytest.mark.slow
def test_a_phone_is_measured_lost_in_mid_run_and_measured_again(project, rig):
    # Nothing is trained, scored or selected again.
    assert set(project.repro()) == {"check", "track", "report", "code"} | MINE
    table = project.run("frill", "show").stdout
    # Three processes are too few for an interval: the phone's column follows the host's.
    assert re.search(r"(?m)^. one +[\d.]+ +[\d.]+ +[\d.]+ +[-+]", table)
    assert "latency: on host, which decides; beside it on pixel" in table
    results = project.folder / "results"
    one = json.loads((results / "latency/pixel/one.json").read_text())
    assert one["cosine"] > 0.9999
    assert one["identity"] == json.loads((results / "identity/pixel.json").read_text())
    assert project.repro() == ["track"]

    serial = project.params["devices"]["pixel"]["serial"]
    project.params["devices"]["pixel"]["min_s"] = 0.5
    project.write()
    log = project.folder / "lost.log"
    running = project.start("sh", "-c", "dvc repro --keep-going >lost.log 2>&1")
    deadline = time.monotonic() + 200
    while not is_second_student_timed(project, rig):
        assert time.monotonic() < deadline, log.read_text()
        assert running.poll() is None, log.read_text()
        time.sleep(0.02)
    rig.power_off(serial)
    rig.start()
    assert running.wait(timeout=200) == 255
    printed = log.read_text()
    lost = (
        r"(?m)^(benchmark\S+): pixel \(127.0.0.1:5641\) "
        "lost its connection while running benchmark_model and is back"
    )
    (failed,) = re.findall(lost, printed)
    assert "Traceback" not in printed
    assert project.repro() == [failed, "track", "report"]


def is_second_student_timed(project: Project, rig) -> bool:
    """Tell whether one of the two students has its latency and benchmark_model runs again."""
    measured = list((project.folder / "results/latency/pixel").glob("[ot][nw][eo].json"))
    return len(measured) == 1 and any("--graph=" in argv for _, argv in rig.processes())


@pytest.mark.slow
def test_a_phone_that_decides_and_is_then_away(project, rig):
    project.params["selection"]["device"] = "pixel"
    stages = set(project.repro())
    assert {"frontier", "release", "report", "track"} < stages
    assert not any(name.startswith(("distill", "evaluate", "convert")) for name in stages)
    frontier = json.loads((project.folder / "results/frontier.json").read_text())
    assert frontier["device"] == "pixel"
    assert frontier["students"][0]["latency_ms"] > 0
    assert "Google Pixel" in (project.folder / "release/MODEL_CARD.md").read_text()

    rig.power_off(project.params["devices"]["pixel"]["serial"])
    assert project.repro() == ["track"]  # what was measured stays
    project.params["devices"]["pixel"]["runs"] = 6
    project.params["students"]["one"]["precision"] = "float16"
    project.write()
    done = project.run("dvc", "repro", "--keep-going")
    assert done.returncode == 255
    away = r"benchmark\S*pixel: pixel \(127\.0\.0\.1:5641\) cannot be reached"
    assert re.search(away, done.stdout)
    assert "Traceback" not in done.stdout
    stages = set(re.findall(r"Running stage '([^']+)'", done.stdout))
    assert {"convert@one", "evaluate@one", "benchmark@one-host"} < stages
    assert "frontier" not in stages  # only what needs the phone waits for it
    project.params["students"]["one"]["precision"] = "float32"


@pytest.mark.slow
def test_a_phone_that_is_removed_leaves_no_trace(project):
    results = project.folder / "results"
    paths = [results / "latency/pixel", results / "identity/pixel.json"]
    project.repro("identify@pixel", "benchmark_references@pixel")
    assert all(path.exists() for path in paths)
    phone = project.params["devices"].pop("pixel")
    project.repro()
    assert not any(path.exists() for path in paths)
    project.params["devices"]["pixel"] = phone


@pytest.mark.slow
def test_by_hand(project, rig, tmp_path):
    project.write()
    listed = project.run("frill", "devices").stdout
    serial = project.params["devices"]["pixel"]["serial"]
    described = (
        rf"{serial} +Google Pixel, Android 10, \S+, cores 0-\d+ at \? MHz \(mask \w+\), "
        "battery 27.0 C, thermal status 0\n"
    )
    assert re.search(described, listed)
    assert re.search(r"host \(selection\) +ready\n", listed)
    assert re.search(r"pixel +ready\n", listed)
    model = "models/tflite/one/model.tflite"
    path = tmp_path / "result.json"
    done = project.run("frill", "benchmark", model, "--device", "pixel", "--json", str(path))
    assert done.returncode == 0, done.stdout
    result = json.loads(path.read_text())
    assert done.stdout.endswith(
        "\n".join(format_measurement(result, model, "pixel", CONTROL)) + "\n"
    )
    assert f"{result['latency_ms']:.3f} ms, median of the means of 3 processes" in done.stdout
    assert "cosine 1.0000000" in done.stdout
    done = project.run("frill", "benchmark", model)
    assert done.returncode == 0
    on_host = r"model.tflite on host \(.+\), LiteRT [\d.]+, XNNPACK, cpu, 1 thread\n  latency "
    assert re.search(on_host, done.stdout)
    rig.power_off(serial)
    project.params["devices"]["pixel"]["tool_sha256"] = "0" * 64
    project.write()
    listed = project.run("frill", "devices").stdout
    assert "pixel (127.0.0.1:5641) cannot be reached" in listed
    assert "has sha256" in listed


@pytest.mark.slow
def test_by_hand_what_is_not_there(project):
    project.write()
    model = "models/tflite/one/model.tflite"
    for arguments, expected in (
        (["nowhere.tflite"], "nowhere.tflite: no such file"),
        ([model, "--device", "iphone"], "--device iphone: params.yaml has host, pixel"),
        (["params.yaml"], "params.yaml: no model that LiteRT can load"),
    ):
        done = project.run("frill", "benchmark", *arguments)
        assert done.returncode == 1
        assert f"frill: {expected}" in done.stdout
        assert "Traceback" not in done.stdout


@pytest.mark.slow
def test_the_pages_ten_lines_are_typed(reproduced, rig, litert_tools):
    """docs/pixel.md, against the rig's phone; the tools come from a server on loopback."""
    project = reproduced
    project.write()  # without the phone of other tests
    serial = rig.start()
    subprocess.run([adb_path(), "connect", serial], check=True, stdout=subprocess.DEVNULL)
    files = {name: path.read_bytes() for name, path in litert_tools.items()}
    look, again, quick, whole, compared, reproduce = read_commands(PAGE, "frill devices")
    with publish(files, version("ai-edge-litert")) as (address, asked):
        project.extra = {"FRILL_LITERT_BINARIES": address, "no_proxy": "127.0.0.1"}
        listed = project.run("sh", "-c", look).stdout
        assert len(asked) == 2
        line = YAML(typ="safe").load(listed.splitlines()[-1])
        assert list(line) == ["pixel"]
        of_the_rig = {"cores": "1", "folder": rig.remote_folder, "processes": 3, "cadence_runs": 2}
        project.params["devices"] |= {"pixel": line["pixel"] | of_the_rig}
        project.write()
        assert re.search("(?m)^  pixel +ready$", project.run("sh", "-c", again).stdout)
        looked = project.run("sh", "-c", quick)
        assert looked.returncode == 0, looked.stdout
        assert "not valid too few pairs: 3" in looked.stdout
        assert "--quick: a first look" in looked.stdout
        assert project.run("sh", "-c", whole).returncode == 0
        assert "nothing can be said" in project.run("sh", "-c", compared).stdout  # three pairs
        side_by_side = read_commands(PAGE, "frill benchmark models")[0]
        table = project.run("sh", "-c", side_by_side).stdout
        assert re.search(r"(?m)^models/tflite/two/model.tflite +[\d.]+ +[\d.]+", table)
        whole_and_window = read_commands(PAGE, "frill benchmark release/frill_1s")[0]
        table = project.run("sh", "-c", whole_and_window).stdout
        assert re.search(r"(?m)^release/frill_1s.tflite +[\d.]+ +[\d.]+", table), table
        done = project.run("sh", "-c", reproduce)
        assert done.returncode == 0, done.stdout
        assert MINE <= set(stages_run(done.stdout))
        assert len(asked) == 2  # nothing is fetched twice
    del project.params["devices"]["pixel"]
    project.extra = {}
    result = json.loads((project.folder / "results/latency/pixel/one.json").read_text())
    assert result["runtime"].startswith("LiteRT 2.")
    devices = json.loads((project.folder / "results/devices.json").read_text())
    assert devices["pixel"]["details"]["one"]["cadence_ms"] > 0
