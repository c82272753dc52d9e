"""TFRecord files of tf.Example: audio as a file's bytes, raw int16, or lists of numbers.

features { feature { key: "audio" value { float_list { value: [0.01, ...] } } }
           feature { key: "label" value { bytes_list { value: "happy" } } } }
"""

import struct
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np

from frill.audio.clips import Clip, Rejected
from frill.audio.files import AudioError, convert, read_noted
from frill.audio.waveform import MAX_PEAK
from frill.corpora.reading import Decoded, Read, read_clip
from frill.corpora.shards import find_archives, read_fields
from frill.params.audio import TfrecordSet

GZIP = b"\x1f\x8b"
# Of a record: its length (uint64), a checksum of that, and behind it its own checksum (uint32).
AROUND_BYTES = 16


def prepare_reads(name: str, spec: TfrecordSet) -> Iterator[Read]:
    """Yield a read of every record."""
    import tensorflow as tf  # seconds

    # TensorFlow would take all memory of the GPUs to read files. It raises if they are in use.
    with suppress(RuntimeError):
        tf.config.set_visible_devices([], "GPU")
    archives = find_archives("tfrecord", name, spec)
    index = 0
    for path, split in archives:
        shard = path.relative_to(spec.folder).as_posix()
        compression = "GZIP" if _is_gzip(path) else ""
        try:
            for record in tf.data.TFRecordDataset(str(path), compression).as_numpy_iterator():
                clip = f"{name}-{index:06d}"
                yield partial(_read_record, clip, f"{shard}:{index}", record, split, spec)
                index += 1
        except tf.errors.OpError as error:
            reason = (
                f"ends early or is damaged ({error.message.partition(' [')[0]}); "
                f"{index} records of the set were read until then"
            )
            yield partial(Rejected, shard, reason, "archive", round(1 / len(archives), 6))


def ends_early(path: Path) -> bool:
    """Tell whether the lengths of an uncompressed file's records lead past its end.

    Reads these alone.
    """
    if _is_gzip(path):
        return False
    end = path.stat().st_size
    position = 0
    with open(path, "rb") as file:
        while position < end:
            file.seek(position)
            length = file.read(8)
            if len(length) < 8:
                return True
            position += AROUND_BYTES + struct.unpack("<Q", length)[0]
    return position > end


def _is_gzip(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == GZIP


def _read_record(
    clip: str, source: str, record: bytes, split: str | None, spec: TfrecordSet
) -> Clip | Rejected:
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        features = tf.train.Example.FromString(record).features.feature
    except DecodeError:
        return Rejected(source, "is no tf.Example")
    fields = read_fields(spec, split, partial(_read_text, features))
    return read_clip(clip, source, partial(_read_samples, features, spec), **fields)


def _read_text(features, name: str | None) -> str:
    """Return a feature's first value as text, "" where there is none."""
    if name is None or name not in features:
        return ""
    feature = features[name]
    values = getattr(feature, feature.WhichOneof("kind") or "bytes_list").value
    if not values:
        return ""
    if isinstance(values[0], bytes):
        return values[0].decode("utf-8-sig", "replace").strip()
    if isinstance(values[0], int):
        return str(values[0])
    value = np.float32(values[0])  # as it was stored; whole numbers are ids
    return str(int(value)) if value.is_integer() else str(value)


def _read_samples(features, spec: TfrecordSet) -> Decoded:
    name = spec.fields.audio
    kind = features[name].WhichOneof("kind") if name in features else None
    if kind is None:
        names = ", ".join(sorted(features)) or "none"
        raise AudioError(f"has no feature {name!r} (it has: {names}); set fields.audio", "missing")
    values = getattr(features[name], kind).value
    if kind == "bytes_list":
        data = values[0] if values else b""
        if spec.audio_bytes == "file":
            return read_noted(data, "")
        if len(data) % 2:
            raise AudioError(
                f"truncated ({len(data)} bytes are no whole number of int16 samples)", "truncated"
            )
        samples = np.frombuffer(data, "<i2").astype(np.float32) / 32768
    elif kind == "int64_list":
        samples = np.array(values, np.float32) / 32768
    else:
        samples = np.array(values, np.float32) / np.float32(spec.full_scale)
    peak = np.abs(samples).max() if len(samples) else 0
    if peak > MAX_PEAK:
        raise AudioError(
            f"samples reach {peak:.0f} times full scale; set full_scale (32768 for int16's range)"
        )
    return convert(samples, _find_rate_hz(features, spec)), ""


def _find_rate_hz(features, spec: TfrecordSet) -> int:
    text = _read_text(features, spec.fields.sample_rate)
    if text and not text.replace(".", "", 1).isdecimal():
        raise AudioError(
            f"has {text!r} as its sample rate; expected a number of Hz (without "
            "fields.sample_rate rate_hz counts)"
        )
    if not text and spec.rate_hz is None:
        raise AudioError("has no sample rate; set fields.sample_rate or rate_hz")
    return round(float(text)) if text else spec.rate_hz
