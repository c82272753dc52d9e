"""TFLite metadata: what a file takes and gives, where Android Studio and MediaPipe look for it.

It is a flatbuffer of its own in a buffer that the model calls TFLITE_METADATA. Its schema is
metadata_schema.fbs of tflite-support, now MediaPipe's, with the file identifier M001.
tflite-support is dead (protobuf 3), and mediapipe brings OpenCV along. So the few tables needed are
written here with flatbuffers' own builder, by the schema's field numbers.
tests/release/test_tflite_metadata.py reads them back with MediaPipe's reader.
"""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

import flatbuffers
from ai_edge_litert.schema_py_generated import BufferT, MetadataT
from ai_edge_litert.tools import flatbuffer_utils

NAME = b"TFLITE_METADATA"
IDENTIFIER = b"M001"
FEATURE, AUDIO = 1, 4  # of the union ContentProperties
SCORE_THRESHOLD = 3  # of the union ProcessUnitOptions
DESCRIPTIONS, AXIS_LABELS = 1, 2  # of the enumeration AssociatedFileType
PARSER_VERSION = "1.3.0"  # of the schema: the first with AudioProperties


@dataclass(frozen=True)
class TensorInfo:
    """An input or output.

    `dimensions` names its axes. `audio_hz` is the sample rate of mono audio, None for other
    content. `limits` are (low, high). `labels_file` names the attached file with a label for each
    value of the last axis, a line each. Values below `score_threshold` are no answer.
    """

    name: str
    description: str
    dimensions: tuple[str, ...]
    audio_hz: int | None = None
    limits: tuple[float, float] | None = None
    labels_file: str | None = None
    score_threshold: float | None = None


@dataclass(frozen=True)
class ModelInfo:
    name: str
    description: str
    version: str
    licence: str
    input: TensorInfo
    outputs: tuple[TensorInfo, ...]
    files: tuple[str, ...] = ()  # attached ones that are about the whole model


def add_metadata(model: bytes, info: ModelInfo) -> bytes:
    """Return the .tflite file `model` with `info` in it.

    Its network and its other metadata stay. Equal arguments give equal bytes.
    """
    parsed = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    parsed.metadata = [entry for entry in parsed.metadata or [] if entry.name != NAME]
    entry = MetadataT()
    entry.name = NAME
    entry.buffer = len(parsed.buffers)
    buffer = BufferT()
    buffer.data = list(_pack(info))
    parsed.metadata.append(entry)
    parsed.buffers.append(buffer)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(parsed))


def attach_files(model: bytes, files: Mapping[str, bytes]) -> bytes:
    """Return `model` with a zip of `files` behind it, where readers of metadata look for them.

    It is stored without compression, as MediaPipe asks, and without times: equal files give equal
    bytes. Python's zipfile reads it from the .tflite file itself.
    """
    buffer = io.BytesIO(model)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def _pack(info: ModelInfo) -> bytes:
    b = flatbuffers.Builder(1024)
    inputs = _add_vector(b, [_add_tensor(b, info.input)])
    outputs = _add_vector(b, [_add_tensor(b, output) for output in info.outputs])
    subgraph = _add_table(b, {2: inputs, 3: outputs})
    texts = {0: info.name, 1: info.description, 2: info.version, 5: info.licence, 7: PARSER_VERSION}
    fields = _add_texts(b, texts)
    fields[3] = _add_vector(b, [subgraph])
    if info.files:
        files = [_add_file(b, name, DESCRIPTIONS) for name in info.files]
        fields[6] = _add_vector(b, files)
    model = _add_table(b, fields)
    b.Finish(model, file_identifier=IDENTIFIER)
    return bytes(b.Output())


def _add_tensor(b: flatbuffers.Builder, info: TensorInfo) -> int:
    """Add TensorMetadata.

    Its fields: name, description, dimension_names, content, process_units, stats, associated_files.
    """
    fields = _add_texts(b, {0: info.name, 1: info.description})
    fields[2] = _add_vector(b, [b.CreateString(name) for name in info.dimensions])
    if info.audio_hz:
        kind = AUDIO
        properties = _add_table(b, {}, {0: info.audio_hz, 1: 1})  # rate, channels
    else:
        kind = FEATURE
        properties = _add_table(b, {})
    fields[3] = _add_table(b, {1: properties}, bytes_={0: kind})
    if info.limits is not None:
        low, high = (_add_float(b, limit) for limit in info.limits)
        fields[5] = _add_table(b, {0: high, 1: low})
    if info.score_threshold is not None:
        options = _add_table(b, {}, floats={0: info.score_threshold})
        fields[4] = _add_vector(b, [_add_table(b, {1: options}, bytes_={0: SCORE_THRESHOLD})])
    if info.labels_file is not None:
        fields[6] = _add_vector(b, [_add_file(b, info.labels_file, AXIS_LABELS)])
    return _add_table(b, fields)


def _add_file(b: flatbuffers.Builder, name: str, kind: int) -> int:
    return _add_table(b, {0: b.CreateString(name)}, bytes_={2: kind})


def _add_texts(b: flatbuffers.Builder, texts: dict[int, str]) -> dict[int, int]:
    return {field: b.CreateString(text) for field, text in texts.items()}


def _add_table(
    b: flatbuffers.Builder,
    offsets: dict[int, int],
    integers: dict[int, int] | None = None,
    bytes_: dict[int, int] | None = None,
    floats: dict[int, float] | None = None,
) -> int:
    """Add a table and return its offset.

    Its fields by number: `offsets` of what was added before, `integers` uint32, `bytes_` uint8,
    `floats` float32.
    """
    integers = integers or {}
    bytes_ = bytes_ or {}
    floats = floats or {}
    b.StartObject(1 + max([*offsets, *integers, *bytes_, *floats], default=-1))
    for field, offset in offsets.items():
        b.PrependUOffsetTRelativeSlot(field, offset, 0)
    for field, value in integers.items():
        b.PrependUint32Slot(field, value, 0)
    for field, value in bytes_.items():
        b.PrependUint8Slot(field, value, 0)
    for field, value in floats.items():
        b.PrependFloat32Slot(field, value, 0.0)
    return b.EndObject()


def _add_vector(b: flatbuffers.Builder, offsets: list[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return b.EndVector()


def _add_float(b: flatbuffers.Builder, value: float) -> int:
    b.StartVector(4, 1, 4)
    b.PrependFloat32(value)
    return b.EndVector()
