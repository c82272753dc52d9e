"""Stands in for LiteRT's benchmark_model and run_model, which are published where CI cannot fetch.

It computes with the same library, LiteRT's CompiledModel, as the wheel ai-edge-litert has it. What
it prints is written after litert/tools/benchmark_litert_model.h, run_model.cc and tensor_utils.h
and the loop they share with TFLite's tool (see test_benchmark_model.py). Flags that they do not
know fail as theirs do.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np

SHARED = {"graph"}
BENCHMARK = SHARED | {
    *("num_threads", "num_runs", "min_secs", "max_secs", "warmup_runs", "warmup_min_secs"),
    *("run_frequency", "report_peak_memory_footprint", "use_profiler", "use_gpu", "use_npu"),
    *("dispatch_library_path", "compiler_plugin_library_path"),
}
RUN = SHARED | {
    *("input_dir", "accelerator", "iterations", "print_tensors", "compare_numerical"),
    *("sample_size", "dispatch_library_dir", "compiler_plugin_library_dir"),
}


def main(tool: str, arguments: list[str]) -> int:
    flags = dict(word.removeprefix("--").split("=", 1) for word in arguments)
    return {"benchmark_model": benchmark, "run_model": run}[tool](flags)


class Model:
    def __init__(self, path: str):
        from ai_edge_litert.compiled_model import CompiledModel

        self._model = CompiledModel.from_file(path)
        signature = self._model.get_signature_by_index(0)
        self.inputs = self._model.get_input_tensor_details(signature["key"])
        self.outputs = self._model.get_output_tensor_details(signature["key"])
        self.in_buffers = self._model.create_input_buffers(0)
        self.out_buffers = self._model.create_output_buffers(0)

    def time_us(self) -> float:
        start = time.perf_counter_ns()
        self._model.run_by_index(0, self.in_buffers, self.out_buffers)
        return (time.perf_counter_ns() - start) / 1e3


def benchmark(flags: dict[str, str]) -> int:
    print("INFO: STARTING!")
    if unknown := flags.keys() - BENCHMARK:
        print(f"WARN: Unconsumed cmdline flags: {' '.join(f'--{name}' for name in unknown)}")
    if not os.path.exists(flags["graph"]):
        print("ERROR: Failed to load model.\nERROR: Benchmarking failed.", file=sys.stderr)
        return 1
    start = time.perf_counter()
    model = Model(flags["graph"])
    init_ms = (time.perf_counter() - start) * 1e3
    for buffer, details in zip(model.in_buffers, model.inputs.values(), strict=True):
        buffer.write(np.zeros(details["shape"], np.float32))
    print(f"INFO: Initialized session in {init_ms:g}ms.")
    gap_s = 1 / float(flags["run_frequency"]) if "run_frequency" in flags else 0.0
    warm_up = repeat(model, int(flags["warmup_runs"]), float(flags["warmup_min_secs"]), gap_s)
    print(f"INFO: {count(warm_up)}\n")
    times_us = repeat(model, int(flags["num_runs"]), float(flags["min_secs"]), gap_s)
    print(f"INFO: {count(times_us)}\n")
    delegate = "LITERT_CL" if flags.get("use_gpu") == "true" else "TfLiteXNNPackDelegate"
    log = [
        f"VERBOSE: Replacing 3 out of 3 node(s) with delegate ({delegate}) node, "
        "yielding 1 partitions for subgraph 0.",
        "INFO: [./litert/tools/benchmark_litert_model.h:81] \n"
        "========== BENCHMARK RESULTS ==========",
        f"INFO: [x:82] Model initialization: {init_ms:.2f} ms",
        "INFO: [x:112] \nMemory Usage:\nINFO: [x:114] Init footprint:       1.00 MB",
        "INFO: [x:116] Overall footprint:    2.50 MB",
    ]
    if flags.get("report_peak_memory_footprint") == "true":
        log.append("INFO: [x:120] Peak memory:          35.20 MB")
    print("\n".join(log), file=sys.stderr)
    return 0


def repeat(model: Model, runs: int, min_s: float, gap_s: float) -> list[float]:
    times_us: list[float] = []
    start = time.perf_counter()
    while len(times_us) < runs or time.perf_counter() - start < min_s:
        times_us.append(model.time_us())
        time.sleep(max(0.0, gap_s - times_us[-1] / 1e6))
    return times_us


def count(times_us: list[float]) -> str:
    if not times_us:
        return "count=0"
    p5, median, p95 = np.percentile(times_us, [5, 50, 95])
    return (
        f"count={len(times_us)} first={times_us[0]:.0f} curr={times_us[-1]:.0f} "
        f"min={min(times_us):.0f} max={max(times_us):.0f} avg={np.mean(times_us):g} "
        f"std={np.std(times_us):.0f} p5={p5:.0f} median={median:.0f} p95={p95:.0f}"
    )


def log(text: str) -> None:
    print(f"I0000 00:00:1756000000.123456    4242 run_model.cc:321] {text}", file=sys.stderr)


def run(flags: dict[str, str]) -> int:
    if unknown := flags.keys() - RUN:
        print(f"ERROR: Unknown command line flag '{min(unknown)}'", file=sys.stderr)
        return 1
    model = Model(flags["graph"])
    for buffer, (name, details) in zip(model.in_buffers, model.inputs.items(), strict=True):
        path = Path(flags["input_dir"], f"{name}.raw")
        if not path.exists():
            place = "E0000 00:00:1756000000.123456    4242 run_model.cc:355]"
            print(f"{place} Failed to open {path}", file=sys.stderr)
            return 1
        buffer.write(np.fromfile(path, np.float32).reshape(details["shape"]))
    log("Run model for 1 times")
    log(f"First run took {model.time_us():.0f} microseconds")
    shapes = [details["shape"] for details in model.outputs.values()]
    for index, (buffer, shape) in enumerate(zip(model.out_buffers, shapes, strict=True)):
        total = int(np.prod(shape))
        values = buffer.read(total, np.float32)
        log(f"Output buffer {index}:")
        log(f"  Size: {4 * total} bytes")
        log("  Dimensions: [")
        log("  ]")
        log(f"  Total logical elements: {total}")
        log("  Statistics:")
        size = min(int(flags["sample_size"]), total)
        log(f"  Beginning {size} elements:")
        for number, value in enumerate(values[:size]):
            log(f"    {number}: {value:g}")
    log("Model run completed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
