"""Latency on a phone over adb, with benchmark_model: the protocol.

gate        before each pair of processes the phone is cool and its screen off (cooling.py)
check       one process reads a known window; the cosine of its output with this computer's
            (output_check.py)
pairs       `processes` times one process of the control model and one of the model, in turns of
            which comes first
discarded   a pair in which the phone throttled or a thread moved to another core (cores.py);
            repeated, up to a limit
apart       peak memory and operators, in processes of their own: both slow the model down

A process gives one number: the median over its invocations where the build of the tool prints one,
else their mean. What is reported is over processes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from time import monotonic
from typing import NamedTuple

from frill.device import identity
from frill.device.errors import ModelError
from frill.device.phone.connection import Finished, Phone, connect, last_line
from frill.device.phone.cooling import is_throttled, wait_until_cool
from frill.device.phone.cores import bind_cores, read_cores
from frill.device.phone.output_check import check_output
from frill.device.phone.session import Session, WatchedRun
from frill.device.phone.state import Conditions, read_conditions, read_identity
from frill.device.phone.summary import summarise
from frill.device.phone.tools import benchmark_model as benchmark_tool
from frill.device.phone.tools.benchmark_model import Timing, ToolError
from frill.device.phone.tools.tool_set import BENCHMARK_MODEL, RUN_MODEL, Tools, locate_tools
from frill.errors import UserError
from frill.params.devices import AdbDevice
from frill.progress import progress

OPERATORS = 8  # kept of the profile
MODEL = "model.tflite"
CONTROL = "control.tflite"
TOOL = f"./{BENCHMARK_MODEL}"
FILES = {"model": MODEL, "tool": TOOL, "run_model": f"./{RUN_MODEL}"}
RUNTIMES = {"tflite": "TFLite", "litert": "LiteRT"}
# Libraries that lie beside the tools; Qualcomm's NPU takes the other name, too.
LIBRARY_PATHS = ["env", "LD_LIBRARY_PATH=.", "ADSP_LIBRARY_PATH=."]


class Run(NamedTuple):
    """A process of benchmark_model."""

    timing: Timing
    watched: WatchedRun


def measure(
    model: Path, control: Path, name: str, device: AdbDevice, recorded: dict | None = None
) -> dict:
    """Return milliseconds for one window, as results/latency/{name}/*.json has them.

    `recorded` is the phone's identity as results/identity has it. Another phone of the same name is
    refused, so that one table never mixes two. Raises DeviceError, UserError.
    """
    key = f"devices.{name}"
    tools = locate_tools(device, key)
    phone = connect(name, device.serial)
    present = read_identity(phone)
    if recorded is not None:
        identity.refuse_other_device(name, recorded, present)
    tools.check_abi(present["abis"].split(","), key)
    with Session(phone, device.folder, key) as session:
        hashes = {
            "binaries": _push_tools(session, tools, device),
            "model_sha256": session.push(model, MODEL),
            "control_sha256": session.push(control, CONTROL),
        }
        numbers = _Measurement(phone, session, name, device).run(model)
        return {"schema": 1, **numbers, **hashes, "identity": present}


def _push_tools(session: Session, tools: Tools, device: AdbDevice) -> dict[str, str]:
    """Copy what is run, and return its sums by name: those of params.yaml, or nothing is run."""
    files = {BENCHMARK_MODEL: (tools.benchmark_model, device.tool_sha256)}
    if tools.run_model:
        files[RUN_MODEL] = (tools.run_model, device.run_model_sha256)
    for (name, path), library in zip(tools.libraries.items(), device.libraries, strict=True):
        files[name] = (path, library.sha256)
    for name, (path, sha256) in files.items():
        if session.push(path, name, 0o755) != sha256:
            raise UserError(
                f"{path}: was changed while it was copied, and is not run: "
                "see what writes it, then run this again"
            )
    return {name: sha256 for name, (_, sha256) in files.items()}


class _Measurement:
    def __init__(self, phone: Phone, session: Session, name: str, device: AdbDevice):
        self._phone = phone
        self._session = session
        self._name = name
        self._device = device
        self._environment = LIBRARY_PATHS if device.libraries else []
        self._affinity = bind_cores(phone, f"devices.{name}", device)
        xnnpack = None if device.xnnpack is None else bool(device.xnnpack)
        self._common = dict(threads=device.threads, xnnpack=xnnpack)
        self._timing = self._common | dict(
            kind=device.tool_kind,
            accelerator=device.accelerator,
            runs=device.runs,
            min_secs=device.min_s,
            max_secs=min(150.0, device.timeout_s / 2),
            warm_up_secs=device.warm_up_s,
        )

    def run(self, model: Path) -> dict:
        before = wait_until_cool(self._phone, self._name, self._device)
        # Again: some phones lower their caps when the screen goes dark.
        self._affinity.cores = read_cores(self._phone)
        cosine = self._check(model)
        pairs, discarded = self._run_pairs()
        memory = self._run_apart(benchmark_tool.MEMORY_FLAG, benchmark_tool.parse_peak_memory)
        profile_flag = benchmark_tool.PROFILE_FLAGS[self._device.tool_kind]
        operators = self._run_apart(profile_flag, benchmark_tool.parse_profile)
        models = [model.timing for model, _ in pairs]
        controls = [control.timing for _, control in pairs]
        watched_runs = [run.watched for pair in pairs for run in pair]
        numbers = summarise(models, controls)
        numbers["warnings"] += self._affinity.describe_caps() + _doubts(before)
        return {
            "runtime": self._describe_runtime(models[0].tool),
            "accelerator": self._device.accelerator,
            "threads": self._device.threads,
            "cores": self._device.cores,
            "core_mask": self._affinity.mask,
            "command": self._timing_command(MODEL),
            **numbers,
            "cosine": cosine,
            "discarded": discarded,
            "peak_memory_mib": memory,
            "operators": [operator._asdict() for operator in (operators or [])[:OPERATORS]],
            "core_khz": self._affinity.summarise_khz(watched_runs),
            "conditions_before": asdict(before),
            "conditions_after": asdict(read_conditions(self._phone)),
        }

    def _describe_runtime(self, tool: str) -> str:
        version = (self._device.runtime or "").removeprefix("litert")
        kernels = {0: ", without XNNPACK", 1: ", XNNPACK", None: ""}[self._device.xnnpack]
        return f"{RUNTIMES[tool]}{version}'s benchmark_model{kernels}"

    def _timing_command(self, model: str) -> list[str]:
        return benchmark_tool.build_command(TOOL, model, **self._timing)

    def _check(self, model: Path) -> float:
        """Return the cosine of the phone's output with the host's; raise under the limit."""
        key = f"devices.{self._name}"
        with self._name_phone():
            return check_output(model, self._device, key, self._session, self._finish, FILES)

    def _run_pairs(self) -> tuple[list[tuple[Run, Run]], list[str]]:
        """Return the pairs that count, model before control, and why others were discarded."""
        pairs: list[tuple[Run, Run]] = []
        discarded: list[str] = []
        processes = self._device.processes
        bar = progress(range(processes), f"{self._name}: processes", processes, "pair")
        for _ in bar:
            while True:
                pair, fault = self._run_pair(control_first=len(pairs) % 2 == 0)
                if not fault:
                    break
                discarded.append(fault)
                bar.set_postfix_str(f"{len(discarded)} discarded: {fault}")
                if len(discarded) > self._device.discards:
                    raise self._phone.error(
                        f"spoilt {len(discarded)} pairs of processes, the last because {fault}; "
                        f"devices.{self._name}.discards allows {self._device.discards}: "
                        f"{_remedy(fault)}"
                    )
            pairs.append(pair)
        return pairs, discarded

    def _run_pair(self, control_first: bool) -> tuple[tuple[Run, Run], str]:
        """Return a pair, model before control, and why it does not count; empty if it does."""
        wait_until_cool(self._phone, self._name, self._device)
        order = (CONTROL, MODEL) if control_first else (MODEL, CONTROL)
        runs = {name: self._run_tool(self._timing_command(name)) for name in order}
        faults = [self._affinity.find_fault(run.watched) for run in runs.values()]
        after = read_conditions(self._phone)
        if is_throttled(after, self._device):
            faults.append(f"thermal status rose to {after.thermal_status}")
        return (runs[MODEL], runs[CONTROL]), next(filter(None, faults), "")

    def _run_tool(self, argv: list[str]) -> Run:
        with self._name_phone():
            watched = self._watch(argv)
            return Run(benchmark_tool.parse(*watched.finished), watched)

    def _finish(self, argv: list[str]) -> Finished:
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

    def _run_apart(self, flag: str, parse: Callable):
        """Return what a process of its own says; None where this build of the tool cannot."""
        try:
            run = self._run_tool([*self._timing_command(MODEL), flag])
            return parse(run.watched.finished.stdout, run.watched.finished.stderr)
        except (ModelError, ToolError) as error:
            print(f"not measured: {error}")
            return None

    @contextmanager
    def _name_phone(self) -> Iterator[None]:
        """Add the phone to benchmark_model's errors, which do not know where it ran."""
        try:
            yield
        except ToolError as error:
            raise ModelError(f"{self._phone.name} ({self._phone.serial}): {error}") from None


def _doubts(before: Conditions) -> list[str]:
    """Return what a reader of the result should know of the phone's conditions."""
    doubts = []
    if before.battery_c is None and before.thermal_status is None:
        doubts.append("the phone tells no temperature: whether it was cool is not known")
    if before.screen_on:
        doubts.append("the screen stayed on")
    return doubts


def _remedy(fault: str) -> str:
    if "moved" in fault:
        return "pin it to one core by a mask such as '08', or raise discards"
    if "outside" in fault:
        return "its system ignores taskset: write cores: any, and see that nothing else runs on it"
    return "let it cool, close what runs on it, or raise discards"
