"""Devices that models are timed on: the section `devices` of params.yaml."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from frill.params.values import (
    Count,
    NoneOrPositive,
    Positive,
    Real,
    Section,
    Sha256,
    word_none,
    zero_or_one,
)


def _zero_one_or_none(value: Any) -> Any:
    return None if value == "none" else zero_or_one(value)


def _cores(value: Any) -> Any:
    """0c in YAML is text, 10 and 0x0c are numbers, and the one would be taken for the other."""
    if not isinstance(value, str):
        raise ValueError(
            "must be big, little, any, or a mask in quotes, hexadecimal, such as '0c' for cores 2 and 3"
        )
    if value not in ("big", "little", "any") and not (
        re.fullmatch(r"[0-9a-fA-F]{1,16}", value) and int(value, 16)
    ):
        raise ValueError(
            "must be big, little, any, or a hexadecimal mask such as '0c' for cores 2 and 3"
        )
    return value


def _remote_folder(value: str) -> str:
    if (
        not re.fullmatch(r"/[^\0\n]+", value)
        or {"..", "."} & set(value.split("/"))
        or not value.strip("/")
    ):
        raise ValueError("must be an absolute path without . and .., such as /data/local/tmp/frill")
    return value


class HostDevice(Section):
    """This machine's CPU."""

    kind: Literal["host"]
    threads: Count
    rounds: Annotated[int, Field(ge=3)]
    round_ms: Positive

    @property
    def measures_s(self) -> float:
        """Return how long a model is timed, by the settings alone."""
        return self.rounds * self.round_ms / 1000


class AdbDevice(Section):
    """A phone over adb; docs/pixel.md says how each setting was chosen. What has a default can be left out."""

    kind: Literal["adb"]
    serial: Annotated[
        str | None, BeforeValidator(word_none)
    ]  # as `adb devices` lists it, or host:port; none: the only phone attached
    tool: str  # path or URL of a benchmark_model for the phone
    tool_sha256: Sha256
    tool_kind: Literal["tflite", "litert"] = "tflite"
    threads: Count = 1
    cores: Annotated[str, BeforeValidator(_cores)] = "big"
    xnnpack: Annotated[int | None, BeforeValidator(_zero_one_or_none)] = (
        1  # none: of a build without it, which knows no such flag
    )
    folder: Annotated[str, AfterValidator(_remote_folder)] = "/data/local/tmp/frill"
    processes: Annotated[int, Field(ge=3, strict=True)] = (
        7  # of the model, each paired with one of the control
    )
    runs: Count = 50  # invocations a process, at least
    min_s: Positive = 1.0  # and seconds, at least
    warm_up_s: Positive = 0.5  # before those
    discards: Annotated[int, Field(ge=0, strict=True)] = (
        7  # pairs that may be thrown away and repeated
    )
    max_battery_c: NoneOrPositive = 35.0
    max_thermal_status: Annotated[int, Field(ge=0, le=6, strict=True)] = 0
    cool_down_s: Positive = 900.0  # waited for those two, at most
    timeout_s: Annotated[Real, Field(ge=1)] = 120.0  # of one process
    min_cosine: Annotated[
        Annotated[Real, Field(ge=-1, le=1)] | None, BeforeValidator(word_none)
    ] = 0.99  # of the phone's output with the host's

    @property
    def measures_s(self) -> float:
        """Return how long a model is timed at least, by the settings alone."""
        return self.processes * (self.warm_up_s + self.min_s)

    @model_validator(mode="after")
    def _tool_can(self):
        if self.tool_kind == "litert" and self.min_cosine is not None:
            raise ValueError(
                "LiteRT's tool cannot check a model's output; take TFLite's, or write min_cosine: none"
            )
        if self.tool_kind == "litert" and self.xnnpack == 0:
            raise ValueError("LiteRT's tool always takes XNNPACK on the CPU; write xnnpack: 1")
        return self


Device = Annotated[HostDevice | AdbDevice, Field(discriminator="kind")]
