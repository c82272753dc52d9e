"""Whether a phone computes with a model what this computer does: asked before anything is timed.

TFLite's benchmark_model reads an input and writes its output. LiteRT's does not: run_model of the
same version does so in its place.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from frill.device.phone.connection import Finished
from frill.device.phone.session import Session
from frill.device.phone.tools import benchmark_command, run_model
from frill.device.phone.tools import benchmark_model as benchmark_tool
from frill.device.phone.tools.errors import ToolError
from frill.device.timed_model import TimedModel
from frill.params.devices import AdbDevice

# Runs a command line on the phone, to its end.
Run = Callable[[list[str]], Finished]


def check_output(
    model: Path, device: AdbDevice, key: str, session: Session, run: Run, files: dict[str, str]
) -> float:
    """Return the cosine of the phone's output with this computer's.

    `files` has the names on the phone of the "model", "tool" and "run_model". Raises ToolError
    where there is no output, another than the model's, or one under the device's min_cosine.
    """
    known = TimedModel(model)
    if device.tool_kind == "litert":
        output = _run_litert(known, device, session, run, files)
    else:
        output = _run_tflite(known, device, session, run, files)
    try:
        cosine = known.compare(output)
    except ValueError as error:
        raise ToolError(
            f"the phone gave an output that is not the model's ({error}): "
            "take another build of the tool"
        ) from None
    if not cosine >= device.min_cosine:  # nor a NaN: this host's output is not finite
        raise ToolError(
            "the phone computes something else than this host: "
            f"the cosine of the two outputs is {cosine:.4f}, "
            f"the limit {key}.min_cosine {device.min_cosine:g}: its latency would mean nothing; "
            "turn XNNPACK off or take another build of the tool"
        )
    return cosine


def _run_tflite(
    known: TimedModel, device: AdbDevice, session: Session, run: Run, files: dict[str, str]
) -> bytes:
    session.push(known.values.tobytes(), "input.bin")
    command = benchmark_command.build_check_command(
        files["tool"],
        files["model"],
        threads=device.threads,
        xnnpack=None if device.xnnpack is None else bool(device.xnnpack),
        input_name=known.name,
        input_shape=known.values.shape,
        input_file="input.bin",
        output_file="output.bin",
    )
    benchmark_tool.parse(*run(command))
    output = session.pull("output.bin")
    if output is None:
        raise ToolError(
            "the phone wrote no output that could be checked: "
            "take a newer build of benchmark_model (--output_filepath)"
        )
    return output


def _run_litert(
    known: TimedModel, device: AdbDevice, session: Session, run: Run, files: dict[str, str]
) -> bytes:
    if "/" in known.signature_name:
        raise ToolError(
            f"run_model cannot read {known.signature_name!r}, "
            "as an input's name is that of a file: rename it without a slash"
        )
    session.push(known.values.tobytes(), f"{run_model.INPUTS}/{known.signature_name}.raw")
    values = max(np.prod(shape, dtype=int) for shape in known.output_shapes)
    command = run_model.build_command(
        files["run_model"], files["model"], values=values, accelerator=device.accelerator
    )
    return run_model.parse_outputs(*run(command))
