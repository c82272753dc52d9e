"""TFLite metadata: what a file takes and gives, where Android Studio and MediaPipe look for it.

It is a flatbuffer of its own in a buffer that the model calls TFLITE_METADATA. Its schema is
metadata_schema.fbs of tflite-support, now MediaPipe's, with the file identifier M001.
tflite-support is dead (protobuf 3), and mediapipe brings OpenCV along. So the few tables needed are
written here with flatbuffers' own builder, by the schema's field numbers.
tests/release/test_tflite_metadata.py reads them back with MediaPipe's reader.
"""

from dataclasses import dataclass

import flatbuffers
from ai_edge_litert.schema_py_generated import BufferT, MetadataT
from ai_edge_litert.tools import flatbuffer_utils

NAME = b"TFLITE_METADATA"
IDENTIFIER = b"M001"
FEATURE, AUDIO = 1, 4  # of the union ContentProperties
PARSER_VERSION = "1.3.0"  # of the schema: the first with AudioProperties


@dataclass(frozen=True)
class TensorInfo:
    """An input or output.

    `dimensions` names its axes. `audio_hz` is the sample rate of mono audio, None for other
    content. `limits` are (low, high).
    """

    name: str
    description: str
    dimensions: tuple[str, ...]
    audio_hz: int | None = None
    limits: tuple[float, float] | None = None


@dataclass(frozen=True)
class ModelInfo:
    name: str
    description: str
    version: str
    licence: str
    input: TensorInfo
    output: TensorInfo


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


def _pack(info: ModelInfo) -> bytes:
    b = flatbuffers.Builder(1024)
    inputs = _add_vector(b, [_add_tensor(b, info.input)])
    outputs = _add_vector(b, [_add_tensor(b, info.output)])
    subgraph = _add_table(b, {2: inputs, 3: outputs})
    texts = {0: info.name, 1: info.description, 2: info.version, 5: info.licence, 7: PARSER_VERSION}
    fields = _add_texts(b, texts)
    fields[3] = _add_vector(b, [subgraph])
    model = _add_table(b, fields)
    b.Finish(model, file_identifier=IDENTIFIER)
    return bytes(b.Output())


def _add_tensor(b: flatbuffers.Builder, info: TensorInfo) -> int:
    """Add TensorMetadata: name, description, dimension_names, content, stats."""
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
    return _add_table(b, fields)


def _add_texts(b: flatbuffers.Builder, texts: dict[int, str]) -> dict[int, int]:
    return {field: b.CreateString(text) for field, text in texts.items()}


def _add_table(
    b: flatbuffers.Builder,
    offsets: dict[int, int],
    integers: dict[int, int] | None = None,
    bytes_: dict[int, int] | None = None,
) -> int:
    """Add a table and return its offset.

    Its fields by number: `offsets` of what was added before, `integers` uint32, `bytes_` uint8.
    """
    integers = integers or {}
    bytes_ = bytes_ or {}
    b.StartObject(1 + max([*offsets, *integers, *bytes_], default=-1))
    for field, offset in offsets.items():
        b.PrependUOffsetTRelativeSlot(field, offset, 0)
    for field, value in integers.items():
        b.PrependUint32Slot(field, value, 0)
    for field, value in bytes_.items():
        b.PrependUint8Slot(field, value, 0)
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
