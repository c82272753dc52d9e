"""What a failed run of benchmark_model (TFLite's or LiteRT's) or run_model means, and what to do.

The tools say little with their exit code: 1 for everything they notice, 134 for what they abort on.
The shell adds 126, 127 and 128+N. Android's says 1 for another processor's file ("not executable:
64-bit ELF file", mksh's exec.c), as its linker does for a missing library. So the text is looked at
before the code.
"""

import re
import signal

from frill.errors import UserError

OTHER_BUILD = "take another build of the tool"


# What the tool, the shell or the linker prints, what happened, what to do. In this order: a crash
# may come after its reason.
_CAUSES = (
    (
        r"Exec format error|\x7fELF|not executable: \d+-bit ELF|is for EM_|wrong ELF class"
        r"|cannot execute: required file",
        "was built for another processor",
        "give the build for the ABI that the device names (getprop ro.product.cpu.abi)",
    ),
    (
        r"CANNOT LINK EXECUTABLE|error while loading shared libraries"
        r"|[Ll]ibrary \"[^\"]+\" not found",
        "does not find what it is linked with",
        "put the library beside it, or take a build that needs none",
    ),
    (
        r"taskset: .*not found",
        "cannot be bound to cores",
        "write cores: any for this device, whose shell has no taskset",
    ),
    (
        r"affinity",
        "cannot be bound to its cores",
        "choose cores that are online, or write cores: any",
    ),
    (
        r"Unknown command line flag",
        "does not know a flag",
        "take another version of LiteRT's tools",
    ),
    (
        r"Failed to parse flag",
        "does not understand the value of a flag",
        "correct that setting of the device",
    ),
    (
        r"Failed to apply XNNPACK",
        "cannot run the model through XNNPACK",
        "turn XNNPACK off for this device, or take a newer build of the tool",
    ),
    (
        r"Didn't find op for builtin opcode|unresolved custom op",
        "lacks an operator of the model",
        "take a newer build of the tool, or convert the model without that operator",
    ),
    (
        r"Could not open '",
        "cannot open the model",
        "see that its file is on the device and readable there",
    ),
    (
        r"not a valid Flatbuffer|[Mm]odel allocation is null|Failed to (?:load|compile) model"
        r"|Failed to initialize the interpreter",
        "cannot load the model",
        "copy the file again and compare its sha256; "
        "if it is whole, take a newer build of the tool",
    ),
    (
        r"Input tensor #\d+ should have|The size of .* It should be|nput_layer_value_file:"
        r"|Wrong input value|must match the number of items",
        "was given an input that is not the model's",
        "give the name, the shape and as many float32 values as the model's own input has",
    ),
)
# Lines that say nothing of a failure: Abseil's begin with I0000, W0000 or E0000, date and place.
_NO_REASON = r"INFO: |WARN|[IW]\d{4} |(?:ERROR: )?Benchmarking failed"
_MARKS = r"ERROR: |FATAL: |[EF]\d{4} .*?\] ?"
_SIGNALS = {
    "SIGKILL": "it ran out of memory or of its time limit: "
    "raise the limit, or measure a smaller model",
    "SIGTERM": "something on the device stopped it: run it again",
    "SIGILL": "it uses an instruction that this processor lacks: take a build for its ABI",
}


class ToolError(UserError):
    """A tool did not measure or run, or not what it was asked to.

    It says what happened and what to do. The device's name is the caller's to add.
    """


def explain_failure(
    stdout: str, stderr: str, exit_code: int, tool: str = "benchmark_model"
) -> ToolError:
    """Return what a failed run of a tool means; `exit_code` as for `tool.parse`."""
    lines = [
        line
        for line in [*stdout.splitlines(), *stderr.splitlines()]
        if line.strip() and not re.match(_NO_REASON, line)
    ]
    for pattern, what, remedy in _CAUSES:
        for line in lines:
            if re.search(pattern, line):
                return ToolError(f"{tool} {what} ({_clean(line)}): {remedy}")
    return _explain_code(exit_code, _quote_reason(lines, stderr.splitlines()), tool)


def _explain_code(exit_code: int, quoted: str, tool: str) -> ToolError:
    if exit_code == 126:
        return ToolError(
            f"{tool} may not be executed{quoted}: "
            "chmod it to 755, in a folder that is not mounted noexec"
        )
    if exit_code == 127:
        return ToolError(
            f"{tool} is not on the device, or was built for another system{quoted}: "
            f"copy it there again, or {OTHER_BUILD}"
        )
    number = -exit_code if exit_code < 0 else exit_code - 128
    if number in set(signal.Signals):
        name = signal.Signals(number).name
        remedy = _SIGNALS.get(name, f"see that the model is whole, then {OTHER_BUILD}")
        return ToolError(f"{tool} was ended by {name}{quoted}: {remedy}")
    return ToolError(
        f"{tool} failed with exit code {exit_code}{quoted}: "
        f"run it by hand to see more, or {OTHER_BUILD}"
    )


def _quote_reason(lines: list[str], error_lines: list[str]) -> str:
    """Return the line that says most of a failure, in parentheses, or an empty text.

    The first error is the reason of those after it. Builds and shells that mark none as such end
    with what matters.
    """
    marked = [line for line in lines if re.match(_MARKS, line)]
    reasons = marked[:1] or [line for line in lines if line in error_lines][-1:]
    return f" ({_clean(reasons[0])})" if reasons else ""


def _clean(line: str) -> str:
    """Return a line without its level, and without bytes that a terminal would obey.

    A shell quotes what it could not run.
    """
    text = re.sub(rf"^(?:{_MARKS})", "", line).strip()
    return "".join(c if c.isprintable() else "?" for c in text)
