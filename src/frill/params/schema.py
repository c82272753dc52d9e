"""The types of params.yaml. frill.params.load reads it."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from frill.params.audio import Audio
from frill.params.devices import Device
from frill.params.sweep import Sweep
from frill.params.values import (
    Count,
    Key,
    Name,
    NoneOrCount,
    NoneOrPositive,
    Positive,
    Real,
    Section,
    Share,
    zero_or_one,
)

TRAINS = "triplet"  # the teacher.source that trains a teacher here, with the triplet loss
TEACHER = "teacher"
CONTROLS = ("logmel_stats", "random_weights")


class TeacherTraining(Section):
    steps: Count
    batch_windows: Annotated[int, Field(ge=8, multiple_of=2)]
    learning_rate: Positive
    margin: Positive
    positive_hops: Count


class Teacher(Section):
    source: str
    output: str
    training: TeacherTraining

    @field_validator("source")
    @classmethod
    def _is_not_the_old_spelling(cls, source):
        if source == "src/frill/teacher/triplet.py":
            raise ValueError(f"is spelt {TRAINS} now; write that")
        return source


class Targets(Section):
    windows_per_clip: Count
    augmented_copies: Annotated[int, Field(ge=0, strict=True)]
    validation_share: Annotated[Real, Field(gt=0, lt=1)]
    projection: NoneOrCount


class Distill(Section):
    bottleneck: Count
    steps: Count
    batch_windows: Annotated[int, Field(ge=2)]
    learning_rate: Positive
    schedule: Literal["cosine", "constant"]
    batch_norm_momentum: Annotated[Real, Field(gt=0, lt=1)]
    balance: Annotated[Real, Field(ge=0, le=1)]
    ship_from: Share
    checkpoint_steps: Count
    validate_steps: Count
    patience: NoneOrCount


class Student(Section):
    backbone: Literal["tiny", "small", "large"]
    width: Annotated[Real, Field(ge=0.1, le=4, allow_inf_nan=False)]
    pooling: Literal["gap", "flatten"]
    rank: NoneOrCount
    qat: Annotated[int, BeforeValidator(zero_or_one)]
    precision: Literal["float32", "float16", "dynamic", "int8"]
    seeds: Count

    @property
    def files(self) -> int:
        """Return how many .tflite files are scored: a seed's each, float32 beside quantised."""
        quantised = self.qat or self.precision != "float32"
        return self.seeds + (1 if quantised else 0)


class Convert(Section):
    min_cosine: Annotated[Real, Field(ge=0, le=1)]
    min_cosine_quantised: Annotated[Real, Field(ge=0, le=1)]
    min_cosine_int8: Annotated[Real, Field(ge=0, le=1)]


class Noss(Section):
    protocol: Annotated[list[Literal["fast", "frill"]], Field(min_length=1)]
    forests: Annotated[int, BeforeValidator(zero_or_one)]
    probes: Annotated[list[Literal["ridge", "lda"]], Field(min_length=1)]
    pooling: Literal["mean", "max", "mean+max"]
    validation_share: Annotated[Real, Field(gt=0, lt=1)]

    @field_validator("probes", "protocol")
    @classmethod
    def _once(cls, names):
        if len(set(names)) < len(names):
            raise ValueError("names one twice")
        return names


class Baseline(Section):
    """Another model that is scored beside the students; noss/baselines.py says what each kind takes."""

    kind: Literal["saved_model", "tflite", "python"]
    source: str
    output: str | None = None

    @model_validator(mode="after")
    def _has_output(self):
        if self.kind != "tflite" and not self.output:
            raise ValueError(
                f"a baseline of kind {self.kind} needs output: the {'function' if self.kind == 'python' else 'key of the output'}"
            )
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
    seed: Annotated[int, Field(ge=0, strict=True)]
    threads: Count
    audio: Audio
    teacher: Teacher
    targets: Targets
    distill: Distill
    students: Annotated[dict[Name, Student], Field(min_length=1)]
    convert: Convert
    devices: Annotated[dict[Key, Device], Field(min_length=1)]
    noss: Noss
    baselines: dict[Key, Baseline]
    selection: Selection
    tracking: Tracking
    sweep: Sweep = Sweep()

    @model_validator(mode="after")
    def _references(self):
        if self.selection.device not in self.devices:
            raise ValueError(
                f"selection.device = {self.selection.device!r} is not one of devices: {', '.join(self.devices)}"
            )
        if taken := self.students.keys() & {TEACHER, *CONTROLS}:
            raise ValueError(
                f"students.{min(taken)}: the name is the teacher's or a control's; rename the student"
            )
        if taken := self.baselines.keys() & {TEACHER, *CONTROLS, *self.students}:
            raise ValueError(
                f"baselines.{min(taken)}: the name is a student's, the teacher's or a control's; rename the baseline"
            )
        return self

    @property
    def references(self) -> list[str]:
        """The models that students are compared with: the teacher, the controls, the baselines."""
        return [TEACHER, *CONTROLS, *self.baselines]

    @property
    def tasks(self) -> list[str]:
        return self.audio.named("task")

    @property
    def synthetic(self) -> bool:
        """Whether any audio is the synthesiser's: numbers from it are labelled so wherever they are shown."""
        return bool(self.audio.espeak)
