"""The types of params.yaml. frill.params.load reads it."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from frill.params.audio import Audio
from frill.params.devices import Device
from frill.params.sweep import Sweep
from frill.params.values import (
    Count,
    CountOrZero,
    Fraction,
    Key,
    Name,
    NoneOrCount,
    NoneOrPositive,
    OpenFraction,
    PathText,
    Positive,
    Real,
    Section,
    Share,
    Threads,
    ZeroOrOne,
)

TRAINS = "triplet"  # the teacher.source that trains a teacher here, with the triplet loss
TEACHER = "teacher"
CONTROLS = ("logmel_stats", "random_weights")
# What is timed alone: an app computes log-mel too. It is no model, and not scored.
FRONTEND = "frontend"

MOST_WINDOWS = 1 << 16  # of a batch: 1.6 GB of log-mel
MOST_VALUES = 1 << 16  # of an embedding: a dense bottleneck of small 1.0 has 151 MB then


class TeacherTraining(Section):
    steps: Count
    batch_windows: Annotated[int, Field(ge=8, multiple_of=2, le=MOST_WINDOWS)]
    learning_rate: Positive
    margin: Positive
    positive_hops: Count
    label_weight: Annotated[Real, Field(ge=0, le=1e9)]


class Teacher(Section):
    source: PathText
    output: str
    training: TeacherTraining


class Targets(Section):
    windows_per_clip: Count
    augmented_copies: CountOrZero
    validation_share: OpenFraction
    projection: NoneOrCount


class Distill(Section):
    bottleneck: Annotated[int, Field(ge=1, le=MOST_VALUES, strict=True)]
    steps: Count
    batch_windows: Annotated[int, Field(ge=2, le=MOST_WINDOWS)]
    learning_rate: Positive
    schedule: Literal["cosine", "constant"]
    batch_norm_momentum: OpenFraction
    balance: Fraction
    ship_from: Share
    checkpoint_steps: Count
    validate_steps: Count
    patience: NoneOrCount
    replicas: Count = 1


BACKBONE_AXES = ("backbone", "width", "pooling")


class Student(Section):
    """A student's axes. What is left out is as in a plain student."""

    backbone: Literal["tiny", "small", "large"]
    width: Annotated[Real, Field(ge=0.1, le=4)]
    pooling: Literal["gap", "flatten"] = "gap"
    rank: NoneOrCount = None
    qat: ZeroOrOne = 0
    precision: Literal["float32", "float16", "dynamic", "int8"] = "float32"
    seeds: Count = 1

    @model_validator(mode="after")
    def _check_precision(self):
        """Refuse what the converter ignores: beside fake quantisation it rounds no other weight."""
        if self.qat and self.precision in ("float16", "dynamic"):
            raise ValueError(
                f"qat: 1 with precision: {self.precision} gives the file of float32; write "
                "float32 (the bottleneck is int8, the rest float32) or int8 (all of it)"
            )
        return self

    def begins(self, other: "Student") -> bool:
        """Tell whether `other` can go on from this one's dense steps (students/checkpoint.py)."""
        alike = all(getattr(self, axis) == getattr(other, axis) for axis in BACKBONE_AXES)
        return alike and bool(other.rank or other.qat)

    @property
    def files(self) -> int:
        """Return how many .tflite files are scored: one a seed, and float32 beside quantised."""
        quantised = self.qat or self.precision != "float32"
        return self.seeds + quantised


class Convert(Section):
    min_cosine: Fraction
    min_cosine_quantised: Fraction
    min_cosine_int8: Fraction


class Noss(Section):
    protocol: Annotated[list[Literal["fast", "model_card"]], Field(min_length=1)]
    forests: ZeroOrOne
    probes: Annotated[list[Literal["ridge", "lda"]], Field(min_length=1)]
    pooling: Literal["mean", "max", "mean+max"]
    validation_share: OpenFraction

    @field_validator("probes", "protocol")
    @classmethod
    def _refuse_repeated(cls, names):
        if len(set(names)) < len(names):
            raise ValueError("names one twice")
        return names


class Baseline(Section):
    """Another model that is scored beside the students; noss/baselines.py has the kinds."""

    kind: Literal["saved_model", "tflite", "python"]
    source: PathText
    output: str | None = None

    @model_validator(mode="after")
    def _check_output(self):
        if self.kind != "tflite" and not self.output:
            what = "function" if self.kind == "python" else "key of the output"
            raise ValueError(f"a baseline of kind {self.kind} needs output: the {what}")
        return self


class Selection(Section):
    device: str
    latency_ms: NoneOrPositive
    file_bytes: NoneOrCount
    memory_mib: NoneOrPositive = None


class Tracking(Section):
    uri: str
    experiment: Name


class Params(Section):
    seed: CountOrZero
    threads: Threads
    onednn: ZeroOrOne
    audio: Audio
    teacher: Teacher
    targets: Targets
    distill: Distill
    students: Annotated[dict[Key, Student], Field(min_length=1)]
    convert: Convert
    devices: Annotated[dict[Key, Device], Field(min_length=1)]
    noss: Noss
    baselines: dict[Key, Baseline]
    selection: Selection
    tracking: Tracking
    sweep: Sweep = Sweep()

    @model_validator(mode="after")
    def _check_names(self):
        if self.selection.device not in self.devices:
            devices = ", ".join(self.devices)
            raise ValueError(
                f"selection.device = {self.selection.device!r} is not one of devices: {devices}"
            )
        reserved = {TEACHER, FRONTEND, *CONTROLS}
        if taken := self.students.keys() & reserved:
            raise ValueError(
                f"students.{min(taken)}: the name is the teacher's or a control's; "
                "rename the student"
            )
        gpus = self.sweep.resources.distill.gpus
        if 0 < gpus < self.distill.replicas:
            raise ValueError(
                f"sweep.resources.distill.gpus = {gpus} is fewer than distill.replicas = "
                f"{self.distill.replicas}; write {self.distill.replicas}"
            )
        if taken := self.baselines.keys() & {*reserved, *self.students}:
            raise ValueError(
                f"baselines.{min(taken)}: the name is a student's, the teacher's or a control's; "
                "rename the baseline"
            )
        return self

    @property
    def references(self) -> list[str]:
        """Return what students are compared with: the teacher, the controls, the baselines."""
        return [TEACHER, *CONTROLS, *self.baselines]

    @property
    def tasks(self) -> list[str]:
        return self.audio.list_sets("task")

    @property
    def synthetic(self) -> bool:
        """Tell whether any audio is the synthesiser's: its numbers are labelled so everywhere."""
        return bool(self.audio.espeak)
