"""Latency on a phone over adb, with benchmark_model: the protocol.

gate        before each pair of processes the phone is cool (battery, thermal status) and its screen off
check       one process reads a known window and writes what the model makes of it: its cosine with this host's output
pairs       `processes` times one process of the control model and one of the model, in turns of which comes first
discarded   a pair in which the phone throttled (thermal status, a lowered frequency cap) or a thread moved to another core; repeated, up to a limit
apart       peak memory and operators, in processes of their own: both slow the model down

A process gives one number: the median over its invocations where the build of the tool prints one, else their mean. What is reported is over processes.
"""

import re
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import numpy as np

from frill.device import benchmark_tool, phone_state
from frill.device.benchmark_tool import Timing, ToolError
from frill.device.connection import DeviceError, Phone, connect
from frill.device.known_window import KnownInput
from frill.device.session import Session, Watched
from frill.device.tool_file import check_abi, local_tool
from frill.params import AdbDevice
from frill.progress import progress

GATE_S = 5.0  # between two looks at a phone that is too warm
OPERATORS = 8  # kept of the profile
TOOL, MODEL, CONTROL = "benchmark_model", "model.tflite", "control.tflite"
RUNTIMES = {"tflite": "TFLite's benchmark_model", "litert": "LiteRT's benchmark_model"}


def measure(model: Path, control: Path, name: str, device: AdbDevice, expected: dict | None = None) -> dict:
    """Milliseconds for one window, as results/latency/{name}/*.json has them. Raises DeviceError, UserError.

    `expected` is the phone's identity as it was recorded: another phone of the same name is refused, so that one table never mixes two.
    """
    tool = local_tool(device.tool, device.tool_sha256, f"devices.{name}")
    phone = connect(name, device.serial)
    found = phone_state.identity(phone)
    if expected is not None and found != expected:
        differing = ", ".join(f"{key} {expected.get(key)!r}, now {found[key]!r}" for key in found if expected.get(key) != found[key])
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
        return {"schema": 1, **_Measurement(phone, session, name, device).run(model), **hashes, "identity": found}


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
        self._common = dict(threads=device.threads, xnnpack=None if device.xnnpack is None else bool(device.xnnpack), kind=device.tool_kind)
        self._timing = self._common | dict(
            runs=device.runs, min_secs=device.min_s, max_secs=min(150.0, device.timeout_s / 2), warm_up_secs=device.warm_up_s
        )

    def run(self, model: Path) -> dict:
        before = self._gate()
        checked = self._check(model)
        pairs, discarded = self._pairs()
        memory = self._apart(benchmark_tool.memory_command, benchmark_tool.parse_peak_memory)
        operators = self._apart(benchmark_tool.profile_command, benchmark_tool.parse_profile) or []
        models, controls = ([pair[i] for pair in pairs] for i in range(2))
        xnnpack = {0: ", without XNNPACK", 1: ", XNNPACK", None: ""}[self._device.xnnpack]
        return {
            "runtime": RUNTIMES[models[0].tool] + xnnpack,
            "threads": self._device.threads,
            "cores": self._device.cores,
            "core_mask": self._mask,
            "command": benchmark_tool.command(f"./{TOOL}", MODEL, **self._timing),
            **summary(models, controls),
            "cosine": checked,
            "discarded": discarded,
            "peak_memory_mib": memory,
            "operators": [{"name": name, "ms": ms, "share": share} for name, ms, share in operators[:OPERATORS]],
            "conditions_before": before.as_dict(),
            "conditions_after": phone_state.conditions(self._phone).as_dict(),
        }

    def _gate(self) -> phone_state.Conditions:
        """Waits until the phone is cool, turns its screen off; raises DeviceError when that takes too long."""
        device, start, said = self._device, monotonic(), False
        while True:
            now = phone_state.conditions(self._phone)
            if now.screen_on:
                self._phone.run(["input", "keyevent", phone_state.KEYCODE_SLEEP])
            warm = [f"battery {now.battery_c:.1f} C, limit {device.max_battery_c:g}"] if _over(now.battery_c, device.max_battery_c) else []
            warm += [f"thermal status {now.thermal_status}, limit {device.max_thermal_status}"] if self._hot(now) else []
            if not warm:
                return now
            if monotonic() - start > device.cool_down_s:
                raise self._phone.error(
                    f"is still too warm after {device.cool_down_s:g} s ({'; '.join(warm)}): lay it in a cool place, out of its case, "
                    f"or raise devices.{self._name}.max_battery_c or max_thermal_status"
                )
            if not said:
                print(f"{self._name}: {'; '.join(warm)}: waiting up to {device.cool_down_s:g} s for it to cool", flush=True)
            said = True
            sleep(min(GATE_S, device.cool_down_s / 4))

    def _hot(self, now: phone_state.Conditions) -> bool:
        return _over(now.thermal_status, self._device.max_thermal_status)

    def _check(self, model: Path) -> float | None:
        """Cosine of the phone's output with the host's. Raises DeviceError under the limit."""
        if self._device.min_cosine is None:
            return None
        known = KnownInput(model)
        self._session.push(known.values.tobytes(), "input.bin")
        files = dict(input_name=known.name, input_shape=known.values.shape, input_file="input.bin", output_file="output.bin")
        self._tool(benchmark_tool.check_command(f"./{TOOL}", MODEL, **self._common, **files))
        output = self._session.pull("output.bin")
        if output is None:
            raise self._phone.error(
                "wrote no output that could be checked: take a newer build of benchmark_model (--output_filepath), "
                f"or write min_cosine: none for devices.{self._name}"
            )
        try:
            cosine = known.cosine(output)
        except ValueError as error:
            raise self._phone.error(f"gave an output that is not the model's ({error}): take another build of benchmark_model") from None
        if cosine < self._device.min_cosine:
            raise self._phone.error(
                f"computes something else than this host: the cosine of the two outputs is {cosine:.4f}, the limit devices.{self._name}.min_cosine "
                f"{self._device.min_cosine:g}: its latency would mean nothing; turn XNNPACK off or take another build of the tool"
            )
        return cosine

    def _pairs(self) -> tuple[list[tuple[Timing, Timing]], list[str]]:
        pairs: list[tuple[Timing, Timing]] = []
        discarded: list[str] = []
        bar = progress(range(self._device.processes), f"{self._name}: processes", self._device.processes, "pair")
        for _ in bar:
            while True:
                self._gate()
                names = (MODEL, CONTROL) if len(pairs) % 2 else (CONTROL, MODEL)
                runs = {name: self._tool(benchmark_tool.command(f"./{TOOL}", name, **self._timing)) for name in names}
                spoilt = [self._spoilt(watched) for _, watched in runs.values()]
                if self._hot(after := phone_state.conditions(self._phone)):
                    spoilt.append(f"thermal status rose to {after.thermal_status}")
                if not any(spoilt):
                    pairs.append((runs[MODEL][0], runs[CONTROL][0]))
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
            if moved := next((cpus for cpus in seen.cpus_of_threads if len(cpus) > 1), None):
                return f"a thread moved between cores {', '.join(map(str, sorted(moved)))}"
        caps = {core.cpu: core.cap_khz for core in self._cores}
        lowered = [cpu for cpu, khz in seen.lowest_cap_khz.items() if cpu in self._cpus and caps[cpu] and khz < caps[cpu]]
        if lowered:
            return f"core {lowered[0]} was throttled from {caps[lowered[0]] // 1000} to {seen.lowest_cap_khz[lowered[0]] // 1000} MHz"
        return ""

    def _tool(self, argv: list[str]) -> tuple[Timing, Watched]:
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
                    f"its folder is gone, full, or its shell lacks taskset or timeout ({_last_line(stderr)}): "
                    f"see that devices.{self._name}.folder has space, and run this again"
                )
            return benchmark_tool.parse(stdout, stderr, code), watched

    def _apart(self, command: Callable, parse: Callable):
        """What a run of its own says, or None where this build of the tool does not."""
        with self._named():
            stdout, stderr, code = self._session.watch(
                command(f"./{TOOL}", MODEL, **self._timing), self._cpus, self._mask, self._device.timeout_s
            ).finished
            benchmark_tool.parse(stdout, stderr, code)
        try:
            return parse(stdout, stderr)
        except ToolError as error:
            print(f"{self._name}: {error}")
            return None

    @contextmanager
    def _named(self):
        """benchmark_model's errors do not know on which phone it ran."""
        try:
            yield
        except ToolError as error:
            raise DeviceError(f"{self._phone.name} ({self._phone.serial}): {error}") from None


