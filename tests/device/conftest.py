"""The phone that the tests of timing over adb run against.

A part that this machine lacks and cannot get skips them, with the way to get it.
"""

import os
import secrets
import shutil
import sys
from pathlib import Path

import get_adbd
import litert_tools as litert_tools_program
import pytest
from adbutils import adb_path
from measuring import settings, sha256
from rig import NO_REAL_PHONES, Rig, namespaces_refused

from frill.device.phone import connection, cooling


@pytest.fixture(scope="session")
def _adbd() -> str:
    """Path of an adbd, on a machine that can run it out of reach of others."""
    if refused := namespaces_refused():
        pytest.skip(f"no private namespaces for an adbd without authentication: {refused}")
    if adbd := os.environ.get("FRILL_ADBD") or shutil.which("adbd"):
        return adbd
    try:
        return str(get_adbd.adbd())
    except get_adbd.Unavailable as error:
        pytest.skip(
            "no adbd: set FRILL_ADBD to an adbd for Linux, "
            f"such as that of Debian's package adbd (apt: {error})"
        )


@pytest.fixture
def rig(_adbd, tmp_path, monkeypatch) -> Rig:
    """Yield a Rig with its server running and no adbd yet, for adbutils' defaults too.

    It starts in a tenth of a second, so every test has a new one.
    """
    rig = Rig(tmp_path / "rig", _adbd)
    environment = {
        "ANDROID_ADB_SERVER_PORT": str(rig.server_port),
        "ADBUTILS_ADB_PATH": adb_path(),
        **NO_REAL_PHONES,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("ANDROID_ADB_SERVER_HOST", raising=False)
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)
    rig.replace_command("test", "exit 127")  # Android 8 to 11 have it in the shell alone
    rig.boot_id(secrets.token_hex(8))  # else this machine's: all rigs would be one phone
    yield rig
    rig.close()


@pytest.fixture(scope="session")
def tool(tmp_path_factory) -> Path:
    """Return TFLite's benchmark_model for this machine, as one file that runs from anywhere."""
    real = os.environ.get("FRILL_BENCHMARK_MODEL")
    if not real:
        pytest.skip(
            "no benchmark_model: set FRILL_BENCHMARK_MODEL to TFLite's for this machine "
            "(TensorFlow's nightly linux_x86-64_benchmark_model, "
            "or build //tensorflow/lite/tools/benchmark:benchmark_model)"
        )
    script = tmp_path_factory.mktemp("tool") / "benchmark_model"
    # The real one may need the libraries that lie beside it.
    script.write_text(f'#!/bin/sh\nexec "{Path(real).resolve(strict=True)}" "$@"\n')
    script.chmod(0o755)
    return script


@pytest.fixture
def device(rig, tool, monkeypatch):
    """Return a function that makes settings for the rig's phone, with what a test changes."""
    monkeypatch.setattr(connection, "RETURN_S", 2.0)
    monkeypatch.setattr(cooling, "GATE_S", 0.2)
    serial = rig.start()

    def build(**changed):
        return settings(serial, tool, rig.remote_folder, **changed)

    return build


@pytest.fixture
def same_models(pooling_models) -> tuple[Path, Path]:
    """Return one model twice: it is its own control."""
    return pooling_models[0], pooling_models[0]


@pytest.fixture(scope="session")
def litert_tools(tmp_path_factory) -> dict[str, Path]:
    """Return what stands in for LiteRT's two tools (litert_tools.py), as files by their names."""
    folder = tmp_path_factory.mktemp("litert")
    program = Path(litert_tools_program.__file__).resolve()
    tools = {}
    for name in ("benchmark_model", "run_model"):
        tools[name] = folder / name
        tools[name].write_text(f'#!/bin/sh\nexec "{sys.executable}" "{program}" {name} "$@"\n')
        tools[name].chmod(0o755)
    return tools


@pytest.fixture
def litert(rig, litert_tools, monkeypatch):
    """Return a function that makes settings for the rig's phone with LiteRT's tools."""
    monkeypatch.setattr(connection, "RETURN_S", 2.0)
    monkeypatch.setattr(cooling, "GATE_S", 0.2)
    serial = rig.start()

    def build(**changed):
        run_model = litert_tools["run_model"]
        own = dict(tool_kind="litert", xnnpack=1, run_model=str(run_model))
        own["run_model_sha256"] = sha256(run_model)
        return settings(serial, litert_tools["benchmark_model"], rig.remote_folder, **own | changed)

    return build
