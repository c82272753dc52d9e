"""Files as people have them: tags before any format, lengths not known, streams in a row."""

import io
import os
import re
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from examples import encode, tone

from frill.audio.files import AudioError, probe, read_audio, read_noted

RATE_HZ = 44100
TONE = tone(440, RATE_HZ, 1.5)
CASES = os.environ.get("FRILL_CASES")
PADDING = 2 * 1152  # samples by which an encoder of MP3 may lengthen one stream


def content_of(kind: str, subtype: str | None = None, samples=TONE, rate_hz=RATE_HZ) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=kind, subtype=subtype)
    return file.getvalue()


def encoded(container: str, codec: str, **options: str) -> bytes:
    return encode(TONE[None].astype(np.float32), RATE_HZ, container, codec, options)


def tag(size: int) -> bytes:
    """Write an ID3v2.4 tag whose frames take `size` bytes (id3.org: four bytes of seven bits)."""
    return b"ID3\4\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + bytes(size)


def assert_holds(content: bytes, seconds: float, off_s: float = 0.0) -> str:
    """Assert that it is a tone of 440 Hz of this length; return what is noted."""
    probe(content)
    samples, note = read_noted(content, "")
    assert len(samples) / 16000 == pytest.approx(seconds, abs=off_s + 2 / 16000)
    middle = samples[2000:18000] / 32767.0
    peak_hz = np.argmax(np.abs(np.fft.rfft(middle * np.hanning(16000))))
    assert peak_hz == pytest.approx(440, abs=1)
    return note


@pytest.mark.parametrize("size", [0, 1000, 200000])
@pytest.mark.parametrize("kind", ["FLAC", "WAV", "AIFF", "OGG", "MP3", "adts", "W64", "VOC", "CAF"])
def test_a_tag_may_stand_before_any_format(kind, size):
    content = encoded("adts", "aac") if kind == "adts" else content_of(kind)
    off_s = 0.05 if kind == "adts" else 0
    for before in (tag(size), tag(size) + tag(7)):
        assert assert_holds(before + content, 1.5, off_s) == ""


@pytest.mark.parametrize("kind", ["WAV", "MP3"])
def test_a_tag_keeps_no_file_in_memory(kind, tmp_path):
    path = tmp_path / "x"
    samples = np.random.default_rng(17).normal(0, 0.1, 60 * RATE_HZ)
    path.write_bytes(tag(1000) + content_of(kind, None, samples))
    tracemalloc.start()
    probe(path)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < path.stat().st_size / 2


def test_flac_of_unknown_length():
    content = bytearray(content_of("FLAC"))
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    assert_holds(bytes(content), 1.5)
    assert len(read_audio(bytes(content), 0.5, 0.25)) == 4000


@pytest.mark.parametrize("endian", ["LITTLE", "BIG"])
def test_a_wav_that_was_never_closed(endian):
    file = io.BytesIO()
    soundfile.write(file, TONE, RATE_HZ, format="WAV", subtype="PCM_16", endian=endian)
    content = bytearray(file.getvalue())
    at = content.index(b"data") + 4
    content[at : at + 4] = content[4:8] = bytes(4)
    note = assert_holds(bytes(content), 1.5)
    assert note == "its header gives no length; read to the file's end"


@pytest.mark.parametrize(
    "kind, mark, behind, length",
    [
        ("AU", b".snd", 4, bytes(4)),
        ("CAF", b"data", 0, b"\xff" * 8),  # Apple's Core Audio Format Specification: unknown
        ("RF64", b"ds64", 12, bytes(8)),  # EBU Tech 3306: the size of the data
    ],
)
def test_other_formats_that_were_never_closed(kind, mark, behind, length):
    content = bytearray(content_of(kind, "PCM_16"))
    at = content.index(mark) + 4 + behind
    content[at : at + len(length)] = length
    note = assert_holds(bytes(content), 1.5)
    assert note == "its header gives no length; read to the file's end"


def test_joined_flac_is_read_to_the_end():
    assert_holds(2 * content_of("FLAC"), 3.0)


def test_aac_that_begins_within_a_frame():
    assert_holds(encoded("adts", "aac")[100:], 1.5, off_s=0.05)


def test_a_wav_without_samples_and_with_a_chunk_behind_is_empty():
    content = content_of("WAV", "PCM_16", np.zeros(0)) + b"LIST" + struct.pack("<I4s", 4, b"INFO")
    with pytest.raises(AudioError, match=r"empty \(no samples\)"):
        read_audio(content)


@pytest.mark.parametrize("more", [8, 44, 4000])
@pytest.mark.parametrize("kind, field, order", [("WAV", b"data", "<"), ("AIFF", b"SSND", ">")])
def test_a_size_some_bytes_too_large_is_noted(kind, field, order, more):
    content = bytearray(content_of(kind, "PCM_16"))
    at = content.index(field) + 4
    (size,) = struct.unpack_from(f"{order}I", content, at)
    struct.pack_into(f"{order}I", content, at, size + more)
    note = assert_holds(bytes(content), 1.5)
    number, text = re.match(r"ends ([\d.]+) (.*)", note).groups()
    assert text == "ms before what its header says"
    assert float(number) == pytest.approx(1000 * more / 2 / RATE_HZ, abs=0.15)


