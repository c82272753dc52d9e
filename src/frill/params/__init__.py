"""params.yaml as typed, validated data. Every error is one line: the key, its value, what is allowed, the next step.

    params = load()                   # raises ParamsError
    params.students["frill"].width    # 2.0

The word `none` in the file is None here.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator
from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.constructor import DuplicateKeyError

from frill.errors import UserError

# Others take all types from here.
from frill.params.audio import ArchivedSet, Audio, AudiosetSet, Columns, FolderSet, TfdsSet, TfrecordSet, WebdatasetSet  # noqa: F401
from frill.params.devices import AdbDevice, Device, HostDevice  # noqa: F401
from frill.params.sentences import sentence
from frill.params.sweep import Resources, Sweep  # noqa: F401
from frill.params.values import Count, Key, Name, NoneOrCount, NoneOrPositive, Positive, Real, Section, Share, zero_or_one

TRAINS = "triplet"  # the teacher.source that trains a teacher here, with the triplet loss
TEACHER = "teacher"
CONTROLS = ("logmel_stats", "random_weights")


class ParamsError(UserError):
    """A value in params.yaml that cannot be used; the message is one line for the user."""


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
            raise ValueError(f"a baseline of kind {self.kind} needs output: the {'function' if self.kind == 'python' else 'key of the output'}")
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
            raise ValueError(f"selection.device = {self.selection.device!r} is not one of devices: {', '.join(self.devices)}")
        if taken := self.students.keys() & {TEACHER, *CONTROLS}:
            raise ValueError(f"students.{min(taken)}: the name is the teacher's or a control's; rename the student")
        if taken := self.baselines.keys() & {TEACHER, *CONTROLS, *self.students}:
            raise ValueError(f"baselines.{min(taken)}: the name is a student's, the teacher's or a control's; rename the baseline")
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


def load(path: Path = Path("params.yaml")) -> Params:
    """Reads and validates params.yaml. Raises ParamsError."""
    return validate(_parse(path), path.name)


def _parse(path: Path) -> dict:
    """Read as DVC reads it, which makes arguments of stages from it: YAML 1.2, where 010 is ten and `no` a word, and no key may stand twice."""
    try:
        data = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except OSError as error:
        what = "not found" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        raise ParamsError(f"{path}: {what}; run this in the project's folder") from None
    except DuplicateKeyError as error:
        key, line = error.problem.split('"')[1], error.problem_mark.line + 1
        raise ParamsError(f"{path}: not valid YAML: the key {key} stands twice, again in line {line}; correct it there") from None
    except (YAMLError, ValueError, AssertionError, RecursionError) as error:  # UnicodeDecodeError is a ValueError; `%YAML 1.3` is asserted
        text = " ".join(str(error).split()) or type(error).__name__
        raise ParamsError(f"{path}: not valid YAML: {text}; correct it there") from None
    if not isinstance(data, dict):
        raise ParamsError(f"{path}: holds no keys; `git checkout {path}` restores the default")
    return data


def validate(data: dict, file: str = "params.yaml") -> Params:
    """The typed view of an already parsed params.yaml. Raises ParamsError that names every wrong value, one a line."""
    try:
        return Params.model_validate(data)
    except ValidationError as error:
        lines = [sentence(item, file) for item in error.errors(include_url=False)]
        raise ParamsError("\n".join(dict.fromkeys(lines))) from None


def validate_student(axes: dict, where: str) -> Student:
    """One student's line; `where` it stands is for the message. Raises ParamsError."""
    try:
        return Student.model_validate(axes)
    except ValidationError as error:
        raise ParamsError("\n".join(sentence(item, where) for item in error.errors(include_url=False))) from None
