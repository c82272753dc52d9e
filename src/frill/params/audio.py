"""Sets of audio: the section `audio` of params.yaml, one class for each kind of source."""

import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from frill.params.values import (
    Column,
    Count,
    CountOrZero,
    Fraction,
    Key,
    PathText,
    Positive,
    Real,
    Section,
    Share,
    Split,
    Texts,
    Use,
    ZeroOrOne,
    read_none,
    read_texts,
)

UNKNOWN = "unknown"  # licence


def _check_inside(value: str) -> str:
    if Path(value).is_absolute() or ".." in Path(value).parts:
        raise ValueError(
            "must be within the folder; give a pattern without a leading / and without .."
        )
    return value


def _check_braces(value: str) -> str:
    """Refuse half of a pair: {000..123}, {a,b} and * ? [abc] stand for several."""
    if value.count("{") != value.count("}"):
        raise ValueError("has a brace without its partner; write {000..123} or {a,b}")
    return value


def _check_fields(value: str) -> str:
    try:
        parts = list(Formatter().parse(value))
    except ValueError:
        raise ValueError(
            "braces do not match; write a pattern as {ytid}_{start_ms}_{end_ms}.wav"
        ) from None
    fields = {field for _, field, _, _ in parts} - {None}
    optional = ("start", "end", "start_s", "end_s", "start_ms", "end_ms")
    is_formatted = re.search(r"[!:][^{}]*}", value)
    if "ytid" not in fields or not fields <= {"ytid", *optional} or is_formatted:
        others = ", ".join(f"{{{name}}}" for name in optional)
        raise ValueError(f"must have {{ytid}}, and may have {others}, nothing else in braces")
    return value


def _check_splits(splits: dict[str, list[str]]) -> dict[str, list[str]]:
    """Refuse a value that stands for two splits."""
    names: dict[str, str] = {}
    for split, values in splits.items():
        for value in values:
            if value in names:
                raise ValueError(
                    f"{value!r} stands under {names[value]} and {split}; keep it under one"
                )
            names[value] = split
    return splits


Splits = Annotated[dict[Split, Texts], AfterValidator(_check_splits)]
NoneOrFolder = Annotated[Annotated[str, Field(min_length=1)] | None, BeforeValidator(read_none)]
Pattern = Annotated[str, AfterValidator(_check_inside), AfterValidator(_check_braces)]
ClipPattern = Annotated[str, AfterValidator(_check_inside), AfterValidator(_check_fields)]
ClipPatterns = Annotated[list[ClipPattern], BeforeValidator(read_texts), Field(min_length=1)]


class EspeakSet(Section):
    """A synthetic set: `hours` for distillation audio, `clips` for a task."""

    use: Use
    set: str
    hours: Positive | None = None
    clips: Count | None = None


class Fields(Section):
    """Where a clip's values stand.

    In WebDataset it is a member's extension (cls, txt), for its text, or a key of its JSON
    (json.speaker).
    """

    label: str | None = None
    speaker: str | None = None
    language: str | None = None
    split: str | None = None
    fold: str | None = None
    licence: str | None = None


class Columns(Fields):
    """Names of the CSV's columns. Only those named are read."""

    file: str
    start_s: str | None = None
    duration_s: str | None = None


class RecordedSet(Section):
    """What all sets of recordings have.

    A clip whose label is not among `labels` is rejected; without `labels` any is taken.
    """

    use: Use
    licence: str = UNKNOWN  # of clips that name none themselves
    labels: Texts | None = None

    def _check_task(self, key: str, roles: Fields, others: str, has_split: bool = False):
        """Refuse a task whose `roles`, which stand under `key`, name no class or no split."""
        if self.use == "task":
            if roles.label is None:
                raise ValueError(f"a task needs {key}.label: where the class stands")
            if not has_split and (roles.split is None) == (roles.fold is None):
                raise ValueError(f"a task needs either {key}.split or {key}.fold{others}")
        return self


class FolderSet(RecordedSet):
    """A folder of audio and the CSV that lists it.

    `where` keeps the rows whose columns hold one of the values given.
    """

    folder: PathText
    csv: PathText
    columns: Columns
    splits: Splits = {}
    where: dict[Column, Texts] = {}

    @model_validator(mode="after")
    def _check_columns(self):
        others = ": the CSV column that says which clips are for testing"
        return self._check_task("columns", self.columns, others)


class FilesSet(RecordedSet):
    """Every audio file below a folder. `levels` say what the sub-folders from there on name."""

    folder: PathText
    levels: list[Literal["label", "speaker"]] = []
    split: Literal["auto"] = "auto"
    split_seed: CountOrZero = 17

    @model_validator(mode="before")
    @classmethod
    def _label_a_task(cls, data: Any):
        """Take a task's first level for the label where none are named."""
        if isinstance(data, dict) and data.get("use") == "task" and "levels" not in data:
            return data | {"levels": ["label"]}
        return data

    @model_validator(mode="after")
    def _check_levels(self):
        if len(set(self.levels)) < len(self.levels):
            raise ValueError("levels names one twice")
        if self.use == "task" and "label" not in self.levels:
            raise ValueError("a task needs label among its levels: the sub-folder of the class")
        return self


