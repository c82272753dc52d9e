"""TFRecord files in miniature, written by TensorFlow: audio as a file's bytes, raw int16, floats and integers."""

import io
import struct

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from examples import tone

from frill.audio.clips import Clip, Rejected
from frill.corpora import tfrecord
from frill.params.audio import TfrecordSet
from frill.params.load import ParamsError, validate

SAMPLES = np.round(tone(440, 16000, 0.5) * 32768).astype(np.int16)


def feature(value) -> tf.train.Feature:
    match value:
        case bytes():
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        case str():
            return feature(value.encode())
        case int():
            return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        case np.ndarray() if value.dtype.kind == "i":
            return tf.train.Feature(int64_list=tf.train.Int64List(value=value))
    return tf.train.Feature(float_list=tf.train.FloatList(value=np.atleast_1d(value)))


def example(**values) -> bytes:
    features = {key: feature(value) for key, value in values.items()}
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def write(path, records: list[bytes], compression: str = "") -> None:
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for record in records:
            writer.write(record)


def audio(kind: str, rate_hz: int) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, tone(440, rate_hz, 0.5), rate_hz, format=kind)
    return file.getvalue()


def spec(root, **changes) -> TfrecordSet:
    fields = {"label": "label", "speaker": "speaker_id", "sample_rate": "rate"}
    return TfrecordSet.model_validate(
        {
            "use": "corpus",
            "folder": str(root),
            "shards": "*.tfrecord*",
            "fields": fields,
            "rate_hz": 16000,
        }
        | changes
    )


def clips(root, **changes) -> list[Clip | Rejected]:
    return list(tfrecord.clips("mine", spec(root, **changes)))


@pytest.mark.parametrize("compression", ["", "GZIP"])
@pytest.mark.parametrize(
    "value, changes",
    [
        (audio("WAV", 44100), {}),
        (audio("FLAC", 8000), {}),
        (SAMPLES.tobytes(), {"audio_bytes": "int16"}),
        (SAMPLES.astype(np.float32) / 32768, {}),
        (SAMPLES.astype(np.float32), {"full_scale": 32768}),
        (SAMPLES.astype(np.int64), {}),
    ],
    ids=["wav", "flac", "int16", "floats", "large floats", "integers"],
)
def test_audio_in_every_form(tmp_path, value, changes, compression):
    record = example(audio=value, label="happy", speaker_id=7)
    write(tmp_path / "a.tfrecord", [record] * 3, compression)
    found = clips(tmp_path, **changes)
    assert [(clip.name, clip.source, clip.label, clip.speaker) for clip in found] == [
        (f"mine-{index:06d}", f"a.tfrecord:{index}", "happy", "7") for index in range(3)
    ]
    for clip in found:
        assert len(clip.samples) == 8000 and clip.samples[1000:7000].std() * np.sqrt(
            2
        ) == pytest.approx(0.5 * 32767, rel=0.002)
    if not isinstance(value, bytes) or changes:
        np.testing.assert_allclose(
            found[0].samples, SAMPLES, atol=1
        )  # 32768 in the record, 32767 here


def test_a_rate_of_the_record_goes_before_that_of_the_set(tmp_path):
    write(
        tmp_path / "a.tfrecord",
        [
            example(audio=np.float32(tone(440, 8000, 0.5)), rate=8000),
            example(audio=np.float32(tone(440, 8000, 0.5)), rate=8000.0),
        ],
    )
    assert [len(clip.samples) for clip in clips(tmp_path)] == [8000, 8000]
    write(tmp_path / "a.tfrecord", [example(audio=np.float32(tone(440, 48000, 0.5)))])
    assert [len(clip.samples) for clip in clips(tmp_path, rate_hz=48000)] == [8000]
    (item,) = clips(tmp_path, rate_hz=None)
    assert item == Rejected("a.tfrecord:0", "has no sample rate; set fields.sample_rate or rate_hz")


