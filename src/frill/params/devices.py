"""Devices that models are timed on: the section `devices` of params.yaml."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from frill.params.values import (
    LARGEST,
    Count,
    CountOrZero,
    NoneOrPositive,
    PathText,
    Positive,
    Real,
    Seconds,
    Section,
    Sha256,
    Threads,
    ZeroOrOne,
    check_zero_or_one,
    read_none,
)


def _read_zero_one_or_none(value: Any) -> Any:
    return None if value == "none" else check_zero_or_one(value)


def _check_cores(value: Any) -> Any:
    """Refuse what is no text: 0c in YAML is one, 10 and 0x0c are numbers and easily mixed up."""
    if not isinstance(value, str):
        raise ValueError(
            "must be big, little, any, or a mask in quotes, hexadecimal, "
            "such as '0c' for cores 2 and 3"
        )
    is_mask = re.fullmatch(r"[0-9a-fA-F]{1,16}", value) and int(value, 16)
    if value not in ("big", "little", "any") and not is_mask:
        raise ValueError(
            "must be big, little, any, or a hexadecimal mask such as '0c' for cores 2 and 3"
        )
    return value


def _check_remote_folder(value: str) -> str:
    parts = set(value.split("/"))
    if not re.fullmatch(r"/[^\0\n]+", value) or parts & {"..", "."} or parts == {""}:
        raise ValueError("must be an absolute path without . and .., such as /data/local/tmp/frill")
    return value


def _check_runtime(value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"litert \d+\.\d+\.\d+", value):
        raise ValueError(
            "must be litert and a released version, such as `litert 2.3.0`; "
            "`latest` is another program every week"
        )
    return value


class Library(Section):
    """A file that the tools load, such as a GPU's accelerator: a name or path, and its sha256.

    A name without a slash is of the runtime's published files, where the device has a runtime.
    """

    file: PathText
    sha256: Sha256


# What a phone's protocol takes beside the timing itself. Estimates: dumpsys takes some 0.2 s, and a
# look asks it three times.
PROCESS_S = 0.5  # of a process: starting it, opening the model, seeing that it ended
LOOK_S = 0.6  # whether the phone is cool
COPY_S = 4.0  # the tools and a model by cable, and their sums on the phone
CADENCE_S = 0.17  # an app's pace: each hop of the frontend


class HostDevice(Section):
    """This machine's CPU."""

    kind: Literal["host"]
    threads: Threads
    rounds: Annotated[int, Field(ge=3, le=LARGEST, strict=True)]
    round_ms: Positive
    cadence_runs: Count = 20  # invocations at an app's pace, one each 170 ms
    xnnpack: ZeroOrOne = 1

    @property
    def measures_s(self) -> float:
        """Return how long a model takes, by the settings alone: in turns with the control."""
        return 2 * self.rounds * self.round_ms / 1000 + self.cadence_runs * CADENCE_S


class AdbDevice(Section):
    """A phone over adb; docs/pixel.md says how each setting was chosen.

    What has a default can be left out.
    """

    kind: Literal["adb"]
    # As `adb devices` lists it, or host:port; none: the only phone attached.
    serial: Annotated[str | None, BeforeValidator(read_none)]
    # LiteRT's published tools of that version, such as `litert 2.3.0`. Or tool: one's own.
    runtime: Annotated[str | None, AfterValidator(_check_runtime)] = None
    tool: PathText | None = None  # path or URL of a benchmark_model for the phone
    tool_sha256: Sha256 | None = None
    tool_kind: Literal["tflite", "litert"] = "tflite"
    run_model: PathText | None = None  # the same of LiteRT's run_model, which checks outputs
    run_model_sha256: Sha256 | None = None
    accelerator: Literal["cpu", "gpu", "npu"] = "cpu"
    libraries: list[Library] = []  # copied beside the tools
    threads: Threads = 1
    cores: Annotated[str, BeforeValidator(_check_cores)] = "big"
    # None: of a build without it, which knows no such flag.
    xnnpack: Annotated[int | None, BeforeValidator(_read_zero_one_or_none)] = 1
    folder: Annotated[str, AfterValidator(_check_remote_folder)] = "/data/local/tmp/frill"
    # Of the model, each paired with one of the control.
    processes: Annotated[int, Field(ge=3, le=LARGEST, strict=True)] = 7
    runs: Count = 50  # invocations a process, at least
    min_s: Seconds = 1.0  # and seconds, at least
    warm_up_s: Seconds = 0.5  # before those
    discards: CountOrZero = 7  # pairs that may be thrown away and repeated
    cadence_runs: Count = 30  # invocations at an app's pace, one each 170 ms
    max_battery_c: NoneOrPositive = 35.0
    max_thermal_status: Annotated[int, Field(ge=0, le=6, strict=True)] = 0
    cool_down_s: Seconds = 900.0  # waited for those two, at most
    timeout_s: Annotated[Seconds, Field(ge=1)] = 120.0  # of one process
    min_cosine: Annotated[Real, Field(ge=-1, le=1)] = 0.99  # of the phone's output with the host's

    @property
    def measures_s(self) -> float:
        """Return how long a student takes at least, by the protocol's own arithmetic.

        Pairs of processes, each with the gate's looks before and after; the check, memory and
        operators; an app's pace; the files. No wait for the phone to cool, no discarded pair.
        """
        process_s = self.warm_up_s + self.min_s + PROCESS_S
        pairs_s = self.processes * (2 * process_s + 2 * LOOK_S)
        return pairs_s + 3 * process_s + self.cadence_runs * CADENCE_S + COPY_S

    @model_validator(mode="before")
    @classmethod
    def _read_runtime(cls, values: Any) -> Any:
        """LiteRT's published tools are LiteRT's: tool_kind need not be written."""
        if isinstance(values, dict) and values.get("runtime") is not None:
            return {"tool_kind": "litert"} | values
        return values

    @model_validator(mode="after")
    def _check_tool(self):
        if (self.runtime is None) == (self.tool is None):
            raise ValueError(
                "a phone needs a runtime, such as `litert 2.3.0`, or a tool of your own; "
                "write one of the two"
            )
        if self.tool and not self.tool_sha256:
            raise ValueError("tool needs tool_sha256; `sha256sum FILE` prints it")
        if self.tool_kind == "tflite":
            return self._check_tflite()
        if self.xnnpack == 0:
            raise ValueError("LiteRT's tool always takes XNNPACK on the CPU; write xnnpack: 1")
        if self.tool and not (self.run_model and self.run_model_sha256):
            raise ValueError(
                "LiteRT's benchmark_model cannot check a model's output; "
                "write run_model and run_model_sha256, of the same version"
            )
        return self

    def _check_tflite(self):
        if self.runtime:
            raise ValueError(f"runtime {self.runtime} is LiteRT's; leave tool_kind out")
        for key in ("run_model", "run_model_sha256", "libraries"):
            if getattr(self, key):
                raise ValueError(
                    f"{key} is of LiteRT's tools; write tool_kind: litert, or no {key}"
                )
        if self.accelerator != "cpu":
            raise ValueError(
                f"accelerator: {self.accelerator} takes LiteRT's tools; "
                "write runtime, such as `litert 2.3.0`"
            )
        return self


Device = Annotated[HostDevice | AdbDevice, Field(discriminator="kind")]
