"""eSpeak NG as a pure function."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("espeakng_loader")

from frill.corpora.synthetic.espeak import EspeakError, EspeakMissing, speak  # noqa: E402

HELLO = "Hello there, how are you?"
SPEAK_HELLO = (
    "import hashlib; from frill.corpora.synthetic.espeak import speak; "
    f"print(hashlib.sha256(speak({HELLO!r}, variant='f2').tobytes()).hexdigest())"
)


# f2 has breath and echo, caleb takes its noise from the C library, croak flutters.
@pytest.mark.parametrize("variant", ["m3", "f2", "whisper", "caleb", "klatt4", "croak"])
def test_an_utterance_does_not_depend_on_those_before_it(variant):
    first = speak(HELLO, variant=variant)
    speak("Guten Tag", "de", "whisperf", 300, 90, 90)
    np.testing.assert_array_equal(speak(HELLO, variant=variant), first)


def test_another_process_says_the_same():
    here = hashlib.sha256(speak(HELLO, variant="f2").tobytes()).hexdigest()
    there = subprocess.run(
        [sys.executable, "-c", SPEAK_HELLO], capture_output=True, text=True, check=True
    )
    assert there.stdout.strip() == here


def test_samples_are_16_khz_floats():
    samples = speak(HELLO)
    assert samples.dtype == np.float32 and samples.ndim == 1
    assert 0.8 < len(samples) / 16000 < 2.5 and 0.1 < np.abs(samples).max() <= 1.1


def test_settings_do_what_they_say():
    usual = speak(HELLO)
    assert len(speak(HELLO, rate_wpm=350)) < 0.75 * len(usual)
    assert len(speak(HELLO, speed_up=1.25)) == pytest.approx(len(usual) / 1.25, abs=2)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"voice": "zz-nowhere"}, "no voice 'zz-nowhere'"),
        ({"variant": "nobody"}, "no voice variant 'nobody'.*whisper"),
        ({"text": ""}, "spoke nothing"),
    ],
)
def test_errors_say_what_was_wrong(arguments, message):
    with pytest.raises(EspeakError, match=message):
        speak(**({"text": HELLO} | arguments))
    assert len(speak(HELLO))  # and leave it usable


def test_without_the_wheel_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(EspeakMissing, match=r"GPL-3.*uv pip install '.\[synth\]'"):
        speak(HELLO)
