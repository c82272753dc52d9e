"""TFLite metadata: what a file takes and gives, inside the file, where Android Studio, model viewers and MediaPipe look for it.

A flatbuffer of its own (schema: metadata_schema.fbs of tflite-support, now MediaPipe's; file identifier M001) in a buffer that the model calls
TFLITE_METADATA. tflite-support is dead (protobuf 3) and mediapipe brings OpenCV along, so the few tables wanted here are written with flatbuffers' own
builder, by the schema's field numbers. tests/release/test_tflite_metadata.py reads them back with MediaPipe's reader.
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
    """An input or output. `dimensions` names its axes; `audio_hz` is the sample rate of mono audio, None for other content; `limits` (low, high)."""

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
    """The .tflite file `model` with `info` in it; its network and its other metadata stay as they are. The same in, the same bytes out."""
    parsed = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    parsed.metadata = [entry for entry in parsed.metadata or [] if entry.name != NAME]
    entry, buffer = MetadataT(), BufferT()
    entry.name, entry.buffer = NAME, len(parsed.buffers)
    buffer.data = list(_packed(info))
    parsed.metadata.append(entry)
    parsed.buffers.append(buffer)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(parsed))


def _packed(info: ModelInfo) -> bytes:
    b = flatbuffers.Builder(1024)
    subgraph = _table(
        b, {2: _vector(b, [_tensor(b, info.input)]), 3: _vector(b, [_tensor(b, info.output)])}
    )
    texts = {0: info.name, 1: info.description, 2: info.version, 5: info.licence, 7: PARSER_VERSION}
    model = _table(b, _texts(b, texts) | {3: _vector(b, [subgraph])})
    b.Finish(model, file_identifier=IDENTIFIER)
    return bytes(b.Output())


def _tensor(b: flatbuffers.Builder, info: TensorInfo) -> int:
    """TensorMetadata: name, description, dimension_names, content, stats."""
    fields = _texts(b, {0: info.name, 1: info.description}) | {
        2: _vector(b, [b.CreateString(name) for name in info.dimensions])
    }
    properties = _table(b, {}, {0: info.audio_hz, 1: 1} if info.audio_hz else {})
    fields[3] = _table(b, {1: properties}, bytes_={0: AUDIO if info.audio_hz else FEATURE})
    if info.limits is not None:
        low, high = (_floats(b, limit) for limit in info.limits)
        fields[5] = _table(b, {0: high, 1: low})
    return _table(b, fields)


def _texts(b: flatbuffers.Builder, texts: dict[int, str]) -> dict[int, int]:
    return {field: b.CreateString(text) for field, text in texts.items()}


def _table(
    b: flatbuffers.Builder,
    offsets: dict[int, int],
    integers: dict[int, int] | None = None,
    bytes_: dict[int, int] | None = None,
) -> int:
    """A table from field number -> offset of something written before, uint32, uint8."""
    integers, bytes_ = integers or {}, bytes_ or {}
    b.StartObject(1 + max([*offsets, *integers, *bytes_], default=-1))
    for field, offset in offsets.items():
        b.PrependUOffsetTRelativeSlot(field, offset, 0)
    for field, value in integers.items():
        b.PrependUint32Slot(field, value, 0)
    for field, value in bytes_.items():
        b.PrependUint8Slot(field, value, 0)
    return b.EndObject()


def _vector(b: flatbuffers.Builder, offsets: list[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return b.EndVector()


def _floats(b: flatbuffers.Builder, value: float) -> int:
    b.StartVector(4, 1, 4)
    b.PrependFloat32(value)
    return b.EndVector()
