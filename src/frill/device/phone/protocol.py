"""Latency on a phone over adb, with benchmark_model: the protocol.

gate        before each pair of processes the phone is cool and its screen off (cooling.py)
check       one process reads a known window; the cosine of its output with this computer's
            (output_check.py)
pairs       `processes` times one process of the control model and one of the model, in turns of
            which comes first
discarded   a pair in which the phone throttled or a thread moved to another core (cores.py);
            repeated, up to a limit
apart       peak memory and operators, in processes of their own: both slow the model down; one more
            calls the model each 170 ms, as an app does: back-to-back invocations flatter

A process gives one number: the median over its invocations where the build of the tool prints one,
else their mean. What is reported is over processes.
"""

from dataclasses import asdict
from pathlib import Path

from frill.device import identity
from frill.device.errors import SpoiltError
from frill.device.phone.connection import Phone, connect
from frill.device.phone.cooling import is_throttled, wait_until_cool
from frill.device.phone.cores import bind_cores, read_cores
from frill.device.phone.output_check import check_output
from frill.device.phone.session import Session
from frill.device.phone.state import Conditions, read_conditions, read_identity
from frill.device.phone.summary import read_cadence, read_memory, summarise
from frill.device.phone.tool_runs import TOOL, Run, ToolRuns
from frill.device.phone.tools import benchmark_command
from frill.device.phone.tools import benchmark_model as benchmark_tool
from frill.device.phone.tools.benchmark_model import Timing, ToolError
from frill.device.phone.tools.tool_set import BENCHMARK_MODEL, RUN_MODEL, Tools, locate_tools
from frill.device.validity import judge
from frill.errors import UserError
from frill.params.devices import AdbDevice
from frill.progress import progress