def test_splits_labels_and_licence(tmp_path):
    for name in ("train-00000-of-00002", "train-00001-of-00002", "dev-00000-of-00001"):
        write(
            tmp_path / f"{name}.tfrecord",
            [
                example(
                    audio=audio("WAV", 16000), label=b"\xc3\xa4", terms="CC0-1.0", part="x", fold=3
                )
            ],
        )
    fields = {"label": "label", "licence": "terms", "fold": "none_such"}
    shards = {"train": "train-{00000..00001}-of-00002.tfrecord", "validation": "dev-*"}
    found = clips(
        tmp_path, use="corpus", fields={"label": "label", "licence": "terms"}, shards=shards
    )
    assert [(clip.split, clip.label, clip.licence) for clip in found] == [
        ("train", "ä", "CC0-1.0")
    ] * 2 + [("validation", "ä", "CC0-1.0")]
    found = clips(
        tmp_path, use="task", fields=fields | {"fold": "fold"}, licence="CC-BY-4.0", shards="dev-*"
    )
    assert [(clip.split, clip.fold) for clip in found] == [("", "3")]
    found = clips(
        tmp_path,
        use="task",
        fields={"label": "label", "split": "part"},
        licence="CC-BY-4.0",
        splits={"test": ["x", "y"]},
        shards="dev-*",
    )
    assert [(clip.split, clip.licence) for clip in found] == [("test", "CC-BY-4.0")]
    assert [clip.name for clip in tfrecord.clips("mine", spec(tmp_path), start=1, threads=2)] == [
        "mine-000001",
        "mine-000002",
    ]


def test_what_cannot_be_used_is_counted(tmp_path):
    nan = np.full(100, np.nan, np.float32)
    records = [
        example(sound=b""),
        example(audio=b""),
        example(audio=b"no audio"),
        example(audio=nan),
        example(audio=np.full(100, 900.0)),
        b"\xff\xff no Example",
    ]
    records += [example(audio=np.zeros(0)), example(audio=audio("WAV", 16000)[:9000])]
    write(tmp_path / "a.tfrecord", records)
    found = [(item.kind, item.reason) for item in clips(tmp_path)]
    kinds = [
        "missing",
        "empty",
        "unreadable",
        "not_finite",
        "unreadable",
        "unreadable",
        "empty",
        "truncated",
    ]
    assert [kind for kind, _ in found] == kinds
    assert found[0][1] == "has no feature 'audio' (it has: sound); set fields.audio"
    assert (
        found[4][1]
        == "samples reach 900 times full scale; set full_scale (32768 for int16's range)"
    )
    write(tmp_path / "a.tfrecord", [example(audio=b"abc")])
    assert clips(tmp_path, audio_bytes="int16")[0].kind == "truncated"


@pytest.mark.parametrize("spoil", ["cut", "bit"])
def test_a_file_that_ends_early_or_is_damaged_stands_for_its_share(tmp_path, spoil):
    for name in ("a", "b"):
        write(
            tmp_path / f"{name}.tfrecord", [example(audio=SAMPLES.astype(np.float32) / 32768)] * 4
        )
    whole = (tmp_path / "a.tfrecord").read_bytes()
    record = len(whole) // 4
    damaged = (
        whole[: 2 * record + 50]
        if spoil == "cut"
        else whole[: 2 * record + 50] + b"\x07" + whole[2 * record + 51 :]
    )
    (tmp_path / "a.tfrecord").write_bytes(damaged)
    found = clips(tmp_path)
    assert [clip.source for clip in found if isinstance(clip, Clip)] == [
        "a.tfrecord:0",
        "a.tfrecord:1",
    ] + [f"b.tfrecord:{index}" for index in range(2, 6)]
    (lost,) = [item for item in found if isinstance(item, Rejected)]
    assert (lost.source, lost.kind, lost.share) == (
        "a.tfrecord",
        "archive",
        0.5,
    ) and "2 records of the set were read until then" in lost.reason
    assert tfrecord.ends_early(tmp_path / "a.tfrecord") == (spoil == "cut")


def test_lengths_tell_an_early_end(tmp_path):
    write(tmp_path / "a.tfrecord", [b"x" * 100, b"y" * 50])
    whole = (tmp_path / "a.tfrecord").read_bytes()
    assert len(whole) == 150 + 2 * 16 and struct.unpack("<Q", whole[:8]) == (100,)
    for cut in range(1, len(whole) + 1):
        (tmp_path / "b.tfrecord").write_bytes(whole[:cut])
        assert tfrecord.ends_early(tmp_path / "b.tfrecord") == (cut not in (116, 182))


def test_specs_that_are_refused(default):
    given = {
        "use": "task",
        "folder": "records",
        "shards": {"train": "train-*", "test": "test-*"},
        "fields": {"audio": "audio"},
    }
    for changes, message in (
        ({}, "a task needs fields.label"),
        ({"audio_bytes": "mp3"}, "'file' or 'int16'"),
        ({"full_scale": 0}, "greater than 0"),
    ):
        default["audio"]["tfrecord"] = {"mine": given | changes}
        with pytest.raises(ParamsError, match=message):
            validate(default)
