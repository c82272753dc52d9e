"""LiteRT's two tools on the rig's phone: timings by one, the check of outputs by the other."""

import numpy as np
import pytest
from measuring import fail, has_left_nothing, measure, sha256

from frill.device.phone.tools import run_model
from frill.device.phone.tools.errors import ToolError
from frill.device.timed_model import TimedModel

PLACE = "I0000 00:00:1756000000.123456    4242 tensor_utils.h:99] "


def printed(values: list[str], total: int) -> str:
    lines = ["Output buffer 0:", "  Size: 8 bytes", f"  Total logical elements: {total}"]
    lines += ["  Tensor Statistics:", "    Mean: 0.5", f"  Beginning {len(values)} elements:"]
    lines += [f"    {number}: {value}" for number, value in enumerate(values)]
    return "\n".join(PLACE + line for line in [*lines, "Model run completed"])


def test_printed_outputs_are_read_in_their_order():
    stderr = printed(["0.25", "-1.5e-07", "3"], 3)
    output = np.frombuffer(run_model.parse_outputs("", stderr, 0), np.float32)
    np.testing.assert_array_equal(output, np.array([0.25, -1.5e-7, 3], np.float32))
    both = np.frombuffer(run_model.parse_outputs("", f"{stderr}\n{stderr}", 0), np.float32)
    assert len(both) == 6


@pytest.mark.parametrize(
    ("stderr", "code", "said"),
    [
        (printed(["1", "2"], 3), 0, "printed 2 of 3 values"),
        ("", 0, "printed no output"),
        ("ERROR: Unknown command line flag 'input_dir'", 1, "does not know a flag"),
        (
            "E0000 00:00:1756000000.1    42 run_model.cc:355] Failed to open inputs/x.raw",
            1,
            "run_model failed with exit code 1 (Failed to open inputs/x.raw)",
        ),
        ("", 139, "run_model was ended by SIGSEGV"),
    ],
)
def test_what_is_no_output_says_so(stderr, code, said):
    with pytest.raises(ToolError) as raised:
        run_model.parse_outputs("", stderr, code)
    assert said in str(raised.value)


def test_commands():
    assert run_model.build_command("r", "m", values=2048, accelerator="npu") == [
        *("r", "--graph=m", "--input_dir=inputs", "--accelerator=npu", "--iterations=1"),
        *("--print_tensors=true", "--compare_numerical=true", "--sample_size=2048"),
        *("--dispatch_library_dir=.", "--compiler_plugin_library_dir=."),
    ]


def test_an_inputs_file_has_the_name_of_the_signatures_input(pooling_models):
    """The tensor's own has serving_default_ before it, and a colon."""
    known = TimedModel(pooling_models[0])
    assert known.name == f"serving_default_{known.signature_name}:0"
    assert known.output_shapes == [tuple(known.run()[0].shape)]


def test_a_measurement_with_litert(rig, litert, pooling_models):
    result = measure(pooling_models, litert())
    assert result["runtime"] == "LiteRT's benchmark_model, XNNPACK"
    assert result["statistic"] == "median"
    assert result["p95_over"] == "invocations"
    assert result["cosine"] > 0.999999  # six digits of each value are printed
    assert (result["process_memory_mib"], result["added_memory_mib"]) == (35.2, 2.5)
    assert result["p50_ms"] == result["latency_ms"]
    assert result["delegation"] == [
        {"delegate": "TfLiteXNNPackDelegate", "nodes": 3, "all_nodes": 3, "partitions": 1}
    ]
    assert set(result["binaries"]) == {"benchmark_model", "run_model"}
    assert result["accelerator"] == "cpu"
    assert has_left_nothing(rig)


def script(tmp_path, text: str) -> dict:
    path = tmp_path / "script"
    path.write_text(f"#!/bin/sh\n{text}\n")
    return dict(run_model=str(path), run_model_sha256=sha256(path))


def test_another_output_is_refused_before_anything_is_timed(
    rig, litert, litert_tools, pooling_models, tmp_path
):
    run = f'"{litert_tools["run_model"]}" "$@" 2>&1'
    tampered = script(tmp_path, f'{run} | sed "s/ 0: .*/ 0: 900/" >&2')
    message = fail(pooling_models, litert(**tampered, min_cosine=0.9999))
    assert message.startswith(f"pixel ({litert().serial}): the phone computes something else")
    cut = script(tmp_path, f"{run} | head -n 12 >&2")
    assert "printed" in fail(pooling_models, litert(**cut))
    assert has_left_nothing(rig)


def test_a_run_model_that_is_another_is_never_run(rig, litert, pooling_models, tmp_path):
    other = tmp_path / "other"
    other.write_text(f"#!/bin/sh\ntouch {tmp_path}/pwned\n")
    message = fail(pooling_models, litert(run_model=str(other)))
    assert "devices.pixel.run_model" in message
    assert sha256(other) in message
    assert not (tmp_path / "pwned").exists()


def test_a_gpu_row_says_what_ran_where(rig, litert, litert_tools, pooling_models, tmp_path):
    library = tmp_path / "libLiteRtClGlAccelerator.so"
    library.write_bytes(b"#!/bin/sh\n")  # the rig runs no Android library
    on_gpu = dict(accelerator="gpu")
    on_gpu["libraries"] = [{"file": str(library), "sha256": sha256(library)}]
    result = measure(pooling_models, litert(**on_gpu))
    assert result["accelerator"] == "gpu"
    assert result["delegation"][0]["delegate"] == "LITERT_CL"
    assert "--use_gpu=true" in result["command"]
    assert result["binaries"][library.name] == sha256(library)
    # The same, and its log says that the CPU took it all.
    tool = tmp_path / "benchmark_model"
    real = litert_tools["benchmark_model"]
    tool.write_text(f'#!/bin/sh\n"{real}" "$@" 2>&1 | sed s/LITERT_CL/TfLiteXNNPackDelegate/\n')
    message = fail(pooling_models, litert(**on_gpu, tool=str(tool), tool_sha256=sha256(tool)))
    assert "nothing of the model ran on the gpu" in message
    assert "write accelerator: cpu" in message
