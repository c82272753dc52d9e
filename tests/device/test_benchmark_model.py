"""benchmark_model's two tools: what they are asked, what they print, and how they fail.

Recorded with TFLite 2.14.1's tool on Linux x86-64, without XNNPACK, paths replaced: tflite, single,
check, slow, profile (rows cut), memory, unknown_flags, wrong_name, wrong_shape, wrong_rank,
unescaped_name, missing_model, truncated_model, bad_value (flags cut), dry_run, crash (a real
SIGSEGV), wrong_abi, not_executable, not_found, library_missing.

Written after sources, the numbers made up:
- tflite_new after tflite/tools/benchmark/benchmark_tflite_model.cc (google-ai-edge/LiteRT) and
  xla/tsl/util/stats_calculator.h (openxla/xla)
- profile_delegate after tensorflow/lite/profiling/profile_summary_formatter.cc
- tflite_2_3 after the logs in tensorflow#42507 and #41977
- tflite_1_13 after tensorflow/lite/tools/logging.h of that version and a log (tensorflow#25537)
- litert, litert_memory, litert_profile after litert/tools/benchmark_litert_model.h and g3doc's
  build instructions (google-ai-edge/LiteRT)
"""

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from frill.device.phone.tools import benchmark_command
from frill.device.phone.tools import benchmark_model as benchmark_tool
from frill.device.phone.tools.benchmark_model import Delegation, Timing, ToolError
from frill.errors import UserError

OUTPUTS = Path(__file__).parent / "outputs"
PUSHED = "/data/local/tmp/frill"
SETTINGS = dict(threads=1, xnnpack=True, runs=50, min_secs=1.0)


def output(name: str) -> tuple[str, str, int]:
    """Return stdout, stderr and exit code of a run."""
    code, _, text = (OUTPUTS / f"{name}.txt").read_text().partition("\n=== stdout\n")
    stdout, _, stderr = text.partition("=== stderr\n")
    return stdout, stderr, int(code.removeprefix("exit "))


def refusal(stdout: str, stderr: str, exit_code: int) -> str:
    with pytest.raises(ToolError) as raised:
        benchmark_tool.parse(stdout, stderr, exit_code)
    assert isinstance(raised.value, UserError) and "\n" not in str(raised.value)
    return str(raised.value)


def delegated(nodes: int, all_nodes: int | None, partitions: int) -> tuple[Delegation, ...]:
    return (Delegation("TfLiteXNNPackDelegate", nodes, all_nodes, partitions),)


# Each number is copied from the fixture by hand; microseconds there are milliseconds here.
TIMINGS = {
    "tflite": Timing("tflite", 1.127, 4.087, 120, 0.833933, 0.777, None, None, None, ()),
    "single": Timing("tflite", 0.456, 3.995, 1, 2.872, 2.872, None, None, None, ()),
    "check": Timing("tflite", 0.41, 3.713, 1, 3.713, 3.713, None, None, None, ()),
    "slow": Timing("tflite", 20.233, 1700.273, 3, 1168.33, 1166.458, None, None, None, ()),
    "profile": Timing("tflite", 0.853, 4.494, 110, 0.877073, 0.789, None, None, None, ()),
    "tflite_new": Timing(
        *("tflite", 21.36, 6.021, 238, 4.20147, 4.096, 4.193, 4.307, delegated(86, 88, 5), ()),
    ),
    "tflite_2_3": Timing(
        *("tflite", 0.917, 20.411, 66, 15.0937, 14.806, None, None, None),
        ("ModifyGraphWithDelegate is disallowed when graph is immutable.",),
    ),
    "tflite_1_13": Timing("tflite", 1.934, 60.817, 50, 58.733, 58.021, None, None, None, ()),
    "litert": Timing(
        *("litert", 6.342, 9.876, 124, 8.14627, 8.007, 8.128, 8.345, delegated(88, 88, 1)),
        (
            "[litert/runtime/accelerators/auto_registration.cc:46] NPU accelerator could not be "
            "loaded and registered: kLiteRtStatusErrorInvalidArgument.",
        ),
    ),
}