def test_a_size_much_too_large_is_missing_audio():
    content = bytearray(content_of("WAV", "PCM_16"))
    at = content.index(b"data") + 4
    struct.pack_into("<I", content, at, len(content) - 44 + RATE_HZ // 2)
    with pytest.raises(AudioError, match="truncated"):
        read_audio(bytes(content))


def test_rf64_with_a_wrong_count_of_samples():
    content = bytearray(content_of("RF64", "PCM_16"))
    struct.pack_into("<Q", content, 36, 10**9)
    assert_holds(bytes(content), 1.5)


def test_mp3_in_wav_and_flac_in_ogg():
    assert_holds(encoded("wav", "libmp3lame"), 1.5, PADDING / RATE_HZ)
    assert_holds(encoded("ogg", "flac"), 1.5)


def test_an_mp3_that_begins_with_zeros_or_within_a_frame():
    whole = encoded("mp3", "libmp3lame", write_xing="0")
    frame = whole.index(b"\xff\xfb")
    for content in (bytes(3000) + whole[frame:], whole[frame + 100 :]):
        assert_holds(content, 1.5, PADDING / RATE_HZ)


@pytest.mark.parametrize("xing", ["0", "1"])
def test_joined_mp3s_are_read_to_the_end(xing):
    one = encoded("mp3", "libmp3lame", write_xing=xing)
    assert_holds(one + one, 3.0, 2 * PADDING / RATE_HZ)
    assert_holds(one + one + one, 4.5, 3 * PADDING / RATE_HZ)
    assert_holds(one + b"TAG" + bytes(125), 1.5, PADDING / RATE_HZ)  # ID3v1 is no second file


@pytest.mark.parametrize("subtype, rate_hz", [("VORBIS", 44100), ("OPUS", 48000)])
def test_ogg_streams_in_a_row_are_read_to_the_end(subtype, rate_hz):
    one = content_of("OGG", subtype, tone(440, rate_hz, 1.5), rate_hz)
    other = content_of("OGG", subtype, tone(440, rate_hz, 1.0), rate_hz)
    assert_holds(one + other, 2.5, 0.1)
    with pytest.raises(AudioError, match="truncated"):
        read_audio((one + other)[:-100])


def test_a_part_of_an_encoding_that_cannot_seek():
    content = content_of("WAV", "GSM610", tone(440, 8000, 3.0), 8000)
    whole = read_audio(content)
    part = read_audio(content, 1.0, 0.5)
    assert len(part) == 8000
    np.testing.assert_allclose(part[500:-500], whole[16500:23500], atol=1500)


def test_a_part_behind_the_end_names_both():
    with pytest.raises(AudioError, match=r"the part begins at 500 s, the file ends at 1.50 s"):
        read_audio(content_of("WAV"), 500.0)
    with pytest.raises(AudioError, match=r"the part begins at 500 s, the file ends at 1.5\d s"):
        read_audio(encoded("adts", "aac"), 500.0)


@pytest.mark.parametrize("peak", [7.9, 8.1, 32767.0, 3e38])
@pytest.mark.parametrize("rate_hz", [16000, RATE_HZ])
def test_far_beyond_full_scale_is_refused(peak, rate_hz):
    samples = np.full(rate_hz, 0.1, np.float32)
    samples[rate_hz // 2] = -peak
    content = content_of("WAV", "FLOAT", samples, rate_hz)
    if peak < 8:
        assert len(read_audio(content)) == 16000
        return
    with pytest.raises(AudioError, match="samples reach .* times full scale") as error:
        read_audio(content)
    assert error.value.kind == "too_loud"


# What ../shared/cases/README.md says is right, where the project is built.
LENGTHS_S = {
    "01_id3_tag_first/x.flac": 1.5,
    "01_id3_tag_first/x.aac": 1.5,
    "01_id3_tag_first/x.wav": 1.5,
    "02_flac_of_unknown_length/x.flac": 1.5,
    "03_wav_never_closed/x.wav": 1.5,
    "04_wav_data_size_44_too_large/x.wav": 1.5,
    "04_wav_data_size_44_too_large/8_too_large.wav": 1.5,
    "06_mp3_zeros_before_first_frame/x.mp3": 4.545,
    "07_joined_mp3/x.mp3": 3.0,
    "08_joined_ogg/x.ogg": 3.0,
    "09_mp3_in_wav/x.wav": 1.5,
}


@pytest.mark.parametrize("name", [*LENGTHS_S, "05_float_wav_of_int16_range/x.wav"])
def test_files_that_went_wrong(name):
    if not CASES:
        pytest.skip("set FRILL_CASES to a folder of files that went wrong")
    path = Path(CASES, name)
    if name in LENGTHS_S:
        assert len(read_audio(path)) / 16000 == pytest.approx(LENGTHS_S[name], abs=0.1)
        return
    with pytest.raises(AudioError, match="samples reach 16384 times full scale"):
        read_audio(path)