class AudiosetSet(Section):
    """Clips of AudioSet that someone has downloaded: an official segments CSV and a folder.

    `ontology` is ontology.json or class_labels_indices.csv. `labels` are names or MIDs of it: clips
    with one of them are taken; with `children`, of those below them in ontology.json too. A clip's
    file is the first of `pattern` that exists. It holds {ytid} and seconds as in the CSV, {start_s}
    {end_s} (30.000), whole seconds, {start} {end}, or milliseconds, {start_ms} {end_ms}.
    """

    use: Literal["corpus"]
    folder: PathText
    csv: PathText
    ontology: PathText
    labels: Texts | None = None
    children: ZeroOrOne = 0
    pattern: ClipPatterns = ["{ytid}.wav"]
    missing_limit: Fraction = 0.5  # of the listed clips that nobody can download any more
    licence: str = UNKNOWN


class TfrecordFields(Fields):
    """Names of the features of a tf.Example. Only those named are read."""

    audio: str = "audio"
    sample_rate: str | None = None


class ArchivedSet(RecordedSet):
    """Archives in a folder: `shards` is a pattern of their names, or one for each split."""

    folder: PathText
    shards: Pattern | dict[Split, Pattern]
    splits: Splits = {}

    @model_validator(mode="after")
    def _check_fields(self):
        per_split = isinstance(self.shards, dict)
        if per_split and (self.fields.split or self.fields.fold):
            raise ValueError("the splits are named twice, by `shards` and by fields; keep one")
        others = ", or a pattern of `shards` for each split"
        return self._check_task("fields", self.fields, others, per_split)


class TfrecordSet(ArchivedSet):
    """TFRecord files of tf.Example.

    Audio in a bytes feature is a file's content, or raw mono int16 little-endian. Floats or
    integers are samples.
    """

    fields: TfrecordFields = TfrecordFields()
    audio_bytes: Literal["file", "int16"] = "file"
    # Of records without the feature fields.sample_rate.
    rate_hz: Annotated[int, Field(ge=1_000, le=1_000_000, strict=True)] | None = None
    full_scale: Positive = 1.0  # the float sample that is the loudest possible


class WebdatasetSet(ArchivedSet):
    """Tar archives (plain, gzip, bzip2 or xz) of WebDataset samples.

    A sample is the members that share the name up to the first dot.
    """

    fields: Fields = Fields()
    # Extensions that hold a sample's audio: the first that it has counts.
    audio: Texts = ["wav", "flac", "mp3", "ogg", "opus", "m4a", "aac", "webm"]


class TfdsSet(RecordedSet):
    """A data set of TensorFlow Datasets.

    `dataset` is the builder's name there, or one of frill's own (esc50_human, compare_mask).
    `data_dir` is where TFDS keeps what it has prepared; none: its own default, $TFDS_DATA_DIR or
    ~/tensorflow_datasets. `manual_dir` holds the files that were obtained by hand; none: they are
    downloaded. corpora/tfds/sources.py says which files of which set.
    """

    dataset: Literal[
        "voxceleb",
        "voxforge",
        "speech_commands",
        "crema_d",
        "savee",
        "esc50_human",
        "compare_mask",
        "compare_mask/devel_as_test",
    ]
    data_dir: NoneOrFolder = None
    manual_dir: NoneOrFolder = None


class Audio(Section):
    rejected_limit: Share
    leakage_limit: Share
    silent_dbfs: Annotated[Real, Field(le=0)]
    espeak: dict[Key, EspeakSet]
    folder: dict[Key, FolderSet]
    files: dict[Key, FilesSet]
    audioset: dict[Key, AudiosetSet]
    tfrecord: dict[Key, TfrecordSet]
    webdataset: dict[Key, WebdatasetSet]
    tfds: dict[Key, TfdsSet]

    @model_validator(mode="after")
    def _check_names(self):
        names = [name for _, name, _ in self.walk_sets()]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"the name {min(twice)} is used twice; rename one")
        for use in ("corpus", "task"):
            if not self.list_sets(use):
                raise ValueError(f"no set has use: {use}; add one")
        return self

    def list_sets(self, use: Use) -> list[str]:
        return [name for _, name, spec in self.walk_sets() if spec.use == use]

    def walk_sets(self) -> Iterator[tuple[str, str, Any]]:
        """Yield the kind (its section's key), the name and the settings of each set."""
        for kind in type(self).model_fields:
            sets = getattr(self, kind)
            if isinstance(sets, dict):
                for name, spec in sets.items():
                    yield kind, name, spec