@pytest.mark.parametrize("name", TIMINGS)
def test_timings_are_those_printed_in_milliseconds(name):
    timing = benchmark_tool.parse(*output(name))
    for field in Timing.__dataclass_fields__:
        expected = getattr(TIMINGS[name], field)
        if isinstance(expected, float):
            expected = pytest.approx(expected, rel=1e-12)
        assert getattr(timing, field) == expected, field


def test_equal_runs_are_printed_as_one_number():
    stdout, stderr, code = output("single")
    of_stat = "count=4 curr=61(all same)"
    of_stat_with_percentiles = f"{of_stat} p5=61 median=61 p95=61"
    for line, median_ms in ((of_stat, None), (of_stat_with_percentiles, 0.061)):
        timing = benchmark_tool.parse(stdout.replace("count=1 curr=2872", line), stderr, code)
        assert (timing.runs, timing.mean_ms, timing.min_ms) == (4, 0.061, 0.061)
        assert timing.median_ms == median_ms


def test_litert_is_read_from_its_block_where_its_stdout_is_lost():
    timing = benchmark_tool.parse("", *output("litert")[1:])
    assert (timing.tool, timing.runs) == ("litert", 124)
    assert (timing.init_ms, timing.first_ms) == (6.34, 9.88)
    assert (timing.mean_ms, timing.min_ms, timing.p95_ms) == (8.15, 8.01, None)


def test_delegated_nodes_of_all_subgraphs_count_and_a_delegate_that_takes_none_is_a_warning():
    stdout, stderr, code = output("tflite_new")
    old_words = (
        "INFO: Replacing 3 node(s) with delegate (TfLiteXNNPackDelegate) node, "
        "yielding 2 partitions.\n"
    )
    timing = benchmark_tool.parse(stdout, stderr + old_words, code)
    assert timing.delegation == delegated(86 + 3, None, 5 + 2)
    gpu = old_words.replace("TfLiteXNNPackDelegate", "LITERT_CL")
    timing = benchmark_tool.parse(stdout, stderr + gpu, code)
    assert timing.delegation == (*delegated(86, 88, 5), Delegation("LITERT_CL", 3, None, 2))
    unused = (
        "Though XNNPACK delegate is explicitly applied, "
        "the model graph will not be executed by the delegate."
    )
    timing = benchmark_tool.parse(f"{stdout}INFO: {unused}\n", "", code)
    assert (timing.delegation, timing.warnings) == ((), (unused,))
    # Android 7's linker says so of what newer compilers write into any program.
    linker = "WARNING: linker: /data/local/tmp/frill/benchmark_model: unused DT entry: type 0x1d\n"
    assert benchmark_tool.parse(stdout, linker, code).warnings == ()


