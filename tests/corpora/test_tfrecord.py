"""TFRecord files in miniature, written by TensorFlow, with audio in every form."""

import io
import struct

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from examples import tone

from frill.audio.clips import Clip, Rejected
from frill.corpora import tfrecord
from frill.corpora.reading import read_all
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
    values = {
        "use": "corpus",
        "folder": str(root),
        "shards": "*.tfrecord*",
        "fields": {"label": "label", "speaker": "speaker_id", "sample_rate": "rate"},
        "rate_hz": 16000,
    }
    return TfrecordSet.model_validate(values | changes)


def read_clips(root, **changes) -> list[Clip | Rejected]:
    return list(read_all(tfrecord.prepare_reads("mine", spec(root, **changes))))


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
    clips = read_clips(tmp_path, **changes)
    assert len(clips) == 3
    for index, clip in enumerate(clips):
        assert (clip.name, clip.source) == (f"mine-{index:06d}", f"a.tfrecord:{index}")
        assert (clip.label, clip.speaker) == ("happy", "7")
        assert len(clip.samples) == 8000
        peak = clip.samples[1000:7000].std() * np.sqrt(2)
        assert peak == pytest.approx(0.5 * 32767, rel=0.002)
    if not isinstance(value, bytes) or changes:  # 32768 in the record, 32767 here
        np.testing.assert_allclose(clips[0].samples, SAMPLES, atol=1)


def test_a_rate_of_the_record_goes_before_that_of_the_set(tmp_path):
    samples = np.float32(tone(440, 8000, 0.5))
    records = [example(audio=samples, rate=8000), example(audio=samples, rate=8000.0)]
    write(tmp_path / "a.tfrecord", records)
    assert [len(clip.samples) for clip in read_clips(tmp_path)] == [8000, 8000]
    write(tmp_path / "a.tfrecord", [example(audio=np.float32(tone(440, 48000, 0.5)))])
    assert [len(clip.samples) for clip in read_clips(tmp_path, rate_hz=48000)] == [8000]
    (item,) = read_clips(tmp_path, rate_hz=None)
    assert item == Rejected("a.tfrecord:0", "has no sample rate; set fields.sample_rate or rate_hz")
    write(tmp_path / "a.tfrecord", [example(audio=samples, rate="16 kHz")])
    (item,) = read_clips(tmp_path)
    assert item.reason.startswith("has '16 kHz' as its sample rate; expected a number of Hz")


def test_splits_labels_and_licence(tmp_path):
    wav = audio("WAV", 16000)
    record = example(audio=wav, label=b"\xc3\xa4", terms="CC0-1.0", part="x", fold=3)
    for name in ("train-00000-of-00002", "train-00001-of-00002", "dev-00000-of-00001"):
        write(tmp_path / f"{name}.tfrecord", [record])
    fields = {"label": "label", "licence": "terms"}
    shards = {"train": "train-{00000..00001}-of-00002.tfrecord", "validation": "dev-*"}
    clips = read_clips(tmp_path, use="corpus", fields=fields, shards=shards)
    assert [clip.split for clip in clips] == ["train", "train", "validation"]
    assert {(clip.label, clip.licence) for clip in clips} == {("ä", "CC0-1.0")}
    own = {"use": "task", "licence": "CC-BY-4.0", "shards": "dev-*"}
    (clip,) = read_clips(tmp_path, fields=fields | {"fold": "fold"}, **own)
    assert (clip.split, clip.fold) == ("", "3")
    own |= {"splits": {"test": ["x", "y"]}, "fields": {"label": "label", "split": "part"}}
    (clip,) = read_clips(tmp_path, **own)
    assert (clip.split, clip.licence) == ("test", "CC-BY-4.0")
    clips = read_all(tfrecord.prepare_reads("mine", spec(tmp_path)), start=1, threads=2)
    assert [clip.name for clip in clips] == ["mine-000001", "mine-000002"]


def test_numbers_are_written_whole(tmp_path):
    wav = audio("WAV", 16000)
    numbers = [1234567, 20230115001, np.float32(999999), np.float32(0.1), -3]
    write(tmp_path / "a.tfrecord", [example(audio=wav, speaker_id=each) for each in numbers])
    speakers = [clip.speaker for clip in read_clips(tmp_path)]
    assert speakers == ["1234567", "20230115001", "999999", "0.1", "-3"]


def test_what_cannot_be_used_is_counted(tmp_path):
    records = [
        (example(sound=b""), "missing"),
        (example(audio=b""), "empty"),
        (example(audio=b"no audio"), "unreadable"),
        (example(audio=np.full(100, np.nan, np.float32)), "not_finite"),
        (example(audio=np.full(100, 900.0)), "unreadable"),
        (b"\xff\xff no Example", "unreadable"),
        (example(audio=np.zeros(0)), "empty"),
        (example(audio=audio("WAV", 16000)[:9000]), "truncated"),
    ]
    write(tmp_path / "a.tfrecord", [record for record, _ in records])
    items = read_clips(tmp_path)
    assert [item.kind for item in items] == [kind for _, kind in records]
    assert items[0].reason == "has no feature 'audio' (it has: sound); set fields.audio"
    expected = "samples reach 900 times full scale; set full_scale (32768 for int16's range)"
    assert items[4].reason == expected
    write(tmp_path / "a.tfrecord", [example(audio=b"abc")])
    assert read_clips(tmp_path, audio_bytes="int16")[0].kind == "truncated"


@pytest.mark.parametrize("spoil", ["cut", "bit"])
def test_a_file_that_ends_early_or_is_damaged_stands_for_its_share(tmp_path, spoil):
    for name in ("a", "b"):
        records = [example(audio=SAMPLES.astype(np.float32) / 32768)] * 4
        write(tmp_path / f"{name}.tfrecord", records)
    content = bytearray((tmp_path / "a.tfrecord").read_bytes())
    place = len(content) // 4 * 2 + 50
    if spoil == "cut":
        del content[place:]
    else:
        content[place] = 7
    (tmp_path / "a.tfrecord").write_bytes(content)
    first, second, lost, *others = read_clips(tmp_path)
    assert (first.source, second.source) == ("a.tfrecord:0", "a.tfrecord:1")
    assert [clip.source for clip in others] == [f"b.tfrecord:{index}" for index in range(2, 6)]
    assert (lost.source, lost.kind, lost.share) == ("a.tfrecord", "archive", 0.5)
    assert "2 records of the set were read until then" in lost.reason
    assert tfrecord.ends_early(tmp_path / "a.tfrecord") == (spoil == "cut")


def test_lengths_tell_an_early_end(tmp_path):
    write(tmp_path / "a.tfrecord", [b"x" * 100, b"y" * 50])
    whole = (tmp_path / "a.tfrecord").read_bytes()
    assert len(whole) == 150 + 2 * 16 and struct.unpack("<Q", whole[:8]) == (100,)
    for cut in range(1, len(whole) + 1):
        (tmp_path / "b.tfrecord").write_bytes(whole[:cut])
        assert tfrecord.ends_early(tmp_path / "b.tfrecord") == (cut not in (116, 182))


def test_specs_that_are_refused(default):
    values = {
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
        default["audio"]["tfrecord"] = {"mine": values | changes}
        with pytest.raises(ParamsError, match=message):
            validate(default)
