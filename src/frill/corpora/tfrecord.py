"""TFRecord files of tf.Example: audio as a file's bytes, as raw int16, or as lists of floats or integers.

features { feature { key: "audio" value { float_list { value: [0.01, ...] } } }  feature { key: "label" value { bytes_list { value: "happy" } } } }
"""

import struct
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np

from frill.audio.clips import Clip, Rejected
from frill.audio.files import AudioError, convert, read_audio
from frill.corpora.reading import Read, read_all, read_clip, rejected
from frill.corpora.shards import archives, clip_fields
from frill.params.audio import TfrecordSet

GZIP = b"\x1f\x8b"
AROUND_BYTES = 16  # of a record: its length (uint64), a checksum of that, and behind the record one of it (uint32 each)


def clips(
    name: str, spec: TfrecordSet, start: int = 0, threads: int = 1
) -> Iterator[Clip | Rejected]:
    """Every record from number `start` on."""
    return read_all(_reads(name, spec), start, threads)


def _reads(name: str, spec: TfrecordSet) -> Iterator[Read]:
    import tensorflow as tf  # seconds

    with suppress(RuntimeError):  # something here uses them already
        tf.config.set_visible_devices(
            [], "GPU"
        )  # TensorFlow would take all their memory to read files
    found, index = archives("tfrecord", name, spec), 0
    for path, split in found:
        shard = path.relative_to(spec.folder).as_posix()
        try:
            for record in tf.data.TFRecordDataset(
                str(path), "GZIP" if _is_gzip(path) else ""
            ).as_numpy_iterator():
                yield partial(_item, f"{name}-{index:06d}", f"{shard}:{index}", record, split, spec)
                index += 1
        except tf.errors.OpError as error:
            reason = f"ends early or is damaged ({error.message.partition(' [')[0]}); {index} records of the set were read until then"
            yield rejected(Rejected(shard, reason, "archive", round(1 / len(found), 6)))


def ends_early(path: Path) -> bool:
    """Whether the lengths of an uncompressed file's records lead past its end; reads these alone."""
    if _is_gzip(path):
        return False
    end, position = path.stat().st_size, 0
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


def _item(
    clip: str, source: str, record: bytes, split: str | None, spec: TfrecordSet
) -> Clip | Rejected:
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        features = tf.train.Example.FromString(record).features.feature
    except DecodeError:
        return Rejected(source, "is no tf.Example")
    fields = clip_fields(spec, split, partial(_text, features))
    return read_clip(clip, source, partial(_read, features, spec), **fields)


def _text(features, name: str | None) -> str:
    """A feature's first value as text, "" where there is none."""
    if name is None or name not in features:
        return ""
    feature = features[name]
    values = getattr(feature, feature.WhichOneof("kind") or "bytes_list").value
    if not values:
        return ""
    return (
        values[0].decode("utf-8", "replace").strip()
        if isinstance(values[0], bytes)
        else f"{values[0]:g}"
    )


def _read(features, spec: TfrecordSet) -> tuple[np.ndarray, str]:
    name = spec.fields.audio
    kind = features[name].WhichOneof("kind") if name in features else None
    if kind is None:
        raise AudioError(
            f"has no feature {name!r} (it has: {', '.join(sorted(features)) or 'none'}); set fields.audio",
            "missing",
        )
    values = getattr(features[name], kind).value
    if kind == "bytes_list":
        data = values[0] if values else b""
        if spec.audio_bytes == "file":
            return read_audio(data), ""
        if len(data) % 2:
            raise AudioError(
                f"truncated ({len(data)} bytes are no whole number of int16 samples)", "truncated"
            )
        samples = np.frombuffer(data, "<i2").astype(np.float32) / 32768
    elif kind == "int64_list":
        samples = np.array(values, np.float32) / 32768
    else:
        samples = np.array(values, np.float32) / np.float32(spec.full_scale)
    if len(samples) and np.abs(samples).max() > 2:
        raise AudioError(
            f"samples reach {np.abs(samples).max():.0f} times full scale; set full_scale (32768 for int16's range)"
        )
    return convert(samples, _rate_hz(features, spec)), ""


def _rate_hz(features, spec: TfrecordSet) -> int:
    text = _text(features, spec.fields.sample_rate)
    rate = float(text) if text.replace(".", "", 1).isdecimal() else spec.rate_hz
    if rate is None:
        raise AudioError("has no sample rate; set fields.sample_rate or rate_hz")
    return round(rate)