# What a run says when it fails: what happened, the tool's own words, what to do.
REFUSALS = {
    "missing_model": (
        "cannot open the model",
        f"Could not open '{PUSHED}/gone.tflite'.",
        "see that its file is on the device",
    ),
    "truncated_model": (
        "cannot load the model",
        "not a valid Flatbuffer buffer",
        "compare its sha256",
    ),
    "wrong_rank": (
        "an input that is not the model's",
        "Input tensor #0 should have 4 dimensions!",
        "the shape",
    ),
    "wrong_shape": (
        "an input that is not the model's",
        "is 24576 bytes. It should be 49152 bytes.",
        "as many float32 values",
    ),
    "unescaped_name": (
        "an input that is not the model's",
        "Wrong input value file item specified: serving_default_windows:0:",
        "give the name",
    ),
    "wrong_name": (
        "the model's input is 'serving_default_windows:0'",
        "was given 'samples'",
        "give the model's own name",
    ),
    "unknown_flags": (
        "does not know --use_xnnpack=true --cores=big",
        "ran without",
        "leave that out",
    ),
    "bad_value": (
        "does not understand the value of a flag",
        "against argv '--num_threads=big'",
        "correct that setting",
    ),
    "dry_run": ("loaded the model and never ran it", "", "ask for one run or more"),
    "crash": ("was ended by SIGSEGV", "(Segmentation fault)", "take another build"),
    "wrong_abi": ("was built for another processor", "Exec format error", "ro.product.cpu.abi"),
    "not_executable": ("may not be executed", "Permission denied", "chmod it to 755"),
    "not_found": (
        "is not on the device",
        f"{PUSHED}/benchmark_model: not found",
        "copy it there again",
    ),
    "library_missing": (
        "does not find what it is linked with",
        "libfarmhash.so.0",
        "put the library beside it",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_failed_run_says_what_happened_and_what_to_do(name):
    message = refusal(*output(name))
    what, quoted, remedy = REFUSALS[name]
    assert quoted in message
    assert remedy in message.partition(what)[2]


@pytest.mark.parametrize(
    ("stderr", "exit_code", "what", "remedy"),
    [  # Android's shell and linker, which exit with 1: mksh's exec.c, bionic's linker_main.cpp
        # and linker_phdr.cpp
        (
            "/system/bin/sh: ./benchmark_model: not executable: 64-bit ELF file",
            1,
            "built for another processor",
            "cpu.abi",
        ),
        (
            'CANNOT LINK EXECUTABLE "./benchmark_model": "libc++.so" is for EM_X86_64 (62) '
            "instead of EM_AARCH64 (183)",
            1,
            "another processor",
            "cpu.abi",
        ),
        (
            'CANNOT LINK EXECUTABLE "./b": library "libLiteRt.so" not found: '
            "needed by main executable",
            1,
            "is linked with",
            "put the library beside it",
        ),
        (
            "/system/bin/sh: ./benchmark_model: can't execute: Permission denied",
            126,
            "may not be executed",
            "chmod",
        ),
        (
            "/system/bin/sh: ./benchmark_model: inaccessible or not found",
            127,
            "is not on the device",
            "copy it there again",
        ),
        ("", 137, "was ended by SIGKILL:", "raise the limit"),
        ("Killed", -9, "was ended by SIGKILL (Killed):", "raise the limit"),
        ("", 132, "was ended by SIGILL:", "take a build for its ABI"),
        ("", -6, "was ended by SIGABRT:", "take another build"),
        ("", 255, "failed with exit code 255:", "run it by hand"),
        ("", 128, "failed with exit code 128:", "run it by hand"),
        # benchmark_tflite_model.cc; tensorflow/lite/core/api/op_resolver.cc
        (
            "ERROR: Failed to apply XNNPACK delegate.\nERROR: Benchmarking failed.",
            1,
            "through XNNPACK",
            "turn XNNPACK off",
        ),
        (
            "ERROR: Didn't find op for builtin opcode 'CONV_2D' version '6'.\n"
            "ERROR: Failed to load model m",
            1,
            "lacks an operator",
            "newer build",
        ),
        (
            "FATAL: Cannot find the corresponding input_layer name(x)\nAborted",
            134,
            "SIGABRT (Cannot find",
            "take another build",
        ),
        (
            "ERROR: Failed to allocate tensors!\nERROR: Benchmarking failed.",
            1,
            "exit code 1 (Failed to allocate tensors!):",
            "run it by hand",
        ),
        (
            "Failed to allocate tensors!\nBenchmarking failed.",
            1,
            "exit code 1 (Failed to allocate tensors!):",
            "run it by hand",
        ),
    ],
)
def test_failures_of_shells_linkers_and_older_builds(stderr, exit_code, what, remedy):
    stdout = "INFO: STARTING!\nINFO: Loaded model Could not open 'x'\n"
    message = refusal(stdout, stderr, exit_code)
    assert what in message
    assert remedy in message.partition(what)[2]


@pytest.mark.parametrize("name", ["tflite", "tflite_1_13", "litert"])
def test_an_exit_of_0_is_not_enough(name):
    stdout, stderr, code = output(name)
    assert code == 0
    last_words = "Average inference timings|INFO: Inference timings|====="
    cut = [re.split(last_words, stream)[0] for stream in (stdout, stderr)]
    assert "without its timings" in refusal(*cut, 0)
    failed = stderr + "ERROR: Benchmarking failed.\n"
    assert "failed with exit code 0" in refusal(stdout, failed, 0)
    # An invocation failed after the timings were printed.
    assert "failed with exit code 1" in refusal(stdout, stderr, 1)


def test_half_a_block_is_no_result():
    _, stderr, _ = output("litert")
    assert "without its timings" in refusal("", stderr.partition("Inference (max)")[0], 0)
    assert "without its timings" in refusal("", stderr.replace("Model initialization", ""), 0)
    of_no_run = stderr.partition("Inference (min)")[0].replace("124 runs", "0 runs")
    assert "never ran it" in refusal("", of_no_run, 0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "profile",  # its own percentages; not the initialization's AllocateTensors
            [
                ("DEPTHWISE_CONV_2D", 0.370, 0.45067),
                ("FULLY_CONNECTED", 0.279, 0.33983),
                ("CONV_2D", 0.160, 0.19488),
                ("HARD_SWISH", 0.006, 0.00731),
                ("MUL", 0.003, 0.00365),
                ("MEAN", 0.002, 0.00244),
                ("ADD", 0.001, 0.00122),
            ],
        ),
        (
            "profile_delegate",  # 3 + 0.95 + 0.05 ms
            [
                ("Convolution (NHWC, F32) IGEMM", 3.0, 0.75),
                ("Fully Connected (NC, F32) GEMM", 0.95, 0.2375),
                ("MEAN", 0.05, 0.0125),
            ],
        ),
        (
            "litert_profile",
            [
                ("Convolution (NHWC, F32) GEMM", 6.0, 0.75),
                ("Fully Connected (NC, PF32) GEMM", 1.5, 0.1875),
                ("LiteRT::Run[buffer registration]", 0.5, 0.0625),
                ("AllocateTensors", 0.0, 0.0),
            ],
        ),
    ],
)
def test_the_profile_is_of_the_regular_runs_and_looks_into_delegates(name, expected):
    stdout, stderr, _ = output(name)
    rows = benchmark_tool.parse_profile(stdout, stderr)
    names, times_ms, shares = zip(*expected, strict=True)
    assert tuple(row.name for row in rows) == names
    assert tuple(row.ms for row in rows) == times_ms
    assert tuple(row.share for row in rows) == pytest.approx(shares, abs=5e-6)


