"""LiteRT's published tools, by version: fetched once, checked against params.yaml, kept.

Their real place cannot be reached from CI: the server is this process, on loopback.
"""

import hashlib
import subprocess

import pytest
from adbutils import adb_path
from pipeline_project import miniature
from published import publish
from ruamel.yaml import YAML

from frill.commands import devices
from frill.commands.devices import describe_devices
from frill.device.phone import adb_server
from frill.device.phone.tools import tool_set
from frill.errors import UserError
from frill.params.devices import AdbDevice
from frill.params.load import validate

FILES = {
    "benchmark_model": b"#!/bin/sh\necho benchmark\n",
    "run_model": b"#!/bin/sh\necho run\n",
    "libLiteRtClGlAccelerator.so": b"\x7fELF" + bytes(60),
}
SUMS = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
KEY = "devices.pixel"


@pytest.fixture
def server(monkeypatch):
    """Yield a list of the paths that were asked for."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with publish(FILES, "2.3.0") as (address, asked):
        monkeypatch.setenv("FRILL_LITERT_BINARIES", address)
        yield asked


def litert(**changed) -> AdbDevice:
    known = dict(kind="adb", serial="none", runtime="litert 2.3.0")
    known |= dict(tool_sha256=SUMS["benchmark_model"], run_model_sha256=SUMS["run_model"])
    return AdbDevice.model_validate(known | changed)


def test_a_version_is_at_its_address(monkeypatch):
    monkeypatch.delenv("FRILL_LITERT_BINARIES", raising=False)
    # LiteRT-CLI's core/constants.py has the same.
    assert tool_set.name_url("litert 2.3.0", "run_model") == (
        "https://storage.googleapis.com/litert/binaries/2.3.0/android_arm64/run_model"
    )


def test_sums_are_those_of_what_is_there_and_nothing_is_fetched_twice(server, tmp_path):
    sums = tool_set.fetch_sums("litert 2.3.0", tmp_path)
    assert sums == {"tool_sha256": SUMS["benchmark_model"], "run_model_sha256": SUMS["run_model"]}
    tools = tool_set.locate_tools(litert(), KEY, tmp_path)
    assert tools.benchmark_model.read_bytes() == FILES["benchmark_model"]
    assert tools.run_model.read_bytes() == FILES["run_model"]
    assert len(server) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [SUMS["benchmark_model"], SUMS["run_model"]]
    )


def test_a_gpus_library_comes_from_the_same_place(server, tmp_path):
    name = tool_set.GPU_LIBRARY
    device = litert(accelerator="gpu", libraries=[{"file": name, "sha256": SUMS[name]}])
    tools = tool_set.locate_tools(device, KEY, tmp_path)
    assert tools.libraries[name].read_bytes() == FILES[name]
    assert server[-1].endswith(f"/2.3.0/android_arm64/{name}")


def test_another_file_than_params_has_the_sum_of_is_never_kept(server, tmp_path):
    with pytest.raises(UserError) as raised:
        tool_set.locate_tools(litert(run_model_sha256="0" * 64), KEY, tmp_path)
    message = str(raised.value)
    assert message.startswith(f"params.yaml: {KEY}.run_model = 'http://127.0.0.1")
    assert SUMS["run_model"] in message
    assert "no other file is ever run" in message
    assert not (tmp_path / SUMS["run_model"]).exists()


def test_without_sums_the_command_that_prints_them_is_named(server, tmp_path):
    with pytest.raises(UserError) as raised:
        tool_set.locate_tools(litert(run_model_sha256=None), KEY, tmp_path)
    assert str(raised.value) == (
        "params.yaml: devices.pixel.run_model_sha256: missing; "
        "`frill devices` fetches litert 2.3.0 once and prints the line with it"
    )
    assert not server


def test_a_gpu_needs_its_library_and_its_line_has_it(server, tmp_path):
    with pytest.raises(UserError) as raised:
        tool_set.locate_tools(litert(accelerator="gpu"), KEY, tmp_path)
    assert str(raised.value) == (
        "params.yaml: devices.pixel.libraries: accelerator: gpu takes "
        "libLiteRtClGlAccelerator.so; `frill devices` fetches litert 2.3.0 once "
        "and prints the line with it"
    )
    assert tool_set.fetch_libraries("litert 2.3.0", "gpu", tmp_path) == [
        {"file": tool_set.GPU_LIBRARY, "sha256": SUMS[tool_set.GPU_LIBRARY]}
    ]
    assert tool_set.fetch_libraries("litert 2.3.0", "cpu", tmp_path) == []


def test_a_version_that_is_not_there(server, tmp_path):
    with pytest.raises(UserError, match=r"9\.9\.9/android_arm64/benchmark_model: .*404"):
        tool_set.fetch_sums("litert 9.9.9", tmp_path)
    assert not list(tmp_path.iterdir())


def test_frill_devices_prints_the_line_with_the_sums(server, rig, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    serial = rig.start()
    subprocess.run([adb_path(), "connect", serial], check=True, stdout=subprocess.DEVNULL)
    params = miniature()
    params["devices"]["phone"] = {"kind": "adb", "serial": serial, "runtime": "litert 2.3.0"}
    lines = list(describe_devices(validate(params)))
    (problem,) = [line for line in lines if line.startswith("  phone ")]
    assert "devices.phone.tool_sha256: missing; `frill devices` fetches" in problem
    written = YAML(typ="safe").load(lines[-1])
    params["devices"]["phone"] = written["phone"] | {"cores": "any"}  # the rig's tell no frequency
    assert validate(params).devices["phone"].run_model_sha256 == SUMS["run_model"]
    (ready,) = [line for line in describe_devices(validate(params)) if line.startswith("  phone ")]
    assert ready.endswith("  ready")


def test_a_new_phones_line_names_it_as_the_docs_do(rig, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FRILL_LITERT_BINARIES", "http://127.0.0.1:9/nobody")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    serial = rig.start()
    subprocess.run([adb_path(), "connect", serial], check=True, stdout=subprocess.DEVNULL)
    *_, reason, line = describe_devices(validate(miniature()))
    assert "cannot be downloaded" in reason
    assert line.startswith(f'  pixel: {{kind: adb, serial: "{serial}", runtime: litert ')
    assert "tool_sha256: SHA256_OF_IT" in line


def test_each_new_phone_has_a_name_of_its_own(monkeypatch, tmp_path):
    """Both lines stand under devices: no key may stand there twice."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FRILL_LITERT_BINARIES", "http://127.0.0.1:9/nobody")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    attached = [adb_server.Attached(serial, "device") for serial in ("A1", "B2")]
    monkeypatch.setattr(adb_server, "list_attached", lambda: attached)
    monkeypatch.setattr(devices, "_describe_attached", lambda *_: "a phone")
    lines = [line for line in describe_devices(validate(miniature())) if "{kind: adb" in line]
    assert list(YAML(typ="safe").load("\n".join(lines))) == ["pixel", "pixel_2"]
