"""What the two tools named benchmark_model print; benchmark_command.py has their command lines.

How they fail is in errors.py. TFLite's (tflite/tools/benchmark/ in google-ai-edge/LiteRT,
tensorflow/lite/tools/benchmark/ before) ends with a line "Inference timings in us". LiteRT's
(litert/tools/benchmark_litert_model.h there), which runs a CompiledModel, ends with a block
"BENCHMARK RESULTS" on stderr, in milliseconds to two decimals.

Both share the loop that prints `count=120 first=857 curr=817 min=777 max=3025 avg=833.933 std=202`,
microseconds, once for the warm-up and once for the regular runs (xla/tsl/util/stats_calculator.h in
openxla/xla). Newer builds append p5, median, p95; equal runs print `count=1 curr=585`. Old builds
print no "INFO: " and, before TensorFlow 2, everything on stderr.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from frill.device.phone.tools.benchmark_command import Kind
from frill.device.phone.tools.errors import OTHER_BUILD, ToolError, explain_failure

_NUMBER = r"([\d.]+(?:e[+-]?\d+)?)"  # as 1.0115e+06
_LAST_WORDS: dict[Kind, str] = {
    "tflite": "nference timings in us",  # before TensorFlow 2 "Average inference timings"
    "litert": "BENCHMARK RESULTS",
}
_PEAK_MEMORY = (
    rf"Overall peak memory footprint \(MB\) via periodic monitoring: {_NUMBER}"
    rf"|Peak memory: +{_NUMBER} MB"
)
_ADDED_MEMORY = rf"(?m)\(MB\): .*?overall={_NUMBER}|Overall footprint: +{_NUMBER} MB"
_WARNING = r"^(?:WARN(?:ING)?: (?!Duplicate flags|linker: )|ERROR: |(?:INFO: )?(?=Though ))(.+)"


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
    delegation: tuple["Delegation", ...] | None  # None: not told; empty: no delegate takes any
    warnings: tuple[str, ...]


class Delegation(NamedTuple):
    """What a delegate took of the graph: `nodes` of `all_nodes`, in so many `partitions`.

    All subgraphs together. What older builds do not print is None.
    """

    delegate: str
    nodes: int
    all_nodes: int | None
    partitions: int | None


class Operator(NamedTuple):
    name: str
    ms: float  # an invocation, all nodes of this type together
    share: float  # of the sum over operators, 0 to 1


def parse(stdout: str, stderr: str, exit_code: int) -> Timing:
    """Return the timings of a finished run of either tool.

    `exit_code` is as a shell (128+N) or subprocess (-N) gives it. Raises ToolError for every run
    that failed, and for those that exit 0 without having measured what they were asked to.
    """
    text = "\n".join([*stdout.splitlines(), *stderr.splitlines()])
    if exit_code != 0 or "Benchmarking failed." in text:
        raise explain_failure(stdout, stderr, exit_code)
    _refuse_ignored_flags(text)
    kind = next((kind for kind, words in _LAST_WORDS.items() if words in text), None)
    count_lines = re.findall(r"^(?:INFO: )?(count=.*)", text, re.MULTILINE)
    if len(count_lines) == 2:
        warm_up, regular = map(_parse_counts, count_lines)
    else:  # LiteRT's stdout was lost: its block is rounded to 0.01 ms
        warm_up, regular = _parse_results_block(text)
    init_ms = _parse_init_ms(text)
    if kind is None or init_ms is None or "count" not in regular:
        raise ToolError(
            "benchmark_model ended with exit code 0 but without its timings: "
            f"run it by hand to see why, or {OTHER_BUILD}"
        )
    if regular["count"] == 0:
        raise ToolError(
            "benchmark_model loaded the model and never ran it: "
            "ask for one run or more, without --dry_run"
        )
    first_runs = warm_up if warm_up.get("count") else regular
    return Timing(
        tool=kind,
        init_ms=init_ms,
        first_ms=first_runs.get("first"),
        runs=int(regular["count"]),
        mean_ms=regular["avg"],
        min_ms=regular["min"],
        median_ms=regular.get("median"),
        p95_ms=regular.get("p95"),
        delegation=_parse_delegation(text),
        warnings=tuple(re.findall(_WARNING, text, re.MULTILINE)),
    )


def parse_profile(stdout: str, stderr: str = "") -> list[Operator]:
    """Return the operators of the regular runs, the dearest first, from "Summary by node type".

    TFLite's tool prints it on stdout, LiteRT's on stderr. A delegate's own table ("Delegate
    internal:", TFLite 2.10 and later) takes the place of the delegate's row: XNNPACK's kernels
    instead of one node that is the whole model. Raises ToolError without a table.
    """
    # What stands before is the initialization's table.
    regular = (stdout + "\n" + stderr).rpartition("Profiling Info for Regular Benchmark Runs:")[2]
    graph, _, delegate = regular.partition("Delegate internal:")
    rows = _parse_node_types(graph)
    delegate_rows = _parse_node_types(delegate)
    if not rows:
        raise ToolError(f"benchmark_model printed no profile: {OTHER_BUILD}")
    if delegate_rows:
        rows = [(name, ms) for name, ms in rows if "Delegate" not in name] + delegate_rows
    total_ms = sum(ms for _, ms in rows) or 1.0  # all under a microsecond: no shares
    operators = [Operator(name, ms, ms / total_ms) for name, ms in rows]
    return sorted(operators, key=lambda operator: -operator.ms)


def parse_peak_memory(stdout: str, stderr: str = "") -> float:
    """Return MiB (the tools' "MB" is 1024 KiB), or raise ToolError if they are not printed.

    It is the largest resident size of the whole process, tool included.
    """
    match = re.search(_PEAK_MEMORY, stdout + "\n" + stderr)
    if not match:
        raise ToolError(
            "benchmark_model printed no peak memory: "
            "take a newer build of the tool, or leave peak memory out for this device"
        )
    return float(match[1] or match[2])


def parse_added_memory(stdout: str, stderr: str = "") -> float | None:
    """Return MiB that the process grew by, from the tool's start to its end; None if not told."""
    match = re.search(_ADDED_MEMORY, stdout + "\n" + stderr)
    return float(match[1] or match[2]) if match else None


def _refuse_ignored_flags(text: str) -> None:
    """Raise ToolError where the tool went on without something that it was given."""
    unknown = re.search(r"Unconsumed cmdline flags: (.+)", text)
    if unknown:
        raise ToolError(
            f"benchmark_model does not know {unknown[1]} and ran without: "
            f"leave that out for this device, or {OTHER_BUILD}"
        )
    names = re.search(r"Tensor # \d+ is named (.+) but flags call it (.+)", text)
    if names:
        raise ToolError(
            f"the model's input is {names[1]!r}, benchmark_model was given {names[2]!r}: "
            "give the model's own name"
        )


def _parse_counts(line: str) -> dict[str, float]:
    """Return the values of a line of microseconds, in milliseconds; the count as it is."""
    values = {name: float(value) for name, value in re.findall(rf"(\w+)={_NUMBER}", line)}
    if "curr" in values and "avg" not in values:  # all runs took equally long
        values |= dict.fromkeys(("first", "min", "max", "avg"), values["curr"])
    return {name: value if name == "count" else value / 1e3 for name, value in values.items()}


def _parse_results_block(text: str) -> tuple[dict[str, float], dict[str, float]]:
    """Return warm-up and regular runs of LiteRT's block, with the keys of `_parse_counts`.

    Both are empty if the block is not whole.
    """
    values: dict[str, dict[str, float]] = {"Warmup": {}, "Inference": {}}
    row = rf"(Warmup|Inference) \((\w+)\): +{_NUMBER}(?: ms)?(?: \((\d+) runs\))?"
    for part, name, value, count in re.findall(row, text):
        values[part][name] = float(value)
        if count:
            values[part]["count"] = float(count)
    regular = values["Inference"]
    is_whole = regular.keys() >= {"count", "avg", "min", "max", "std"}
    if not is_whole and regular.get("count") != 0:
        return {}, {}
    return values["Warmup"], regular


def _parse_init_ms(text: str) -> float | None:
    in_us = re.search(rf"nference timings in us: .*?Init: {_NUMBER}", text)
    if in_us:
        return float(in_us[1]) / 1e3
    in_ms = re.search(rf"Initialized session in {_NUMBER}ms", text)
    in_ms = in_ms or re.search(rf"Model initialization: {_NUMBER} ms", text)
    return float(in_ms[1]) if in_ms else None


def _parse_delegation(text: str) -> tuple[Delegation, ...] | None:
    row = (
        r"Replacing (\d+) (?:out of (\d+) )?node\(s\) with delegate \((\w+)\) node, "
        r"yielding (\d+) partitions"
    )
    found: dict[str, list[tuple[str, ...]]] = {}
    for nodes, all_nodes, delegate, partitions in re.findall(row, text):
        found.setdefault(delegate, []).append((nodes, all_nodes, partitions))
    if not found:
        return () if "will not be executed by the delegate" in text else None
    sums = {name: map(_add, zip(*rows, strict=True)) for name, rows in found.items()}
    return tuple(Delegation(name, *numbers) for name, numbers in sums.items())


def _add(numbers: tuple[str, ...]) -> int | None:
    """Return the sum over subgraphs; None where one was not printed."""
    return sum(map(int, numbers)) if all(numbers) else None


def _parse_node_types(text: str) -> list[tuple[str, float]]:
    """Return (type, milliseconds) of the rows of the first "Summary by node type".

    Its columns are name, count, avg ms, avg %, cdf %, mem KB, times called.
    """
    table = text.partition("Summary by node type")[2].partition("Timings (microseconds)")[0]
    row = rf"^\s*(\S.*?)\s+\d+\s+{_NUMBER}\s+[\d.]+%\s+[\d.]+%"
    return [(name, float(ms)) for name, ms in re.findall(row, table, re.MULTILINE)]