def test_peak_memory_is_the_peak_and_not_what_is_left_at_the_end():
    assert benchmark_tool.parse_peak_memory(*output("memory")[:2]) == 20.2539
    assert benchmark_tool.parse_peak_memory(*output("litert_memory")[:2]) == 35.2
    # What the process grew by is told by every run.
    assert benchmark_tool.parse_added_memory(*output("tflite_new")[:2]) == 18.2188
    assert benchmark_tool.parse_added_memory(*output("litert_memory")[:2]) == 11.51
    assert benchmark_tool.parse_added_memory("") is None


@pytest.mark.parametrize(
    ("parse", "said"),
    [
        (benchmark_tool.parse_profile, "no profile"),
        (benchmark_tool.parse_peak_memory, "no peak memory"),
    ],
)
@pytest.mark.parametrize("name", ["tflite", "litert"])
def test_a_run_that_was_not_asked_has_neither_profile_nor_peak(parse, said, name):
    with pytest.raises(ToolError, match=said):
        parse(*output(name)[:2])


def test_commands():
    timing = [
        "t",
        "--graph=m",
        "--num_threads=1",
        "--num_runs=50",
        "--min_secs=1",
        "--max_secs=150",
        "--warmup_runs=1",
        "--warmup_min_secs=0.5",
    ]
    assert benchmark_command.build_command("t", "m", **SETTINGS) == [*timing, "--use_xnnpack=true"]
    assert benchmark_command.build_command("t", "m", **SETTINGS | {"xnnpack": False}) == [
        *timing,
        "--use_xnnpack=false",
    ]
    assert benchmark_command.build_command("t", "m", **SETTINGS | {"xnnpack": None}) == timing
    assert benchmark_command.build_command("t", "m", kind="litert", **SETTINGS) == timing


def check_command(**changed) -> list[str]:
    defaults = dict(
        threads=2,
        xnnpack=None,
        input_name="windows:0",
        input_shape=(1, 96, 64, 1),
        input_file="in.bin",
        output_file="out.bin",
    )
    return benchmark_command.build_check_command("t", "m", **defaults | changed)


