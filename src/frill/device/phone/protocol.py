"""Latency on a phone over adb, with benchmark_model: the protocol.

gate        before each pair of processes the phone is cool and its screen off (cooling.py)
check       one process reads a known window; the cosine of its output with this computer's
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
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from frill.device import identity
from frill.device.errors import ModelError
from frill.device.phone import tool as benchmark_tool
from frill.device.phone.connection import Phone, connect, last_line
from frill.device.phone.cooling import is_throttled, wait_until_cool
from frill.device.phone.cores import bind_cores, read_cores
from frill.device.phone.session import Session, WatchedRun
from frill.device.phone.state import Conditions, read_conditions, read_identity
from frill.device.phone.summary import summarise
from frill.device.phone.tool import Timing, ToolError
from frill.device.phone.tool_file import check_abi, locate_tool
from frill.device.timed_model import TimedModel
from frill.errors import UserError
from frill.params.devices import AdbDevice
from frill.progress import progress

OPERATORS = 8  # kept of the profile
TOOL = "benchmark_model"
MODEL = "model.tflite"
CONTROL = "control.tflite"
RUNTIMES = {"tflite": "TFLite's benchmark_model", "litert": "LiteRT's benchmark_model"}


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
    tool = locate_tool(device.tool, device.tool_sha256, key)
    phone = connect(name, device.serial)
    present = read_identity(phone)
    if recorded is not None:
        identity.refuse_other_device(name, recorded, present)
    check_abi(tool, present["abis"].split(","), key)
    with Session(phone, device.folder, key) as session:
        hashes = {
            "tool_sha256": session.push(tool, TOOL, 0o755),
            "model_sha256": session.push(model, MODEL),
            "control_sha256": session.push(control, CONTROL),
        }
        if hashes["tool_sha256"] != device.tool_sha256:
            raise UserError(
                f"{tool}: was changed while it was copied, and is not run: "
                "see what writes it, then run this again"
            )
        numbers = _Measurement(phone, session, name, device).run(model)
        return {"schema": 1, **numbers, **hashes, "identity": present}


class _Measurement:
    def __init__(self, phone: Phone, session: Session, name: str, device: AdbDevice):
        self._phone = phone
        self._session = session
        self._name = name
        self._device = device
        self._affinity = bind_cores(phone, f"devices.{name}", device)
        xnnpack = None if device.xnnpack is None else bool(device.xnnpack)
        self._common = dict(threads=device.threads, xnnpack=xnnpack)
        self._timing = self._common | dict(
            kind=device.tool_kind,
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
        xnnpack = {0: ", without XNNPACK", 1: ", XNNPACK", None: ""}[self._device.xnnpack]
        return {
            "runtime": RUNTIMES[models[0].tool] + xnnpack,
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

    def _timing_command(self, model: str) -> list[str]:
        return benchmark_tool.build_command(f"./{TOOL}", model, **self._timing)

    def _check(self, model: Path) -> float | None:
        """Return the cosine of the phone's output with the host's; raise under the limit."""
        if self._device.min_cosine is None:
            return None
        known = TimedModel(model)
        self._session.push(known.values.tobytes(), "input.bin")
        files = dict(
            input_name=known.name,
            input_shape=known.values.shape,
            input_file="input.bin",
            output_file="output.bin",
        )
        with self._name_phone():
            command = benchmark_tool.build_check_command(
                f"./{TOOL}", MODEL, **self._common, **files
            )
        self._run_tool(command)
        output = self._session.pull("output.bin")
        if output is None:
            raise self._failure(
                "wrote no output that could be checked: "
                "take a newer build of benchmark_model (--output_filepath), "
                f"or write min_cosine: none for devices.{self._name}"
            )
        try:
            cosine = known.compare(output)
        except ValueError as error:
            raise self._failure(
                f"gave an output that is not the model's ({error}): "
                "take another build of benchmark_model"
            ) from None
        if cosine < self._device.min_cosine:
            raise self._failure(
                "computes something else than this host: "
                f"the cosine of the two outputs is {cosine:.4f}, "
                f"the limit devices.{self._name}.min_cosine {self._device.min_cosine:g}: "
                "its latency would mean nothing; "
                "turn XNNPACK off or take another build of the tool"
            )
        return cosine

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
        device = self._device
        with self._name_phone():
            start = monotonic()
            watched = self._session.watch(
                argv, self._affinity.cpus, self._affinity.mask, device.timeout_s
            )
            stdout, stderr, code = watched.finished
            if code == 137 and monotonic() - start >= device.timeout_s:
                raise ToolError(
                    f"benchmark_model did not end within {device.timeout_s:g} s and was killed: "
                    f"raise devices.{self._name}.timeout_s, or measure a smaller model"
                )
            if code == 125:
                raise ToolError(
                    "benchmark_model left no exit code, "
                    f"its folder is gone or full ({last_line(stderr)}): "
                    f"see that devices.{self._name}.folder has space, and run this again"
                )
            return Run(benchmark_tool.parse(stdout, stderr, code), watched)

    def _run_apart(self, flag: str, parse: Callable):
        """Return what a process of its own says; None where this build of the tool cannot."""
        try:
            run = self._run_tool([*self._timing_command(MODEL), flag])
            return parse(run.watched.finished.stdout, run.watched.finished.stderr)
        except (ModelError, ToolError) as error:
            print(f"not measured: {error}")
            return None

    def _failure(self, what: str) -> ModelError:
        return ModelError(str(self._phone.error(what)))

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
