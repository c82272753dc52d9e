"""Latency on a phone over adb, with benchmark_model: the protocol.

gate        before each pair of processes the phone is cool (battery, thermal status) and its screen off
check       one process reads a known window and writes what the model makes of it: its cosine with this host's output
pairs       `processes` times one process of the control model and one of the model, in turns of which comes first
discarded   a pair in which the phone throttled (thermal status, a lowered frequency cap) or a thread moved to another core (of several threads: to one
            of another speed); repeated, up to a limit
apart       peak memory and operators, in processes of their own: both slow the model down

A process gives one number: the median over its invocations where the build of the tool prints one, else their mean. What is reported is over processes.
"""

import re
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from time import monotonic, sleep

from frill.device import identity
from frill.device.errors import ModelError
from frill.device.known_input import KnownInput
from frill.device.phone import state as phone_state
from frill.device.phone import tool as benchmark_tool
from frill.device.phone.connection import Phone, connect
from frill.device.phone.session import Session, Watched
from frill.device.phone.summary import summary
from frill.device.phone.tool import Timing, ToolError
from frill.device.phone.tool_file import check_abi, local_tool
from frill.errors import UserError
from frill.params.devices import AdbDevice
from frill.progress import progress

GATE_S = 5.0  # between two looks at a phone that is too warm
OPERATORS = 8  # kept of the profile
TOOL, MODEL, CONTROL = "benchmark_model", "model.tflite", "control.tflite"
Run = tuple[Timing, Watched]
RUNTIMES = {"tflite": "TFLite's benchmark_model", "litert": "LiteRT's benchmark_model"}


def measure(
    model: Path, control: Path, name: str, device: AdbDevice, recorded: dict | None = None
) -> dict:
    """Milliseconds for one window, as results/latency/{name}/*.json has them. Raises DeviceError, UserError.

    `recorded` is the phone's identity as results/identity has it: another phone of the same name is refused, so that one table never mixes two.
    """
    tool = local_tool(device.tool, device.tool_sha256, f"devices.{name}")
    phone = connect(name, device.serial)
    found = phone_state.identity(phone)
    if recorded is not None and (differing := identity.differing(recorded, found)):
        raise phone.error(
            f"is not as recorded in results/identity/{name}.json ({differing}): connect that phone, or delete the file and run `dvc repro`, "
            "which measures every model on this one"
        )
    check_abi(tool, found["abis"].split(","), f"devices.{name}")
    with Session(phone, device.folder, f"devices.{name}") as session:
        hashes = {
            "tool_sha256": session.push(tool, TOOL, 0o755),
            "model_sha256": session.push(model, MODEL),
            "control_sha256": session.push(control, CONTROL),
        }
        if hashes["tool_sha256"] != device.tool_sha256:
            raise UserError(
                f"{tool}: was changed while it was copied, and is not run: see what writes it, then run this again"
            )
        return {
            "schema": 1,
            **_Measurement(phone, session, name, device).run(model),
            **hashes,
            "identity": found,
        }


