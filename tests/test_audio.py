"""Files of any format become 16 kHz mono int16."""

import numpy as np
import pytest
import soundfile

from frill.audio import AudioError, probe, read_audio, to_float, to_int16


def tone(hz: float, rate_hz: int, seconds: float, amplitude: float = 0.5) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)


def loudest_hz(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.argmax(spectrum) * 16000 / len(samples)


@pytest.mark.parametrize("rate_hz", [8000, 16000, 22050, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize(
    "suffix, subtype", [("wav", "PCM_16"), ("wav", "PCM_24"), ("wav", "FLOAT"), ("flac", "PCM_16"), ("flac", "PCM_24"), ("ogg", "VORBIS")]
)
def test_a_stereo_tone_keeps_pitch_length_and_level(tmp_path, rate_hz, suffix, subtype):
    path = tmp_path / f"tone.{suffix}"
    left, right = tone(1000, rate_hz, 1.5), tone(1000, rate_hz, 1.5, amplitude=0.3)
    soundfile.write(path, np.stack([left, right], axis=1), rate_hz, subtype)
    probe(path)
    samples = read_audio(path)
    assert samples.dtype == np.int16 and abs(len(samples) - 24000) <= 1
    assert loudest_hz(samples) == pytest.approx(1000, abs=1)
    middle = samples[4000:20000] / 32767
    assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(0.4, rel=0.03)  # the mean of both channels


def test_what_is_above_8_khz_does_not_fold_back(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(11000, 48000, 1.0), 48000, "FLOAT")
    assert np.abs(read_audio(tmp_path / "a.wav")[1000:-1000]).max() <= 0.5 * 32767 * 10 ** (-80 / 20)


def test_a_part_of_a_file(tmp_path):
    samples = (np.arange(32000) % 30000).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", samples, 16000, "PCM_16")
    np.testing.assert_allclose(read_audio(tmp_path / "a.wav"), samples, atol=1)  # 32768 in the file, 32767 here
    np.testing.assert_allclose(read_audio(tmp_path / "a.wav", 0.5, 0.25), samples[8000:12000], atol=1)
    assert len(read_audio(tmp_path / "a.wav", 1.5)) == 8000
    assert len(read_audio(tmp_path / "a.wav", 1.5, 60.0)) == 8000
    with pytest.raises(AudioError, match="empty"):
        read_audio(tmp_path / "a.wav", start_s=2.5)


def test_conversion_to_int16_clips_and_returns():
    np.testing.assert_array_equal(to_int16(np.array([-2, -1, 0, 0.5, 1, 2])), [-32768, -32767, 0, 16384, 32767, 32767])
    every = np.arange(-32767, 32768).astype(np.int16)
    np.testing.assert_array_equal(to_int16(to_float(every)), every)
    assert to_float(every).dtype == np.float32


@pytest.mark.parametrize(
    "name, content, reason",
    [
        ("a.wav", b"", r"empty \(0 bytes\)"),
        ("a.wav", b"RIFF\x24\x00", "unreadable"),
        ("a.wav", bytes(range(256)) * 20, "unreadable"),
        ("a.flac", b"fLaC" + bytes(300), "unreadable"),
        ("a.ogg", b"OggS" + bytes(300), "unreadable"),
        ("a.mp3", b"no sound at all", "unreadable"),
        ("a.raw", bytes(3200), "unreadable"),
        ("a", b"no sound at all", "unreadable"),
    ],
)
def test_a_broken_file_has_a_reason(tmp_path, name, content, reason):
    (tmp_path / name).write_bytes(content)
    for read in (probe, read_audio):
        with pytest.raises(AudioError, match=reason) as error:
            read(tmp_path / name)
        assert str(tmp_path) not in str(error.value)


def test_no_samples_no_file_no_numbers(tmp_path):
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16000)
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan, 0.1]), 16000, "FLOAT")
    for name, reason in (("empty.wav", r"empty \(no samples\)"), ("nan.wav", "not finite"), ("none.wav", "no such file")):
        with pytest.raises(AudioError, match=reason):
            read_audio(tmp_path / name)
    with pytest.raises(AudioError, match="no such file"):
        read_audio(tmp_path)
    # Three samples of 192 kHz are not one of 16 kHz.
    soundfile.write(tmp_path / "short.wav", np.full(3, 0.1), 192000)
    with pytest.raises(AudioError, match="empty"):
        read_audio(tmp_path / "short.wav")
