"""LiteRT's run_model: its command line and the outputs that it prints.

litert/tools/run_model.cc in google-ai-edge/LiteRT. It runs a CompiledModel on NAME.raw of a folder,
NAME being an input of the signature. `--output_dir` came after 2.2.0 only; every version prints
outputs (`--print_tensors --compare_numerical`, tensor_utils.h), to six digits, which is what is
read here: "Output buffer 0:", then "Beginning 2048 elements:" and a line for each.

Its log is Abseil's, on stderr: I0000 00:00:1756000000.123456    4242 run_model.cc:321] text
"""

import re

import numpy as np

from frill.device.phone.tools.errors import ToolError, explain_failure

INPUTS = "inputs"  # the folder of NAME.raw
NAME = "run_model"
_VALUE = r"-?(?:\d[\d.]*(?:e[+-]?\d+)?|nan|inf)"


def build_command(tool: str, model: str, *, values: int, accelerator: str = "cpu") -> list[str]:
    """Return the arguments of one invocation that prints outputs of up to `values` values."""
    flags = {
        "graph": model,
        "input_dir": INPUTS,
        "accelerator": accelerator,
        "iterations": 1,
        "print_tensors": "true",
        "compare_numerical": "true",
        "sample_size": values,
    }
    if accelerator == "npu":
        flags |= {"dispatch_library_dir": ".", "compiler_plugin_library_dir": "."}
    return [tool, *(f"--{name}={value}" for name, value in flags.items())]


def parse_outputs(stdout: str, stderr: str, exit_code: int) -> bytes:
    """Return the outputs of a finished run, raw float32, one after another.

    Raises ToolError for a run that failed, or printed none or not all of its values.
    """
    if exit_code != 0:
        raise explain_failure(stdout, stderr, exit_code, NAME)
    # On Android the same lines also go to the system's log, never to stdout.
    lines = [re.sub(r"^[IWE]\d{4} .*?\] ?", "", line) for line in stderr.splitlines()]
    text = "\n".join(lines)
    outputs = []
    for block in re.split(r"(?m)^Output buffer \d+:$", text)[1:]:
        total = re.search(r"Total logical elements: (\d+)", block)
        beginning = block.partition(" elements:\n")[2]
        rows = re.match(rf"(?:    \d+: {_VALUE}(?:\n|$))*", beginning)[0]
        values = [row.rpartition(" ")[2] for row in rows.splitlines()]
        if total is None or len(values) != int(total[1]):
            raise ToolError(
                f"run_model printed {len(values)} of {total[1] if total else 'its'} values: "
                "take another version of LiteRT's tools"
            )
        outputs.append(np.array(values, np.float32))
    if not outputs:
        raise ToolError("run_model printed no output: take another version of LiteRT's tools")
    return np.concatenate(outputs).tobytes()
