"""The two tools named benchmark_model: their command lines and what they print. How they fail is in tool_errors.py.

TFLite's (tflite/tools/benchmark/ in google-ai-edge/LiteRT, tensorflow/lite/tools/benchmark/ before) ends with a line "Inference timings in us";
LiteRT's (litert/tools/benchmark_litert_model.h there), which runs a CompiledModel, with a block "BENCHMARK RESULTS" on stderr, in milliseconds to two
decimals. Both share the loop that prints `count=120 first=857 curr=817 min=777 max=3025 avg=833.933 std=202`, microseconds, once for the warm-up and
once for the regular runs (xla/tsl/util/stats_calculator.h in openxla/xla: newer builds append p5, median, p95; equal runs print `count=1 curr=585`).
Old builds print no "INFO: " and, before TensorFlow 2, everything on stderr.
"""

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from frill.device.phone.tool_errors import OTHER_BUILD, ToolError, of_failure

Kind = Literal["tflite", "litert"]

_NUMBER = r"([\d.]+(?:e[+-]?\d+)?)"  # as 1.0115e+06
_LAST_WORDS: dict[Kind, str] = {
    "tflite": "nference timings in us",
    "litert": "BENCHMARK RESULTS",
}  # before TensorFlow 2 "Average inference timings"


@dataclass(frozen=True)
class Timing:
    """One run of the tool. Milliseconds an invocation; what the build does not print is None."""

    tool: Kind
    init_ms: float
    first_ms: float | None  # of the warm-up; of the regular runs where there is none
    runs: int
    mean_ms: float
    min_ms: float
    median_ms: float | None
    p95_ms: float | None
    delegated_nodes: int | None
    warnings: tuple[str, ...]


class Operator(NamedTuple):
    name: str
    ms: float  # an invocation, all nodes of this type together
    share: float  # of the sum over operators, 0 to 1


def command(
    tool: str,
    model: str,
    *,
    threads: int,
    xnnpack: bool | None,
    runs: int,
    min_secs: float,
    max_secs: float = 150.0,
    warm_up_runs: int = 1,
    warm_up_secs: float = 0.5,
    kind: Kind = "tflite",
) -> list[str]:
    """Arguments of a timing run, not quoted. `runs` and `min_secs` are both minimums: `Timing.runs` is the real count.

    `xnnpack` None leaves the flag out, for builds without XNNPACK, which do not know it. No input is named, so that the tool takes the model's own
    shape: it would resize the model to any other and exit 0. LiteRT's tool always takes XNNPACK (params.AdbDevice refuses other wishes).
    """
    flags = {
        "graph": model,
        "num_threads": threads,
        "num_runs": runs,
        "min_secs": f"{min_secs:g}",
        "max_secs": f"{max_secs:g}",
        "warmup_runs": warm_up_runs,
        "warmup_min_secs": f"{warm_up_secs:g}",
    }
    if kind == "tflite" and xnnpack is not None:
        flags["use_xnnpack"] = str(
            xnnpack
        ).lower()  # false too: left out, most builds apply XNNPACK by themselves
    return [tool, *(f"--{name}={value}" for name, value in flags.items())]


def profile_command(tool: str, model: str, *, kind: Kind = "tflite", **timing) -> list[str]:
    """Arguments of a run for `parse_profile`; `timing` as for `command`. Profiling slows the model down: its times are not latencies."""
    return [
        *command(tool, model, kind=kind, **timing),
        "--use_profiler=true" if kind == "litert" else "--enable_op_profiling=true",
    ]


def memory_command(tool: str, model: str, *, kind: Kind = "tflite", **timing) -> list[str]:
    """Arguments of a run for `parse_peak_memory`; `timing` as for `command`. A second thread looks every 50 ms: its times are not latencies."""
    return [*command(tool, model, kind=kind, **timing), "--report_peak_memory_footprint=true"]