OPERATORS = 8  # kept of the profile
# What a measurement that was spoilt does without.
APART = ("operators", "process_memory_mib", "added_memory_mib", "peak_memory_mib")
APART += ("cadence_ms", "cadence_runs")
MODEL = "model.tflite"
CONTROL = "control.tflite"
FILES = {"model": MODEL, "tool": TOOL, "run_model": f"./{RUN_MODEL}"}


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
        measurement = _Measurement(phone, session, name, device)
        numbers = measurement.run(model)
    result = {"schema": 1, **numbers, **hashes, "identity": present}
    if measurement.fault:
        what = measurement.describe_spoilt(len(result["discarded"]), measurement.fault)
        raise SpoiltError(str(phone.error(what)), result)
    return result


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
        self._affinity = bind_cores(phone, f"devices.{name}", device)
        self._runs = ToolRuns(phone, session, name, device, self._affinity)

    def run(self, model: Path) -> dict:
        before = wait_until_cool(self._phone, self._name, self._device)
        # Again: some phones lower their caps when the screen goes dark.
        self._affinity.cores = read_cores(self._phone)
        cosine = self._check(model)
        pairs, discarded, self.fault = self._run_pairs()
        models = [model.timing for model, _ in pairs]
        doubt = self._look_for_accelerator(models[0])
        apart = {} if self.fault else self._measure_apart()
        controls = [control.timing for _, control in pairs]
        watched_runs = [run.watched for pair in pairs for run in pair]
        numbers = summarise(models, controls)
        numbers["warnings"] += [*self._affinity.describe_caps(), *_doubts(before), *doubt]
        return {
            "runtime": self._runs.describe_runtime(models[0].tool),
            "accelerator": self._device.accelerator,
            "threads": self._device.threads,
            "cores": self._device.cores,
            "core_mask": self._affinity.mask,
            "command": self._runs.timing_command(MODEL),
            **numbers,
            **judge(len(pairs), self.fault and f"{_name_kind(self.fault)}: {self.fault}"),
            "cosine": cosine,
            "discarded": discarded,
            **dict.fromkeys(APART) | apart,
            "core_khz": self._affinity.summarise_khz(watched_runs),
            "conditions_before": asdict(before),
            "conditions_after": asdict(read_conditions(self._phone)),
        }

    def _look_for_accelerator(self, timing: Timing) -> list[str]:
        """Return a doubt where it is not told what ran on the accelerator.

        Raises ModelError where nothing did: the number would be the CPU's.
        """
        accelerator = self._device.accelerator
        if accelerator == "cpu":
            return []
        if timing.delegation is None:
            return [f"whether any of it ran on the {accelerator} is not told"]
        if all("XNNPack" in each.delegate for each in timing.delegation):
            reasons = "; ".join(timing.warnings) or "no reason given"
            with self._runs.name_phone():
                raise ToolError(
                    f"nothing of the model ran on the {accelerator} ({reasons}): "
                    f"see devices.{self._name}.libraries, or write accelerator: cpu"
                )
        return []

    def _measure_apart(self) -> dict:
        """Return what takes processes of its own, with the keys APART."""
        profile_flag = benchmark_command.PROFILE_FLAGS[self._device.tool_kind]
        command = self._runs.timing_command(MODEL)
        memory = self._runs.run_apart([*command, benchmark_command.MEMORY_FLAG], read_memory)
        operators = self._runs.run_apart([*command, profile_flag], benchmark_tool.parse_profile)
        cadence = self._runs.run_apart(self._runs.cadence_command(MODEL), read_cadence)
        operators = [operator._asdict() for operator in (operators or [])[:OPERATORS]]
        return {"operators": operators, **(memory or {}), **(cadence or {})}

    def _check(self, model: Path) -> float:
        """Return the cosine of the phone's output with the host's; raise under the limit."""
        key = f"devices.{self._name}"
        with self._runs.name_phone():
            return check_output(model, self._device, key, self._session, self._runs.finish, FILES)

    def _run_pairs(self) -> tuple[list[tuple[Run, Run]], list[str], str]:
        """Return the pairs that count, model before control, why others were discarded, and the
        last of these reasons where there were too many. Raises DeviceError where none counts.
        """
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
                    if not pairs:
                        raise self._phone.error(self.describe_spoilt(len(discarded), fault))
                    return pairs, discarded, fault
            pairs.append(pair)
        return pairs, discarded, ""

    def describe_spoilt(self, discarded: int, fault: str) -> str:
        """Return what to do about too many pairs that do not count, as the rest of a sentence."""
        return (
            f"spoilt {discarded} pairs of processes, the last because {fault}; "
            f"devices.{self._name}.discards allows {self._device.discards}: {_remedy(fault)}"
        )

    def _run_pair(self, control_first: bool) -> tuple[tuple[Run, Run], str]:
        """Return a pair, model before control, and why it does not count; empty if it does."""
        wait_until_cool(self._phone, self._name, self._device)
        order = (CONTROL, MODEL) if control_first else (MODEL, CONTROL)
        runs = {name: self._runs.run_tool(self._runs.timing_command(name)) for name in order}
        faults = [self._affinity.find_fault(run.watched) for run in runs.values()]
        after = read_conditions(self._phone)
        if is_throttled(after, self._device):
            faults.append(f"thermal status rose to {after.thermal_status}")
        return (runs[MODEL], runs[CONTROL]), next(filter(None, faults), "")


def _doubts(before: Conditions) -> list[str]:
    """Return what a reader of the result should know of the phone's conditions."""
    doubts = []
    if before.battery_c is None and before.thermal_status is None:
        doubts.append("the phone tells no temperature: whether it was cool is not known")
    if before.screen_on:
        doubts.append("the screen stayed on")
    return doubts


def _name_kind(fault: str) -> str:
    return "moved" if "moved" in fault or "outside" in fault else "throttled"


def _remedy(fault: str) -> str:
    if "moved" in fault:
        return "pin it to one core by a mask such as '08', or raise discards"
    if "outside" in fault:
        return "its system ignores taskset: write cores: any, and see that nothing else runs on it"
    return "let it cool, close what runs on it, or raise discards"