def summary(models: list[Timing], controls: list[Timing]) -> dict:
    """Of the processes of a model and, pair by pair, of the control: milliseconds, and the ratio of the two.

    `latency_ms` is the median over processes, `iqr_ms` their quartiles, `min_ms` the fastest invocation; `p95_ms` the median over processes of their
    95th percentiles where the tool prints those (`p95_over` invocations), else the 95th percentile over processes.
    """
    medians = all(timing.median_ms is not None for timing in models + controls)
    model_ms, control_ms = (np.array([t.median_ms if medians else t.mean_ms for t in timings]) for timings in (models, controls))
    percentiles = [timing.p95_ms for timing in models if timing.p95_ms is not None]
    over_invocations = len(percentiles) == len(models)
    ratios = model_ms / control_ms
    return {
        "statistic": "median" if medians else "mean",
        "processes": len(models),
        "runs": sum(timing.runs for timing in models),
        "latency_ms": float(np.median(model_ms)),
        "iqr_ms": np.percentile(model_ms, [25, 75]).tolist(),
        "min_ms": min(timing.min_ms for timing in models),
        "p95_ms": float(np.median(percentiles) if over_invocations else np.percentile(model_ms, 95)),
        "p95_over": "invocations" if over_invocations else "processes",
        "init_ms": float(np.median([timing.init_ms for timing in models])),
        "first_ms": float(np.median(firsts)) if (firsts := [t.first_ms for t in models if t.first_ms is not None]) else None,
        "control_ms": float(np.median(control_ms)),
        "ratio": float(np.median(ratios)),
        "ratio_iqr": np.percentile(ratios, [25, 75]).tolist(),
        "process_ms": model_ms.tolist(),
        "control_process_ms": control_ms.tolist(),
        "delegated_nodes": models[0].delegated_nodes,
        "warnings": sorted({warning for timing in models for warning in timing.warnings}),
    }


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
