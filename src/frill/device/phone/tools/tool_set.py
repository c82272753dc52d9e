"""The programs and libraries that a device is measured with, as its settings name them.

LiteRT's team publishes the tools of every version as files for 64-bit Arm phones, without sums:
https://storage.googleapis.com/litert/binaries/VERSION/android_arm64/NAME (LiteRT-CLI's
core/constants.py, google-ai-edge/LiteRT-CLI). FRILL_LITERT_BINARIES names a mirror of that address.
"""

import os
from pathlib import Path
from typing import NamedTuple

from frill.device.phone.tools.download import FOLDER, check_abi, fetch_unknown, locate_tool
from frill.errors import UserError
from frill.params.devices import AdbDevice

BINARIES = "https://storage.googleapis.com/litert/binaries"
BENCHMARK_MODEL = "benchmark_model"
RUN_MODEL = "run_model"
# Of params.yaml, for each published program.
SUMS = {BENCHMARK_MODEL: "tool_sha256", RUN_MODEL: "run_model_sha256"}
# What a GPU takes beside them (LiteRT-CLI pushes it for --gpu). An NPU takes its maker's, too.
GPU_LIBRARY = "libLiteRtClGlAccelerator.so"


class Tools(NamedTuple):
    """Local files; `run_model` is None beside TFLite's tool, which checks outputs itself."""

    benchmark_model: Path
    run_model: Path | None
    libraries: dict[str, Path]  # by the name that they have on the device

    def check_abi(self, abis: list[str], key: str) -> None:
        """Raise UserError where one is for another processor; `abis` as ro.product.cpu.abilist."""
        for path in filter(None, (self.benchmark_model, self.run_model, *self.libraries.values())):
            check_abi(path, abis, key)


def name_url(runtime: str, name: str) -> str:
    """Return the address of a published file of a runtime, such as "litert 2.3.0"."""
    place = os.environ.get("FRILL_LITERT_BINARIES", BINARIES).rstrip("/")
    version = runtime.removeprefix("litert ")
    return f"{place}/{version}/android_arm64/{name}"


def locate_tools(device: AdbDevice, key: str, folder: Path = FOLDER) -> Tools:
    """Return the files of a device, downloaded where they are not here yet. Raises UserError.

    `key` is the device in params.yaml, such as devices.pixel.
    """
    refuse_unknown_sums(device, key)
    named = {"tool": device.tool, "run_model": device.run_model}
    if device.runtime:
        named["tool"] = name_url(device.runtime, BENCHMARK_MODEL)
        named["run_model"] = name_url(device.runtime, RUN_MODEL)
    tool = locate_tool(named["tool"], device.tool_sha256, f"{key}.tool", folder)
    run_model = None
    if named["run_model"]:
        sha256 = device.run_model_sha256
        run_model = locate_tool(named["run_model"], sha256, f"{key}.run_model", folder)
    libraries = {}
    for library in device.libraries:
        file = library.file
        if device.runtime and "/" not in file:
            file = name_url(device.runtime, file)
        path = locate_tool(file, library.sha256, f"{key}.libraries", folder)
        libraries[file.rpartition("/")[2]] = path
    return Tools(tool, run_model, libraries)


def refuse_unknown_sums(device: AdbDevice, key: str) -> None:
    """Raise UserError where a runtime's files have no sums in params.yaml yet."""
    if not device.runtime:
        return
    advice = f"`frill devices` fetches {device.runtime} once and prints the line with it"
    for sum_key in SUMS.values():
        if not getattr(device, sum_key):
            raise UserError(f"params.yaml: {key}.{sum_key}: missing; {advice}")
    if device.accelerator == "gpu" and not device.libraries:
        raise UserError(
            f"params.yaml: {key}.libraries: accelerator: gpu takes {GPU_LIBRARY}; {advice}"
        )


def fetch_sums(runtime: str, folder: Path = FOLDER) -> dict[str, str]:
    """Return a runtime's sums as params.yaml has them: tool_sha256 and run_model_sha256.

    The files are kept in `folder`. Raises UserError.
    """
    return {key: fetch_unknown(name_url(runtime, name), folder) for name, key in SUMS.items()}


def fetch_libraries(runtime: str, accelerator: str, folder: Path = FOLDER) -> list[dict[str, str]]:
    """Return what `libraries` of params.yaml has to list of a runtime's files for an accelerator.

    An NPU's are its maker's, and not among them. Raises UserError.
    """
    if accelerator != "gpu":
        return []
    return [{"file": GPU_LIBRARY, "sha256": fetch_unknown(name_url(runtime, GPU_LIBRARY), folder)}]
