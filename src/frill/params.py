"""params.yaml as typed, validated data. Every error is one line: the key, its value, what is allowed, the next step.

    params = load()                   # raises ParamsError
    params.students["frill"].width    # 2.0

The word `none` in the file is None here.
"""

import re
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from frill.errors import UserError

TRAINS = "src/frill/teacher/triplet.py"  # the teacher.source that trains a teacher here
TEACHER = "teacher"
CONTROLS = ("logmel_stats", "random_weights")
RESERVED = {"size", "nfiles"}  # DVC's run-cache ignores params keys of these names (iterative/dvc#10296): a stale model, silently


class ParamsError(UserError):
    """A value in params.yaml that cannot be used; the message is one line for the user."""


def _not_reserved(value: str) -> str:
    if value in RESERVED:
        raise ValueError("DVC's run-cache ignores params keys of this name; choose another")
    return value


def _name(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9_-][a-z0-9._-]*", _not_reserved(value)):
        raise ValueError("a name is made of a-z 0-9 . _ - and does not begin with a dot")
    if value.endswith(".json"):
        raise ValueError("results are kept as NAME.json; choose a name without it")
    return value


def _word_none(value: Any) -> Any:
    if value is None:
        raise ValueError("write the word none")
    return None if value == "none" else value


def _zero_or_one(value: Any) -> Any:
    if type(value) is not int or value not in (0, 1):
        raise ValueError("must be 0 or 1")
    return value


def _zero_one_or_none(value: Any) -> Any:
    return None if value == "none" else _zero_or_one(value)


def _cores(value: Any) -> Any:
    """0c in YAML is text, 10 and 0x0c are numbers, and the one would be taken for the other."""
    if not isinstance(value, str):
        raise ValueError("must be big, little, any, or a mask in quotes, hexadecimal, such as '0c' for cores 2 and 3")
    if value not in ("big", "little", "any") and not (re.fullmatch(r"[0-9a-fA-F]{1,16}", value) and int(value, 16)):
        raise ValueError("must be big, little, any, or a hexadecimal mask such as '0c' for cores 2 and 3")
    return value


def _remote_folder(value: str) -> str:
    if not re.fullmatch(r"/[^\0\n]+", value) or {"..", "."} & set(value.split("/")) or not value.strip("/"):
        raise ValueError("must be an absolute path without . and .., such as /data/local/tmp/frill")
    return value


def _key(value: str) -> str:
    if "." in _name(value):
        raise ValueError("DVC reads a dot in this name as a step into a section; write _ or -")
    return value


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


def _texts(value: Any) -> Any:
    """One value or a list, words or numbers: CSV columns hold text."""
    values = value if isinstance(value, list) else [value]
    if any(isinstance(item, dict | list | bool) or item is None for item in values):
        raise ValueError("must be a value of the column or a list of them")
    return [str(item) for item in values]