def check_command(
    tool: str,
    model: str,
    *,
    threads: int,
    xnnpack: bool | None,
    input_name: str,
    input_shape: tuple[int, ...],
    input_file: str,
    output_file: str,
) -> list[str]:
    """Arguments of one invocation of TFLite's tool on `input_file` (raw float32, `input_shape`).

    Outputs are written to `output_file` (raw float32, one after another). One that
    cannot be written is not reported and exits 0: delete `output_file` before, look for it after.
    LiteRT's tool reads no input file. Raises ToolError for a comma, which separates inputs.
    """
    if "," in input_name + input_file:
        raise ToolError(
            f"benchmark_model cannot read {input_file!r} into {input_name!r}, as a comma separates inputs: rename it without one"
        )
    one = command(
        tool,
        model,
        threads=threads,
        xnnpack=xnnpack,
        runs=1,
        min_secs=0,
        warm_up_runs=0,
        warm_up_secs=0,
    )
    escaped = (
        part.replace(":", "::") for part in (input_name, input_file)
    )  # in value_files only; its own help text says "\:"
    return [
        *one,
        f"--input_layer={input_name}",
        f"--input_layer_shape={','.join(map(str, input_shape))}",
        f"--input_layer_value_files={':'.join(escaped)}",
        f"--output_filepath={output_file}",
    ]


def parse(stdout: str, stderr: str, exit_code: int) -> Timing:
    """The timings of a finished run of either tool; `exit_code` as a shell (128+N) or subprocess (-N) gives it.

    Raises ToolError for every run that failed, and for those that exit 0 without having measured what they were asked to.
    """
    text = "\n".join([*stdout.splitlines(), *stderr.splitlines()])
    if exit_code != 0 or "Benchmarking failed." in text:
        raise of_failure(stdout, stderr, exit_code)
    if ignored := re.search(r"Unconsumed cmdline flags: (.+)", text):
        raise ToolError(
            f"benchmark_model does not know {ignored[1]} and ran without: leave that out for this device, or {OTHER_BUILD}"
        )
    if named := re.search(r"Tensor # \d+ is named (.+) but flags call it (.+)", text):
        raise ToolError(
            f"the model's input is {named[1]!r}, benchmark_model was given {named[2]!r}: give the model's own name"
        )
    kind = next((kind for kind, words in _LAST_WORDS.items() if words in text), None)
    counts = [
        _statistics(line) for line in re.findall(r"^(?:INFO: )?(count=.*)", text, re.MULTILINE)
    ]
    # LiteRT's block is rounded to 0.01 ms; it serves where its stdout is lost.
    warm_up, regular = counts if len(counts) == 2 else _results_block(text)
    init_ms = _init_ms(text)
    if kind is None or init_ms is None or "count" not in regular:
        raise ToolError(
            f"benchmark_model ended with exit code 0 but without its timings: run it by hand to see why, or {OTHER_BUILD}"
        )
    if regular["count"] == 0:
        raise ToolError(
            "benchmark_model loaded the model and never ran it: ask for one run or more, without --dry_run"
        )
    return Timing(
        tool=kind,
        init_ms=init_ms,
        first_ms=(warm_up if warm_up.get("count") else regular).get("first"),
        runs=int(regular["count"]),
        mean_ms=regular["avg"],
        min_ms=regular["min"],
        median_ms=regular.get("median"),
        p95_ms=regular.get("p95"),
        delegated_nodes=_delegated_nodes(text),
        warnings=tuple(
            re.findall(
                r"^(?:WARN(?:ING)?: (?!Duplicate flags)|ERROR: |(?:INFO: )?(?=Though ))(.+)",
                text,
                re.MULTILINE,
            )
        ),
    )


