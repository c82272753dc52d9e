"""Processes of a device's tools: their command lines, and what becomes of each."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from time import monotonic
from typing import NamedTuple

from frill.device.errors import ModelError
from frill.device.phone.connection import Finished, Phone, last_line
from frill.device.phone.cores import Affinity
from frill.device.phone.session import Session, WatchedRun
from frill.device.phone.tools import benchmark_command
from frill.device.phone.tools import benchmark_model as benchmark_tool
from frill.device.phone.tools.benchmark_model import Timing, ToolError
from frill.device.phone.tools.tool_set import BENCHMARK_MODEL
from frill.params.devices import CADENCE_S, AdbDevice

TOOL = f"./{BENCHMARK_MODEL}"
RUNTIMES = {"tflite": "TFLite", "litert": "LiteRT"}
# Libraries that lie beside the tools; Qualcomm's NPU takes the other name, too.
LIBRARY_PATHS = ["env", "LD_LIBRARY_PATH=.", "ADSP_LIBRARY_PATH=."]


class Run(NamedTuple):
    """A process of benchmark_model."""

    timing: Timing
    watched: WatchedRun


class ToolRuns:
    """The tools of one measurement's session, bound to the cores of `affinity`."""

    def __init__(
        self, phone: Phone, session: Session, name: str, device: AdbDevice, affinity: Affinity
    ):
        self._phone = phone
        self._session = session
        self._name = name
        self._device = device
        self._affinity = affinity
        self._environment = LIBRARY_PATHS if device.libraries else []
        self._timing = dict(
            threads=device.threads,
            xnnpack=None if device.xnnpack is None else bool(device.xnnpack),
            kind=device.tool_kind,
            accelerator=device.accelerator,
            runs=device.runs,
            min_secs=device.min_s,
            max_secs=min(150.0, device.timeout_s / 2),
            warm_up_secs=device.warm_up_s,
        )

    def describe_runtime(self, tool: str) -> str:
        version = (self._device.runtime or "").removeprefix("litert")
        kernels = {0: ", without XNNPACK", 1: ", XNNPACK", None: ""}[self._device.xnnpack]
        return f"{RUNTIMES[tool]}{version}'s benchmark_model{kernels}"

    def timing_command(self, model: str) -> list[str]:
        return benchmark_command.build_command(TOOL, model, **self._timing)

    def cadence_command(self, model: str) -> list[str]:
        runs = {"runs": self._device.cadence_runs, "min_secs": 0.0, "warm_up_secs": 0.0}
        command = benchmark_command.build_command(TOOL, model, **self._timing | runs)
        return [*command, f"--run_frequency={1 / CADENCE_S:g}"]

    def run_tool(self, argv: list[str]) -> Run:
        with self.name_phone():
            watched = self._watch(argv)
            return Run(benchmark_tool.parse(*watched.finished), watched)

    def finish(self, argv: list[str]) -> Finished:
        return self._watch(argv).finished

    def _watch(self, argv: list[str]) -> WatchedRun:
        device = self._device
        start = monotonic()
        watched = self._session.watch(
            [*self._environment, *argv], self._affinity.cpus, self._affinity.mask, device.timeout_s
        )
        code = watched.finished.exit_code
        tool = PurePosixPath(argv[0]).name
        if code == 137 and monotonic() - start >= device.timeout_s:
            raise ToolError(
                f"{tool} did not end within {device.timeout_s:g} s and was killed: "
                f"raise devices.{self._name}.timeout_s, or measure a smaller model"
            )
        if code == 125:
            raise ToolError(
                f"{tool} left no exit code, "
                f"its folder is gone or full ({last_line(watched.finished.stderr)}): "
                f"see that devices.{self._name}.folder has space, and run this again"
            )
        return watched

    def run_apart(self, argv: list[str], parse: Callable):
        """Return what a process of its own says; None where this build of the tool cannot."""
        try:
            finished = self.run_tool(argv).watched.finished
            return parse(finished.stdout, finished.stderr)
        except (ModelError, ToolError) as error:
            print(f"not measured: {error}")
            return None

    @contextmanager
    def name_phone(self) -> Iterator[None]:
        """Add the phone to benchmark_model's errors, which do not know where it ran."""
        try:
            yield
        except ToolError as error:
            raise ModelError(f"{self._phone.name} ({self._phone.serial}): {error}") from None