class _Measurement:
    def __init__(self, phone: Phone, session: Session, name: str, device: AdbDevice):
        self._phone, self._session, self._name, self._device = phone, session, name, device
        self._cores = phone_state.cores(phone)
        try:
            self._cpus = phone_state.cpus_of(device.cores, self._cores)
        except ValueError as error:
            raise phone.error(f"devices.{name}.cores = {device.cores!r} {error}") from None
        if device.threads > len(self._cpus):
            raise phone.error(
                f"devices.{name}.threads = {device.threads}, and cores: {device.cores} has {len(self._cpus)}: lower threads, or choose other cores"
            )
        self._mask = phone_state.mask_of(self._cpus)
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
        before = self._gate()
        self._cores = phone_state.cores(
            self._phone
        )  # again: some phones lower their caps when the screen goes dark
        checked = self._check(model)
        pairs, discarded = self._pairs()
        memory = self._apart(benchmark_tool.memory_command, benchmark_tool.parse_peak_memory)
        operators = self._apart(benchmark_tool.profile_command, benchmark_tool.parse_profile) or []
        models, controls = ([pair[i][0] for pair in pairs] for i in range(2))
        numbers = summary(models, controls)
        numbers["warnings"] += self._doubts(before)
        xnnpack = {0: ", without XNNPACK", 1: ", XNNPACK", None: ""}[self._device.xnnpack]
        return {
            "runtime": RUNTIMES[models[0].tool] + xnnpack,
            "threads": self._device.threads,
            "cores": self._device.cores,
            "core_mask": self._mask,
            "command": benchmark_tool.command(f"./{TOOL}", MODEL, **self._timing),
            **numbers,
            "cosine": checked,
            "discarded": discarded,
            "peak_memory_mib": memory,
            "operators": [
                {"name": name, "ms": ms, "share": share}
                for name, ms, share in operators[:OPERATORS]
            ],
            "core_khz": self._core_khz([watched for pair in pairs for _, watched in pair]),
            "conditions_before": asdict(before),
            "conditions_after": asdict(phone_state.conditions(self._phone)),
        }

    def _gate(self) -> phone_state.Conditions:
        """Waits until the phone is cool, turns its screen off; raises DeviceError when that takes too long."""
        device, start, said = self._device, monotonic(), False
        while True:
            now = phone_state.conditions(self._phone)
            if now.screen_on:
                self._phone.run(["input", "keyevent", phone_state.KEYCODE_SLEEP])
                now = phone_state.conditions(self._phone)
            warm = (
                [f"battery {now.battery_c:.1f} C, limit {device.max_battery_c:g}"]
                if _over(now.battery_c, device.max_battery_c)
                else []
            )
            warm += (
                [f"thermal status {now.thermal_status}, limit {device.max_thermal_status}"]
                if self._hot(now)
                else []
            )
            if not warm:
                return now
            if monotonic() - start > device.cool_down_s:
                raise self._phone.error(
                    f"is still too warm after {device.cool_down_s:g} s ({'; '.join(warm)}): lay it in a cool place, out of its case, "
                    f"or raise devices.{self._name}.max_battery_c or max_thermal_status"
                )
            if not said:
                print(
                    f"{self._name}: {'; '.join(warm)}: waiting up to {device.cool_down_s:g} s for it to cool",
                    flush=True,
                )
            said = True
            sleep(min(GATE_S, device.cool_down_s / 4))

    def _core_khz(self, seen: list[Watched]) -> dict[str, dict[str, int | None]]:
        """Of the cores measured on: the highest frequency, what the phone allowed at the start, the lowest seen while a process ran."""
        lowest = {
            cpu: min(
                (watched.lowest_khz[cpu] for watched in seen if cpu in watched.lowest_khz),
                default=None,
            )
            for cpu in self._cpus
        }
        return {
            str(c.cpu): {"max": c.max_khz, "cap": c.cap_khz, "lowest": lowest[c.cpu]}
            for c in self._cores
            if c.cpu in lowest
        }

    def _doubts(self, before: phone_state.Conditions) -> list[str]:
        """What a reader of the result should know."""
        doubts = [
            f"core {core.cpu} was capped at {core.cap_khz // 1000} of {core.max_khz // 1000} MHz from the start"
            for core in self._cores
            if core.cpu in self._cpus
            and core.max_khz
            and core.cap_khz
            and core.cap_khz < core.max_khz
        ]
        if before.battery_c is None and before.thermal_status is None:
            doubts.append("the phone tells no temperature: whether it was cool is not known")
        if before.screen_on:
            doubts.append("the screen stayed on")
        return doubts

    def _hot(self, now: phone_state.Conditions) -> bool:
        return _over(now.thermal_status, self._device.max_thermal_status)

    def _check(self, model: Path) -> float | None:
        """Cosine of the phone's output with the host's. Raises DeviceError under the limit."""
        if self._device.min_cosine is None:
            return None
        known = KnownInput(model)
        self._session.push(known.values.tobytes(), "input.bin")
        files = dict(
            input_name=known.name,
            input_shape=known.values.shape,
            input_file="input.bin",
            output_file="output.bin",
        )
        with self._named():
            command = benchmark_tool.check_command(f"./{TOOL}", MODEL, **self._common, **files)
        self._tool(command)
        output = self._session.pull("output.bin")
        if output is None:
            raise self._failed(
                "wrote no output that could be checked: take a newer build of benchmark_model (--output_filepath), "
                f"or write min_cosine: none for devices.{self._name}"
            )
        try:
            cosine = known.cosine(output)
        except ValueError as error:
            raise self._failed(
                f"gave an output that is not the model's ({error}): take another build of benchmark_model"
            ) from None
        if cosine < self._device.min_cosine:
            raise self._failed(
                f"computes something else than this host: the cosine of the two outputs is {cosine:.4f}, the limit devices.{self._name}.min_cosine "
                f"{self._device.min_cosine:g}: its latency would mean nothing; turn XNNPACK off or take another build of the tool"
            )
        return cosine

    def _pairs(self) -> tuple[list[tuple[Run, Run]], list[str]]:
        pairs: list[tuple[Run, Run]] = []
        discarded: list[str] = []
        bar = progress(
            range(self._device.processes),
            f"{self._name}: processes",
            self._device.processes,
            "pair",
        )
        for _ in bar:
            while True:
                self._gate()
                names = (MODEL, CONTROL) if len(pairs) % 2 else (CONTROL, MODEL)
                runs = {
                    name: self._tool(benchmark_tool.command(f"./{TOOL}", name, **self._timing))
                    for name in names
                }
                spoilt = [self._spoilt(watched) for _, watched in runs.values()]
                if self._hot(after := phone_state.conditions(self._phone)):
                    spoilt.append(f"thermal status rose to {after.thermal_status}")
                if not any(spoilt):
                    pairs.append((runs[MODEL], runs[CONTROL]))
                    break
                discarded.append(next(filter(None, spoilt)))
                bar.set_postfix_str(f"{len(discarded)} discarded: {discarded[-1]}")
                if len(discarded) > self._device.discards:
                    raise self._phone.error(
                        f"spoilt {len(discarded)} pairs of processes, the last because {discarded[-1]}; devices.{self._name}.discards allows "
                        f"{self._device.discards}: {_remedy(discarded[-1])}"
                    )
        return pairs, discarded

    def _spoilt(self, seen: Watched) -> str:
        """Why a process does not count, or nothing."""
        if self._device.cores != "any":
            if outside := set().union(*seen.cpus_of_threads) - set(self._cpus):
                return f"it ran on core {min(outside)}, outside of the mask {self._mask}"
            speeds = {
                core.cpu: core.cpu if self._device.threads == 1 else core.max_khz
                for core in self._cores
            }
            if moved := next(
                (
                    cpus
                    for cpus in seen.cpus_of_threads
                    if len({speeds.get(cpu) for cpu in cpus}) > 1
                ),
                None,
            ):
                return f"a thread moved between cores {', '.join(map(str, sorted(moved)))}"
        caps = {core.cpu: core.cap_khz for core in self._cores}
        lowered = [
            cpu
            for cpu, khz in seen.lowest_cap_khz.items()
            if cpu in self._cpus and caps[cpu] and khz < caps[cpu]
        ]
        if lowered:
            return f"core {lowered[0]} was throttled from {caps[lowered[0]] // 1000} to {seen.lowest_cap_khz[lowered[0]] // 1000} MHz"
        return ""

    def _tool(self, argv: list[str]) -> Run:
        with self._named():
            start = monotonic()
            watched = self._session.watch(argv, self._cpus, self._mask, self._device.timeout_s)
            stdout, stderr, code = watched.finished
            if code == 137 and monotonic() - start >= self._device.timeout_s:
                raise ToolError(
                    f"benchmark_model did not end within {self._device.timeout_s:g} s and was killed: raise devices.{self._name}.timeout_s, "
                    "or measure a smaller model"
                )
            if code == 125:
                raise ToolError(
                    f"benchmark_model left no exit code, its folder is gone or full ({_last_line(stderr)}): "
                    f"see that devices.{self._name}.folder has space, and run this again"
                )
            return benchmark_tool.parse(stdout, stderr, code), watched

    def _apart(self, command: Callable, parse: Callable):
        """What a process of its own says, or None where this build of the tool cannot say it: the timings are there already."""
        try:
            _, watched = self._tool(command(f"./{TOOL}", MODEL, **self._timing))
            return parse(watched.finished.stdout, watched.finished.stderr)
        except (ModelError, ToolError) as error:
            print(f"not measured: {error}")
            return None

    def _failed(self, what: str) -> ModelError:
        return ModelError(str(self._phone.error(what)))

    @contextmanager
    def _named(self):
        """benchmark_model's errors do not know on which phone it ran."""
        try:
            yield
        except ToolError as error:
            raise ModelError(f"{self._phone.name} ({self._phone.serial}): {error}") from None


def _over(value: float | None, limit: float | None) -> bool:
    return value is not None and limit is not None and value > limit


def _remedy(reason: str) -> str:
    if "moved" in reason:
        return "pin it to one core by a mask such as '08', or raise discards"
    if "outside" in reason:
        return "its system ignores taskset: write cores: any, and see that nothing else runs on it"
    return "let it cool, close what runs on it, or raise discards"


def _last_line(text: str) -> str:
    return re.sub(r"\s+", " ", (text.strip().splitlines() or ["no reason given"])[-1])
