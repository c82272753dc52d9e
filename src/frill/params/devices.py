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


class HostDevice(Section):
    """This machine's CPU."""

    kind: Literal["host"]
    threads: Threads
    rounds: Annotated[int, Field(ge=3, le=LARGEST, strict=True)]
    round_ms: Positive
    xnnpack: ZeroOrOne = 1

    @property
    def measures_s(self) -> float:
        """Return how long a model is timed, by the settings alone."""
        return self.rounds * self.round_ms / 1000


class AdbDevice(Section):
    """A phone over adb; docs/pixel.md says how each setting was chosen.

    What has a default can be left out.
    """

    kind: Literal["adb"]
    # As `adb devices` lists it, or host:port; none: the only phone attached.
    serial: Annotated[str | None, BeforeValidator(read_none)]
    tool: PathText  # path or URL of a benchmark_model for the phone
    tool_sha256: Sha256
    tool_kind: Literal["tflite", "litert"] = "tflite"
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
    max_battery_c: NoneOrPositive = 35.0
    max_thermal_status: Annotated[int, Field(ge=0, le=6, strict=True)] = 0
    cool_down_s: Seconds = 900.0  # waited for those two, at most
    timeout_s: Annotated[Seconds, Field(ge=1)] = 120.0  # of one process
    # Of the phone's output with the host's.
    min_cosine: Annotated[
        Annotated[Real, Field(ge=-1, le=1)] | None, BeforeValidator(read_none)
    ] = 0.99

    @property
    def measures_s(self) -> float:
        """Return how long a model is timed at least, by the settings alone."""
        return self.processes * (self.warm_up_s + self.min_s)

    @model_validator(mode="after")
    def _check_tool(self):
        if self.tool_kind == "litert" and self.min_cosine is not None:
            raise ValueError(
                "LiteRT's tool cannot check a model's output; take TFLite's, "
                "or write min_cosine: none"
            )
        if self.tool_kind == "litert" and self.xnnpack == 0:
            raise ValueError("LiteRT's tool always takes XNNPACK on the CPU; write xnnpack: 1")
        return self


Device = Annotated[HostDevice | AdbDevice, Field(discriminator="kind")]