Name = Annotated[str, AfterValidator(_name)]  # of a student
Key = Annotated[str, AfterValidator(_key)]  # of a set or device, which DVC tracks as audio.folder.KEY
Column = Annotated[str, AfterValidator(_not_reserved)]  # of a CSV, as a key
Count = Annotated[int, Field(ge=1, strict=True)]
Real = Annotated[float, BeforeValidator(_no_boolean), Field(allow_inf_nan=False)]
Positive = Annotated[Real, Field(gt=0)]
Share = Annotated[Real, Field(ge=0, lt=1)]
Texts = Annotated[list[str], BeforeValidator(_texts), Field(min_length=1)]
NoneOrCount = Annotated[Count | None, BeforeValidator(_word_none)]
NoneOrPositive = Annotated[Positive | None, BeforeValidator(_word_none)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Use = Literal["corpus", "task"]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _pattern(value: str) -> str:
    """Names of archives within a folder: {000..123} and {a,b} stand for several, as do * ? [abc]."""
    if Path(value).is_absolute() or ".." in Path(value).parts:
        raise ValueError("must be within the folder; give a pattern without a leading / and without ..")
    if value.count("{") != value.count("}"):
        raise ValueError("has a brace without its partner; write {000..123} or {a,b}")
    return value


def _clip_pattern(value: str) -> str:
    allowed = ("ytid", "start", "end", "start_s", "end_s", "start_ms", "end_ms")
    try:
        fields = [field for _, field, format_spec, conversion in Formatter().parse(_pattern(value)) if field is not None]
    except ValueError:
        raise ValueError("braces do not match; write a pattern as {ytid}_{start_ms}_{end_ms}.wav") from None
    if "ytid" not in fields or not set(fields) <= set(allowed) or re.search(r"[!:][^{}]*}", value):
        raise ValueError(f"must have {{ytid}}, and may have {', '.join('{' + name + '}' for name in allowed[1:])}, nothing else in braces")
    return value


Pattern = Annotated[str, AfterValidator(_pattern)]
Patterns = Pattern | dict[Literal["train", "validation", "test"], Pattern]
ClipPatterns = Annotated[list[Annotated[str, AfterValidator(_clip_pattern)]], BeforeValidator(_texts), Field(min_length=1)]


class EspeakSet(Section):
    """A synthetic set: `hours` for distillation audio, `clips` for a task."""

    use: Use
    set: str
    hours: Positive | None = None
    clips: Count | None = None


class Columns(Section):
    """Names of the CSV's columns. Only those named are read."""

    file: str
    label: str | None = None
    speaker: str | None = None
    split: str | None = None
    fold: str | None = None
    start_s: str | None = None
    duration_s: str | None = None
    sha256: str | None = None
    licence: str | None = None


class RecordedSet(Section):
    """What all sets of recordings have. A clip whose label is not among `labels` (any, where none are given) is rejected."""

    use: Use
    licence: str = "unknown"  # of clips that name none themselves
    labels: Texts | None = None


class FolderSet(RecordedSet):
    """A folder of audio and the CSV that lists it. `where` keeps the rows whose columns hold one of the values given."""

    folder: str
    csv: str
    columns: Columns
    splits: dict[Literal["train", "validation", "test"], Texts] = {}
    where: dict[Column, Texts] = {}

    @model_validator(mode="after")
    def _task_has_labels(self):
        if self.use == "task":
            if self.columns.label is None:
                raise ValueError("a task needs columns.label: the CSV column that holds the class")
            if (self.columns.split is None) == (self.columns.fold is None):
                raise ValueError("a task needs either columns.split or columns.fold: the CSV column that says which clips are for testing")
        return self


class AudiosetSet(Section):
    """Clips of AudioSet that someone has downloaded: an official segments CSV, the labels' names, a folder.

    `ontology` is ontology.json or class_labels_indices.csv; `labels` are names or MIDs of it, clips with one of them are taken; with `children`,
    of those below them in ontology.json too. The first of `pattern` that exists is a clip's file: {ytid}, seconds as in the CSV {start_s} {end_s}
    (30.000), whole seconds {start} {end}, milliseconds {start_ms} {end_ms}.
    """

    use: Literal["corpus"]
    folder: str
    csv: str
    ontology: str
    labels: Texts | None = None
    children: Annotated[int, BeforeValidator(_zero_or_one)] = 0
    pattern: ClipPatterns = ["{ytid}.wav"]
    missing_limit: Annotated[Real, Field(ge=0, le=1)] = 0.5  # share of the listed clips that nobody can download any more
    licence: str = "unknown"


class TfrecordFields(Section):
    """Names of the features of a tf.Example. Only those named are read."""

    audio: str = "audio"
    sample_rate: str | None = None
    label: str | None = None
    speaker: str | None = None
    split: str | None = None
    fold: str | None = None
    licence: str | None = None


class WebdatasetFields(Section):
    """Where a sample's values stand: in a member's text, by its extension (cls, txt), or in its JSON (json.speaker)."""

    label: str | None = None
    speaker: str | None = None
    split: str | None = None
    fold: str | None = None
    licence: str | None = None


class ArchivedSet(RecordedSet):
    """Archives in a folder: `shards` is a pattern of their names, or one for each split."""

    folder: str
    shards: Patterns
    splits: dict[Literal["train", "validation", "test"], Texts] = {}

    @model_validator(mode="after")
    def _task_has_labels(self):
        if isinstance(self.shards, dict) and (self.fields.split or self.fields.fold):
            raise ValueError("the splits are named twice, by `shards` and by fields; keep one")
        if self.use == "task":
            if self.fields.label is None:
                raise ValueError("a task needs fields.label: where the class stands")
            if not isinstance(self.shards, dict) and (self.fields.split is None) == (self.fields.fold is None):
                raise ValueError("a task needs either fields.split or fields.fold, or a pattern of `shards` for each split")
        return self


class TfrecordSet(ArchivedSet):
    """TFRecord files of tf.Example. Audio in a bytes feature is a file's content, or raw mono int16 little-endian; floats or integers are samples."""

    fields: TfrecordFields = TfrecordFields()
    audio_bytes: Literal["file", "int16"] = "file"
    rate_hz: Count | None = None  # of records without the feature fields.sample_rate
    full_scale: Positive = 1.0  # the float sample that is the loudest possible


class WebdatasetSet(ArchivedSet):
    """Tar archives (plain, gzip, bzip2 or xz) of WebDataset samples: members that share the name up to the first dot."""

    fields: WebdatasetFields = WebdatasetFields()
    audio: Texts = ["wav", "flac", "mp3", "ogg", "opus", "m4a", "aac", "webm"]  # extensions that hold a sample's audio, the first found counts


class Audio(Section):
    rejected_limit: Share
    leakage_limit: Share
    silent_dbfs: Annotated[Real, Field(le=0)]
    espeak: dict[Key, EspeakSet]
    folder: dict[Key, FolderSet]
    audioset: dict[Key, AudiosetSet]
    tfrecord: dict[Key, TfrecordSet]
    webdataset: dict[Key, WebdatasetSet]

    @model_validator(mode="after")
    def _names(self):
        names = [name for sets in self._sources() for name in sets]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"the name {min(twice)} is used twice; rename one")
        for use in ("corpus", "task"):
            if not self.named(use):
                raise ValueError(f"no set has use: {use}; add one")
        return self

    def named(self, use: Use) -> list[str]:
        return [name for sets in self._sources() for name, spec in sets.items() if spec.use == use]

    def _sources(self) -> list[dict[str, Any]]:
        return [value for key in type(self).model_fields if isinstance(value := getattr(self, key), dict)]


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
    qat: Annotated[int, BeforeValidator(_zero_or_one)]
    precision: Literal["float32", "float16", "dynamic", "int8"]
    seeds: Count