def parse_profile(stdout: str, stderr: str = "") -> list[Operator]:
    """Operators, the dearest first, from "Summary by node type" of the regular runs. TFLite's tool prints it on stdout, LiteRT's on stderr.

    A delegate's own table ("Delegate internal:", TFLite 2.10 and later) takes the place of the delegate's row: XNNPACK's kernels instead of one node
    that is the whole model. Raises ToolError without a table.
    """
    text = (stdout + "\n" + stderr).rpartition("Profiling Info for Regular Benchmark Runs:")[
        2
    ]  # before it: the initialization's table
    graph, _, delegate = text.partition("Delegate internal:")
    rows, inside = _node_types(graph), _node_types(delegate)
    if not rows:
        raise ToolError(f"benchmark_model printed no profile: {OTHER_BUILD}")
    if inside:
        rows = [row for row in rows if "Delegate" not in row[0]] + inside
    total_ms = sum(ms for _, ms in rows) or 1.0  # all under a microsecond: no shares
    return sorted((Operator(name, ms, ms / total_ms) for name, ms in rows), key=lambda row: -row.ms)


def parse_peak_memory(stdout: str, stderr: str = "") -> float:
    """MiB (the tools' "MB" is 1024 KiB): the largest resident size of the whole process, tool included. Raises ToolError if it is not printed."""
    found = re.search(
        rf"Overall peak memory footprint \(MB\) via periodic monitoring: {_NUMBER}|Peak memory: +{_NUMBER} MB",
        stdout + "\n" + stderr,
    )
    if not found:
        raise ToolError(
            "benchmark_model printed no peak memory: take a newer build of the tool, or leave peak memory out for this device"
        )
    return float(found[1] or found[2])


def _statistics(line: str) -> dict[str, float]:
    """Of one count line, microseconds, in milliseconds; the count as it is."""
    values = {name: float(value) for name, value in re.findall(rf"(\w+)={_NUMBER}", line)}
    if "curr" in values and "avg" not in values:  # all runs took equally long
        values |= dict.fromkeys(("first", "min", "max", "avg"), values["curr"]) | {"std": 0.0}
    return {name: value if name == "count" else value / 1e3 for name, value in values.items()}


def _results_block(text: str) -> tuple[dict[str, float], dict[str, float]]:
    """Warm-up and regular runs of LiteRT's block, keys as in a count line; empty if it is not whole."""
    found: dict[str, dict[str, float]] = {"Warmup": {}, "Inference": {}}
    for part, name, value, count in re.findall(
        rf"(Warmup|Inference) \((\w+)\): +{_NUMBER}(?: ms)?(?: \((\d+) runs\))?", text
    ):
        found[part] |= {name: float(value)} | ({"count": float(count)} if count else {})
    whole = (
        found["Inference"].keys() >= {"count", "avg", "min", "max", "std"}
        or found["Inference"].get("count") == 0
    )
    return (found["Warmup"], found["Inference"]) if whole else ({}, {})


def _init_ms(text: str) -> float | None:
    found = re.search(rf"nference timings in us: .*?Init: {_NUMBER}", text)
    if found:
        return float(found[1]) / 1e3
    found = re.search(rf"Initialized session in {_NUMBER}ms", text) or re.search(
        rf"Model initialization: {_NUMBER} ms", text
    )
    return float(found[1]) if found else None


def _delegated_nodes(text: str) -> int | None:
    replaced = re.findall(r"Replacing (\d+) (?:out of \d+ )?node\(s\) with delegate", text)
    if not replaced:
        return 0 if "will not be executed by the delegate" in text else None
    return sum(map(int, replaced))


def _node_types(text: str) -> list[tuple[str, float]]:
    """(type, milliseconds) of the first "Summary by node type": name, count, avg ms, avg %, cdf %, mem KB, times called."""
    table = text.partition("Summary by node type")[2].partition("Timings (microseconds)")[0]
    return [
        (name, float(ms))
        for name, ms in re.findall(
            rf"^\s*(\S.*?)\s+\d+\s+{_NUMBER}\s+[\d.]+%\s+[\d.]+%", table, re.MULTILINE
        )
    ]
