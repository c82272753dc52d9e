"""The command lines of the two tools named benchmark_model, TFLite's and LiteRT's."""

from typing import Literal

from frill.device.phone.tools.errors import ToolError

Kind = Literal["tflite", "litert"]

# Both slow the model down: the times of such a run are not latencies.
MEMORY_FLAG = "--report_peak_memory_footprint=true"  # a second thread looks every 50 ms
PROFILE_FLAGS: dict[Kind, str] = {
    "tflite": "--enable_op_profiling=true",
    "litert": "--use_profiler=true",
}


def build_command(
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
    accelerator: str = "cpu",
) -> list[str]:
    """Return the arguments of a timing run, not quoted.

    `runs` and `min_secs` are both minimums: `Timing.runs` is the real count. `xnnpack` None leaves
    the flag out, for builds without XNNPACK, which do not know it. No input is named, so that the
    tool takes the model's own shape: it would resize the model to any other and exit 0. LiteRT's
    tool always takes XNNPACK (params.AdbDevice refuses other wishes), and for what an accelerator
    does not take the CPU.
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
        # False too: where it is left out, most builds apply XNNPACK by themselves.
        flags["use_xnnpack"] = str(xnnpack).lower()
    if accelerator != "cpu":
        flags[f"use_{accelerator}"] = "true"
    if accelerator == "npu":
        flags |= {"dispatch_library_path": ".", "compiler_plugin_library_path": "."}
    return [tool, *(f"--{name}={value}" for name, value in flags.items())]


def build_check_command(
    tool: str,
    model: str,
    *,
    input_name: str,
    input_shape: tuple[int, ...],
    input_file: str,
    output_file: str,
    **common,
) -> list[str]:
    """Return the arguments of one invocation of TFLite's tool on `input_file`.

    That is raw float32 of `input_shape`; LiteRT's tool reads no input file. `common` holds threads
    and xnnpack. Outputs are written to `output_file`, raw float32, one after another. One that
    cannot be written is not reported and exits 0: delete `output_file` before, look for it after.
    Raises ToolError for a comma, which separates inputs.
    """
    if "," in input_name + input_file:
        raise ToolError(
            f"benchmark_model cannot read {input_file!r} into {input_name!r}, "
            "as a comma separates inputs: rename it without one"
        )
    once = dict(runs=1, min_secs=0, warm_up_runs=0, warm_up_secs=0)
    shape = ",".join(map(str, input_shape))
    # Colons are doubled in this flag only; the tool's own help text says "\:".
    value_file = ":".join(part.replace(":", "::") for part in (input_name, input_file))
    return [
        *build_command(tool, model, **common, **once),
        f"--input_layer={input_name}",
        f"--input_layer_shape={shape}",
        f"--input_layer_value_files={value_file}",
        f"--output_filepath={output_file}",
    ]
