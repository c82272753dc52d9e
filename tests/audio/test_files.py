"""Files of any format become 16 kHz mono int16; what cannot be used has a reason and a kind."""

import io
import struct
import sys

import numpy as np
import pytest
import soundfile
from examples import encode, tone

from frill.audio.files import AudioError, check_extension, convert, probe, read_audio
from frill.audio.formats import detect_format
from frill.audio.waveform import is_silent

RATES_HZ = [8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000]
OPUS_RATES_HZ = (8000, 16000, 48000)
FFMPEG_RATES_HZ = (8000, 16000, 44100, 96000)


def loudest_hz(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.argmax(spectrum) * 16000 / len(samples)


def amplitude(samples: np.ndarray) -> float:
    """Return the amplitude of a sine, from the root mean square of its middle."""
    middle = samples[4000:20000] / 32767
    return np.sqrt(2 * np.mean(middle**2))


def content_of(samples: np.ndarray, rate_hz: int, kind: str, subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=kind, subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize(
    "suffix, subtype, tolerance",
    [
        ("wav", "PCM_U8", 0.01),
        ("wav", "PCM_16", 1e-3),
        ("wav", "PCM_24", 1e-3),
        ("wav", "PCM_32", 1e-3),
        ("wav", "FLOAT", 1e-3),
        ("wav", "DOUBLE", 1e-3),
        ("wav", "ULAW", 0.03),
        ("flac", "PCM_S8", 0.01),
        ("flac", "PCM_16", 1e-3),
        ("flac", "PCM_24", 1e-3),
        ("ogg", "VORBIS", 0.03),
        ("aiff", "PCM_16", 1e-3),
        ("au", "PCM_16", 1e-3),
        ("caf", "PCM_24", 1e-3),
        ("w64", "PCM_16", 1e-3),
    ],
)
def test_a_stereo_tone_keeps_pitch_length_and_level(tmp_path, rate_hz, suffix, subtype, tolerance):
    path = tmp_path / f"tone.{suffix}"
    left, right = tone(1000, rate_hz, 1.5), tone(1000, rate_hz, 1.5, amplitude=0.3)
    soundfile.write(path, np.stack([left, right], axis=1), rate_hz, subtype)
    probe(path)
    samples = read_audio(path)
    assert samples.dtype == np.int16 and abs(len(samples) - 24000) <= 1
    assert loudest_hz(samples) == pytest.approx(1000, abs=1)
    assert amplitude(samples) == pytest.approx(0.4, rel=tolerance)  # the mean of both channels
    np.testing.assert_array_equal(read_audio(path.read_bytes()), samples)
    assert check_extension(path, path.name) == ""


@pytest.mark.parametrize(
    ("suffix", "rate_hz"),
    [
        *(("mp3", rate) for rate in (8000, 16000, 22050, 44100, 48000)),
        *(("ogg", rate) for rate in OPUS_RATES_HZ),
    ],
)
def test_mp3_and_opus_of_libsndfile(tmp_path, suffix, rate_hz):
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, tone(1000, rate_hz, 1.5), rate_hz, "OPUS" if suffix == "ogg" else None)
    probe(path)
    samples = read_audio(path)
    assert abs(len(samples) - 24000) <= 1 and loudest_hz(samples) == pytest.approx(1000, abs=1)
    assert amplitude(samples) == pytest.approx(0.5, rel=0.03)


@pytest.mark.parametrize(
    ("container", "codec", "rate_hz"),
    [
        *(("ipod", "aac", rate) for rate in FFMPEG_RATES_HZ),
        *(("mp4", "alac", rate) for rate in FFMPEG_RATES_HZ),
        *(("adts", "aac", rate) for rate in FFMPEG_RATES_HZ),
        *(("webm", "libopus", rate) for rate in OPUS_RATES_HZ),
    ],
)
def test_what_ffmpeg_reads(tmp_path, container, codec, rate_hz):
    path = tmp_path / "tone.m4a"
    stereo = np.stack([tone(1000, rate_hz, 1.5), tone(1000, rate_hz, 1.5, 0.3)])
    path.write_bytes(encode(stereo, rate_hz, container, codec))
    probe(path)
    samples = read_audio(path)
    # A bare AAC stream does not say how much of its first and last block is padding.
    allowed = 1 if container in ("ipod", "mp4") else 3 * 1024 * 16000 / rate_hz
    assert abs(len(samples) - 24000) <= allowed
    assert loudest_hz(samples) == pytest.approx(1000, abs=1)
    assert amplitude(samples) == pytest.approx(0.4, rel=0.03)
    part = read_audio(path.read_bytes(), 0.5, 0.25)
    assert len(part) == 4000
    # The resampler's ends aside.
    np.testing.assert_allclose(part[500:-500], samples[8500:11500], atol=40)


def test_an_mp3_without_a_length_is_read_to_its_end():
    """The audio is loud and silent by turns: the first frame's bit rate says nothing of the rest.

    libsndfile stopped at 1.9 of 8 s here.
    """
    rng = np.random.default_rng(1)
    noise = rng.standard_normal(2 * 16000).astype(np.float32) * 0.2
    samples = np.concatenate([noise, np.zeros_like(noise), noise, np.zeros_like(noise)])
    data = encode(samples[None], 16000, "mp3", "libmp3lame", {"write_xing": "0"}, quality=4)
    assert b"Xing" not in data and b"Info" not in data
    assert len(read_audio(data)) == pytest.approx(8 * 16000, abs=3 * 1152)


def test_without_pyav_the_reason_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(AudioError, match="needs PyAV to read aac: uv pip install av") as error:
        read_audio(b"\xff\xf1" + bytes(300))
    assert error.value.kind == "unreadable"


def test_left_and_right_are_averaged(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.tile([0.5, -0.25, 0.125], (16000, 1)), 16000, "FLOAT")
    np.testing.assert_array_equal(read_audio(tmp_path / "a.wav"), round(0.125 * 32767))
    soundfile.write(tmp_path / "a.wav", np.tile([0.5, -0.5], (16000, 1)), 16000, "FLOAT")
    assert not read_audio(tmp_path / "a.wav").any()


def test_what_is_above_8_khz_does_not_fold_back(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(11000, 48000, 1.0), 48000, "FLOAT")
    loudest = np.abs(read_audio(tmp_path / "a.wav")[1000:-1000]).max()
    assert loudest <= 0.5 * 32767 * 10 ** (-80 / 20)


def test_a_part_of_a_file(tmp_path):
    samples = (np.arange(32000) % 30000).astype(np.int16)
    path = tmp_path / "a.wav"
    soundfile.write(path, samples, 16000, "PCM_16")
    # Full scale is 32768 in the file, 32767 here.
    np.testing.assert_allclose(read_audio(path), samples, atol=1)
    np.testing.assert_allclose(read_audio(path, 0.5, 0.25), samples[8000:12000], atol=1)
    assert len(read_audio(path, 1.5)) == 8000
    assert len(read_audio(path, 1.5, 60.0)) == 8000
    with pytest.raises(AudioError, match="empty") as error:
        read_audio(path, start_s=2.5)
    assert error.value.kind == "empty"


# A list of files that FFmpeg would open.
PLAYLIST = b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n"


@pytest.mark.parametrize(
    "name, content, kind, reason",
    [
        ("a.wav", b"", "empty", r"empty \(0 bytes\)"),
        ("a.wav", b"RIFF\x24\x00", "unreadable", "unreadable"),
        ("a.wav", bytes(range(256)) * 20, "unreadable", "unreadable"),
        ("a.flac", b"fLaC" + bytes(300), "unreadable", "unreadable"),
        ("a.ogg", b"OggS" + bytes(300), "unreadable", "unreadable"),
        ("a.mp3", b"no sound at all", "unreadable", "unreadable"),
        ("a.mp3", b"ID3" + bytes(300), "unreadable", "unreadable"),
        ("a.m4a", b"\0\0\0\x1cftypM4A " + bytes(300), "unreadable", "Invalid data"),
        ("a.webm", b"\x1aE\xdf\xa3" + bytes(300), "unreadable", "unreadable"),
        ("a.raw", bytes(3200), "unreadable", "unreadable"),
        ("a", b"no sound at all", "unreadable", "unreadable"),
        ("a.m3u8", PLAYLIST, "unreadable", "unreadable"),
    ],
)
def test_a_broken_file_has_a_reason(tmp_path, name, content, kind, reason):
    (tmp_path / name).write_bytes(content)
    for read in (probe, read_audio):
        with pytest.raises(AudioError, match=reason) as error:
            read(tmp_path / name)
        assert error.value.kind == kind
        assert str(tmp_path) not in str(error.value)
        assert "<" not in str(error.value)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
@pytest.mark.parametrize(
    "kind, subtype",
    [
        ("WAV", "PCM_16"),
        ("WAV", "FLOAT"),
        ("RF64", "PCM_16"),
        ("W64", "PCM_16"),
        ("AIFF", "PCM_16"),
        ("AU", "PCM_16"),
        ("FLAC", "PCM_16"),
        ("MP3", None),
        ("OGG", "VORBIS"),
        ("OGG", "OPUS"),
    ],
)
def test_a_file_cut_short_is_truncated(kind, subtype, share):
    noise = np.random.default_rng(2).standard_normal(5 * 48000) * 0.1
    whole = content_of(noise, 48000, kind, subtype)
    assert len(read_audio(whole)) == pytest.approx(5 * 16000, abs=2)
    with pytest.raises(AudioError, match="truncated") as error:
        read_audio(whole[: int(share * len(whole))])
    assert error.value.kind == "truncated"


@pytest.mark.parametrize(
    "container, codec, options",
    [("mp4", "aac", {"movflags": "faststart"}), ("adts", "aac", {}), ("webm", "libopus", {})],
)
def test_a_cut_file_of_ffmpegs_is_truncated(container, codec, options):
    noise = (np.random.default_rng(2).standard_normal((1, 5 * 48000)) * 0.1).astype(np.float32)
    whole = encode(noise, 48000, container, codec, options)
    assert len(read_audio(whole)) >= 5 * 16000 - 1
    with pytest.raises(AudioError, match="truncated") as error:
        read_audio(whole[: len(whole) // 2])
    assert error.value.kind == "truncated"
    # Within the first block of audio, where FFmpeg's libraries have ended the process.
    with pytest.raises(AudioError):
        read_audio(whole[:600])


def test_a_length_that_is_not_known_is_not_a_truncated_file():
    """A program that writes into a pipe leaves the largest number in the header."""
    data = bytearray(content_of(tone(440, 16000, 1.0), 16000, "WAV", "PCM_16"))
    at = data.index(b"data") + 4
    data[at : at + 4] = data[4:8] = struct.pack("<I", 0xFFFFFFFF)
    assert len(read_audio(bytes(data))) == 16000


def test_a_header_that_claims_anything():
    data = bytearray(content_of(tone(440, 16000, 1.0), 16000, "WAV", "PCM_16"))
    data[24:28] = struct.pack("<I", 1)  # samples a second
    with pytest.raises(AudioError, match="sample rate of 1 Hz"):
        read_audio(bytes(data))
    flac = bytearray(content_of(tone(440, 16000, 1.0), 16000, "FLAC", "PCM_16"))
    flac[21] |= 0x0F  # with the next four bytes, the number of samples: 68 thousand million
    flac[22:26] = b"\xff" * 4
    with pytest.raises(AudioError, match="truncated"):
        read_audio(bytes(flac))


def test_no_samples_no_file_no_numbers(tmp_path):
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16000)
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan, 0.1]), 16000, "FLOAT")
    soundfile.write(tmp_path / "inf.wav", np.array([[0.0, np.inf], [0.0, -np.inf]]), 16000, "FLOAT")
    wrong = [
        ("empty.wav", "empty", r"empty \(no samples\)"),
        ("nan.wav", "not_finite", "not finite"),
        ("inf.wav", "not_finite", "not finite"),
    ]
    for name, kind, reason in (*wrong, ("none.wav", "missing", "no such file")):
        with pytest.raises(AudioError, match=reason) as error:
            read_audio(tmp_path / name)
        assert error.value.kind == kind
    with pytest.raises(AudioError, match="no such file"):
        read_audio(tmp_path)
    # Three samples of 192 kHz are not one of 16 kHz.
    soundfile.write(tmp_path / "short.wav", np.full(3, 0.1), 192000)
    with pytest.raises(AudioError, match="empty"):
        read_audio(tmp_path / "short.wav")
    with pytest.raises(AudioError, match="empty"):
        convert(np.zeros(0, np.float32), 8000)


