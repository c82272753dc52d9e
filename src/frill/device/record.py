"""One measurement as a file of its own, for somebody who has neither the device nor the project.

docs/record.schema.json is the JSON schema of these types. Milliseconds are of one invocation,
memory is in MiB, intervals are of 95 %.
"""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from frill.device.errors import DeviceError
from frill.device.intervals import estimate_median_interval
from frill.device.phone.tools.benchmark_model import Delegation
from frill.scratch import content_hash

SCHEMA = "frill-benchmark/1"
# Of settings: what names a place or a file of this machine, and what changes no number.
_PRIVATE = {"kind", "serial", "tool", "run_model", "libraries", "folder"}

# A time, or a ratio of two, that is compared: from somebody else's file, too.
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Interval = Annotated[list[float], Field(min_length=2, max_length=2)]
Pairs = Annotated[list[Positive], Field(min_length=1)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelFile(Part):
    file: str
    file_bytes: int
    sha256: str


class Runtime(Part):
    name: str  # with its version and kernels
    accelerator: str  # cpu, gpu, npu; in a browser wasm, webgpu and so on
    threads: int
    binaries: dict[str, str]  # sha256 of what was run, by name


class Protocol(Part):
    unit: Literal[
        "process", "round"
    ]  # what a pair is made of: one of the model, one of the control
    pairs: int
    runs: int  # invocations of the model that count
    statistic: Literal["median", "mean"]  # of a process or round
    settings: dict[str, str | int | float | None]
    discarded: list[str]


class Numbers(Part):
    """None is what the device or the tool does not tell."""

    latency_ms: Positive  # median over pairs
    interval_ms: Interval | None
    iqr_ms: Interval
    control_ms: Positive
    ratio: Positive  # median over pairs, to the control
    ratio_interval: Interval | None
    ratio_iqr: Interval
    pair_ms: Pairs
    control_pair_ms: Pairs
    p50_ms: float | None  # over invocations, as the next two
    p90_ms: float | None
    p95_ms: float | None
    init_ms: float | None
    first_ms: float | None
    cadence_ms: float | None  # one invocation each 170 ms
    cadence_runs: int | None
    cosine: float | None  # of the output with another machine's; None on the host itself
    added_memory_mib: float | None
    process_memory_mib: float | None
    delegation: list[Delegation] | None

    @model_validator(mode="after")
    def _check_pairs(self):
        if len(self.pair_ms) != len(self.control_pair_ms):
            raise ValueError("pair_ms and control_pair_ms must be equally long")
        return self


class Record(Part):
    schema_: Literal["frill-benchmark/1"]
    frill: str
    model: ModelFile
    control: ModelFile
    device: dict[str, str | int | list[str]]  # what it is: frill.device.identity
    runtime: Runtime
    protocol: Protocol
    numbers: Numbers
    valid: bool
    invalid_because: str

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=lambda name: name.rstrip("_")
    )


def make_record(result: dict, model: Path, control: Path, settings: dict) -> Record:
    """Return the record of a device's `result`: the keys of results/latency/*/*.json.

    `settings` are the device's, as params.yaml has them; what is this machine's alone is left out.
    """
    unit = "process" if "process_ms" in result else "round"
    pair_ms = result[f"{unit}_ms"]
    control_pair_ms = result[f"control_{unit}_ms"]
    ratios = [own / other for own, other in zip(pair_ms, control_pair_ms, strict=True)]
    over_invocations = result.get("p95_over", "invocations") == "invocations"
    numbers = {key: result.get(key) for key in Numbers.model_fields}
    numbers |= {
        "interval_ms": estimate_median_interval(pair_ms),
        "ratio_interval": estimate_median_interval(ratios),
        "pair_ms": pair_ms,
        "control_pair_ms": control_pair_ms,
        "p95_ms": result["p95_ms"] if over_invocations else None,
    }
    delegation = result.get("delegation")
    if delegation is not None:
        numbers["delegation"] = [Delegation(**each) for each in delegation]
    return Record(
        schema=SCHEMA,
        frill=version("frill"),
        model=_describe_file(model),
        control=_describe_file(control),
        device={key: value for key, value in result["identity"].items() if value is not None},
        runtime=Runtime(
            name=result["runtime"],
            accelerator=result["accelerator"],
            threads=result["threads"],
            binaries=result.get("binaries", {}),
        ),
        protocol=Protocol(
            unit=unit,
            pairs=len(pair_ms),
            runs=result["runs"],
            statistic=result.get("statistic", "median"),
            settings={key: each for key, each in settings.items() if key not in _PRIVATE},
            discarded=result.get("discarded", []),
        ),
        numbers=Numbers(**numbers),
        valid=result["valid"],
        invalid_because=result["invalid_because"],
    )


def _describe_file(path: Path) -> ModelFile:
    return ModelFile(file=path.name, file_bytes=path.stat().st_size, sha256=content_hash(path))


def write_record(record: Record, path: Path) -> None:
    path.write_text(record.model_dump_json(indent=1, by_alias=True) + "\n")


def read_record(path: Path) -> Record:
    """Return what `write_record` wrote. Raises DeviceError for another file."""
    advice = "give a file of `frill benchmark MODEL --report FILE`"
    try:
        content = json.loads(path.read_text())
        return Record.model_validate(content)
    except OSError as error:
        raise DeviceError(f"{path}: cannot be read ({error.strerror}); {advice}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise DeviceError(
            f"{path}: no record of a measurement ({where}: {first['msg'].lower()}); {advice}"
        ) from None
    except ValueError:
        raise DeviceError(f"{path}: no JSON; {advice}") from None


def make_schema() -> str:
    """Return the text of docs/record.schema.json."""
    return json.dumps(Record.model_json_schema(by_alias=True), indent=1) + "\n"