def test_the_check_runs_once_on_one_file_and_escapes_colons_in_one_flag():
    assert check_command()[1:] == [
        "--graph=m",
        "--num_threads=2",
        "--num_runs=1",
        "--min_secs=0",
        "--max_secs=150",
        "--warmup_runs=0",
        "--warmup_min_secs=0",
        "--input_layer=windows:0",
        "--input_layer_shape=1,96,64,1",
        "--input_layer_value_files=windows::0:in.bin",
        "--output_filepath=out.bin",
    ]
    both = "--input_layer_value_files=windows::0:/tmp::1/in.bin"
    assert both in check_command(input_file="/tmp:1/in.bin")


def test_a_comma_in_an_inputs_name_is_refused_before_the_tool_runs():
    with pytest.raises(ToolError, match="rename it"):
        check_command(input_name="a,b")


# A TFLite benchmark_model for this machine, built without XNNPACK.
TOOL = os.environ.get("FRILL_BENCHMARK_MODEL")


def run(argv: list[str]) -> tuple[str, str, int]:
    """Run it from a small process, as on a phone.

    The peak memory that Linux tells of a program counts its parent's size at the fork, which would
    be that of all tests.
    """
    done = subprocess.run(
        ["sh", "-c", '"$@"; exit $?', "sh", *argv], capture_output=True, text=True, timeout=60
    )
    return done.stdout, done.stderr, done.returncode


@pytest.mark.skipif(not TOOL, reason="no benchmark_model: set FRILL_BENCHMARK_MODEL to TFLite's")
def test_the_real_tool_is_asked_and_understood(pooling_models):
    model = pooling_models[0]
    settings = dict(threads=1, xnnpack=None, runs=20, min_secs=0.0, warm_up_secs=0.0)
    timing = benchmark_tool.parse(*run(benchmark_command.build_command(TOOL, model, **settings)))
    assert (timing.tool, timing.runs, timing.warnings) == ("tflite", 20, ())
    assert 0 < timing.min_ms <= timing.mean_ms
    assert timing.init_ms > 0
    assert timing.first_ms > 0

    command = benchmark_command.build_command(TOOL, model, **settings)
    stdout, *_ = run([*command, benchmark_command.PROFILE_FLAGS["tflite"]])
    profile = benchmark_tool.parse_profile(stdout)
    assert {"CONV_2D", "MEAN"} <= {row.name for row in profile}
    assert sum(row.share for row in profile) == pytest.approx(1)
    stdout, *_ = run([*command, benchmark_command.MEMORY_FLAG])
    assert 1 < benchmark_tool.parse_peak_memory(stdout) < 1000

    with_xnnpack = settings | {"xnnpack": True}
    message = refusal(*run(benchmark_command.build_command(TOOL, model, **with_xnnpack)))
    assert "does not know --use_xnnpack=true" in message
    message = refusal(*run(benchmark_command.build_command(TOOL, "gone.tflite", **settings)))
    assert "cannot open the model" in message


@pytest.mark.skipif(not TOOL, reason="no benchmark_model: set FRILL_BENCHMARK_MODEL to TFLite's")
def test_the_real_tool_computes_what_litert_does(pooling_models, tmp_path):
    model = pooling_models[0]
    host = Interpreter(model_path=str(model))
    host.allocate_tensors()
    details = host.get_input_details()[0]
    assert ":" in details["name"]
    window = np.random.default_rng(3).normal(size=(1, 96, 64, 1)).astype(np.float32)
    host.set_tensor(details["index"], window)
    host.invoke()
    expected = host.get_tensor(host.get_output_details()[0]["index"])[0]

    (tmp_path / "in.bin").write_bytes(window.tobytes())
    check = dict(
        threads=1,
        xnnpack=None,
        input_name=details["name"],
        input_file=str(tmp_path / "in.bin"),
        output_file=str(tmp_path / "out.bin"),
    )
    command = benchmark_command.build_check_command(TOOL, model, input_shape=window.shape, **check)
    assert benchmark_tool.parse(*run(command)).runs == 1
    embedding = np.fromfile(tmp_path / "out.bin", np.float32)
    np.testing.assert_allclose(embedding, expected, rtol=1e-4, atol=1e-6)
    command = benchmark_command.build_check_command(
        TOOL, model, input_shape=(1, 48, 64, 1), **check
    )
    assert "not the model's" in refusal(*run(command))