def test_the_content_counts_and_a_wrong_extension_is_noted(tmp_path):
    kinds = {"a.wav": "FLAC", "b.mp3": "WAV", "c.m4a": "MP3", "d.flac": "OGG"}
    kinds |= {"e.raw": "WAV", "f": "AIFF"}
    notes = {}
    for name, kind in kinds.items():
        (tmp_path / name).write_bytes(content_of(tone(440, 16000, 0.5), 16000, kind))
        assert len(read_audio(tmp_path / name)) == 8000
        notes[name] = check_extension(tmp_path / name, name)
    assert notes == {
        "a.wav": "named .wav but holds flac; read by its content",
        "b.mp3": "named .mp3 but holds wav; read by its content",
        "c.m4a": "named .m4a but holds mp3; read by its content",
        "d.flac": "named .flac but holds ogg; read by its content",
        "e.raw": "",
        "f": "",
    }
    for head in (b"", b"\xff", b"hello, world"):
        assert detect_format(head) == ""


def test_silence_is_below_a_level():
    assert is_silent(np.zeros(10, np.int16), -72)
    # 32767 x 10^-3.6 = 8.2
    assert is_silent(np.array([0, 3, -8], np.int16), -72)
    assert not is_silent(np.array([0, -9], np.int16), -72)
    assert not is_silent(np.array([-32768], np.int16), 0)