class Convert(Section):
    min_cosine: Annotated[Real, Field(ge=0, le=1)]
    min_cosine_quantised: Annotated[Real, Field(ge=0, le=1)]
    min_cosine_int8: Annotated[Real, Field(ge=0, le=1)]


class HostDevice(Section):
    """This machine's CPU."""

    kind: Literal["host"]
    threads: Count
    rounds: Annotated[int, Field(ge=3)]
    round_ms: Positive


class AdbDevice(Section):
    """A phone over adb; docs/pixel.md says how each setting was chosen. What has a default can be left out."""

    kind: Literal["adb"]
    serial: Annotated[str | None, BeforeValidator(_word_none)]  # as `adb devices` lists it, or host:port; none: the only phone attached
    tool: str  # path or URL of a benchmark_model for the phone
    tool_sha256: Sha256
    tool_kind: Literal["tflite", "litert"] = "tflite"
    threads: Count = 1
    cores: Annotated[str, BeforeValidator(_cores)] = "big"
    xnnpack: Annotated[int | None, BeforeValidator(_zero_one_or_none)] = 1  # none: of a build without it, which knows no such flag
    folder: Annotated[str, AfterValidator(_remote_folder)] = "/data/local/tmp/frill"
    processes: Annotated[int, Field(ge=3, strict=True)] = 7  # of the model, each paired with one of the control
    runs: Count = 50  # invocations a process, at least
    min_s: Positive = 1.0  # and seconds, at least
    warm_up_s: Positive = 0.5  # before those
    discards: Annotated[int, Field(ge=0, strict=True)] = 7  # pairs that may be thrown away and repeated
    max_battery_c: NoneOrPositive = 35.0
    max_thermal_status: Annotated[int, Field(ge=0, le=6, strict=True)] = 0
    cool_down_s: Positive = 900.0  # waited for those two, at most
    timeout_s: Annotated[Real, Field(ge=1)] = 120.0  # of one process
    min_cosine: Annotated[Annotated[Real, Field(ge=-1, le=1)] | None, BeforeValidator(_word_none)] = 0.99  # of the phone's output with the host's

    @model_validator(mode="after")
    def _tool_can(self):
        if self.tool_kind == "litert" and self.min_cosine is not None:
            raise ValueError("LiteRT's tool cannot check a model's output; take TFLite's, or write min_cosine: none")
        if self.tool_kind == "litert" and self.xnnpack == 0:
            raise ValueError("LiteRT's tool always takes XNNPACK on the CPU; write xnnpack: 1")
        return self


Device = Annotated[HostDevice | AdbDevice, Field(discriminator="kind")]


class Noss(Section):
    protocol: Annotated[list[Literal["fast", "frill"]], Field(min_length=1)]
    forests: Annotated[int, BeforeValidator(_zero_or_one)]
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


class Tracking(Section):
    uri: str


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
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)
    except FileNotFoundError:
        raise ParamsError(f"{path}: not found; run this in the project's folder") from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        text = " ".join(str(error).split())
        raise ParamsError(f"{path}: not valid YAML: {text}; correct it there") from None
    if not isinstance(data, dict):
        raise ParamsError(f"{path}: holds no keys; `git checkout {path}` restores the default")
    return data


class _UniqueKeys(yaml.SafeLoader):
    """A student named twice would silently lose its first line; so would a lazily pasted section."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        for key in keys:
            if keys.count(key) > 1:
                raise ValueError(f"the key {key} stands twice, line {node.start_mark.line + 1} and after")
        return super().construct_mapping(node, deep)


def validate(data: dict, file: str = "params.yaml") -> Params:
    """The typed view of an already parsed params.yaml. Raises ParamsError that names every wrong value, one a line."""
    try:
        return Params.model_validate(data)
    except ValidationError as error:
        lines = [_sentence(item, file) for item in error.errors(include_url=False)]
        raise ParamsError("\n".join(dict.fromkeys(lines))) from None


def validate_student(axes: dict, where: str) -> Student:
    """One student's line; `where` it stands is for the message. Raises ParamsError."""
    try:
        return Student.model_validate(axes)
    except ValidationError as error:
        raise ParamsError("\n".join(_sentence(item, where) for item in error.errors(include_url=False))) from None


def _sentence(error: dict, file: str) -> str:
    path = [
        part for i, part in enumerate(error["loc"]) if not (i == 2 and error["loc"][0] == "devices" and part in ("host", "adb"))
    ]  # the union's own
    where = ".".join(str(part) for part in path if part != "[key]" and not str(part).startswith("function-"))
    message, value = error["msg"].removeprefix("Value error, "), error["input"]
    match error["type"]:
        case "extra_forbidden":
            return f"{file}: {where}: unknown key; remove it or correct its spelling"
        case "missing":
            return f"{file}: {where}: missing; add it (the default is in git: `git show HEAD:params.yaml`)"
        case "union_tag_invalid":
            return (
                f"{file}: {where}.kind = {error['ctx']['tag']!r}: must be {error['ctx']['expected_tags'].replace(', ', ' or ')}; correct it in {file}"
            )
        case "union_tag_not_found":
            return f"{file}: {where}.kind: missing; write kind: host or kind: adb"
        case "string_pattern_mismatch" if where.endswith("sha256"):
            return f"{file}: {where} = {value!r}: must be 64 hexadecimal digits in small letters; `sha256sum FILE` prints them"
    next_step = "" if ";" in message else f"; correct it in {file}"
    if isinstance(value, dict | list | BaseModel):  # a rule about the whole section; its value would fill the screen
        return f"{file}: {where + ': ' if where else ''}{_lower_first(message)}{next_step}"
    return f"{file}: {where} = {value!r}: {_lower_first(message)}{next_step}"


def _lower_first(text: str) -> str:
    """A sentence as the part of one; names such as DVC and LiteRT keep their capitals."""
    named = any(letter.isupper() for letter in text.partition(" ")[0][1:])
    return text if named else text[0].lower() + text[1:]
