"""eSpeak NG as a function: text and a voice in, 16 kHz samples out.

The same arguments give the same bytes. eSpeak NG is GPL-3 and optional (the extra `synth`, which
is the espeakng-loader wheel); nothing of frill's public API needs it. Speed: about 500 times real
time, 5 ms a sentence. Of these, loading the library takes 0.4 ms and its dictionary
up to 3 ms.
"""

import _ctypes
import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np

from frill.audio.waveform import to_16k
from frill.errors import UserError

# From speak_lib.h. Synchronous: under ctypes the asynchronous AUDIO_OUTPUT_RETRIEVAL (1) crashed.
AUDIO_OUTPUT_SYNCHRONOUS = 2
POS_CHARACTER = 1
CHARS_UTF8 = 0x01
# espeak_PARAMETER
RATE = 1
PITCH = 3
RANGE = 4
BUFFER_MS = 1000
NOISE_SEED = 1

LOCK = threading.Lock()  # the library keeps its state in globals
SynthCallback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class EspeakMissing(UserError, ImportError):
    """The optional eSpeak NG wheel is not installed."""


class EspeakError(UserError, ValueError):
    """eSpeak NG cannot speak what was asked: an unknown voice, a text without a sound."""


def speak(
    text: str,
    voice: str = "en-us",
    variant: str = "",
    rate_wpm: int = 175,
    pitch: int = 50,
    pitch_range: int = 50,
    speed_up: float = 1.0,
) -> np.ndarray:
    """Return `text` as float32 [samples] in [-1, 1], 16 kHz: a pure function of its arguments.

    `voice` is a language ("en-us", "de"), `variant` the name of one of eSpeak NG's voice variants
    or "". `rate_wpm` is 80..450 words a minute, `pitch` and `pitch_range` are 0..99 (50 is the
    voice's own). `speed_up` plays the result that much faster, which raises all frequencies with
    it. Raises EspeakError, and EspeakMissing if the wheel is not there. On POSIX only.
    """
    buffers = []

    @SynthCallback
    def keep(wave, count, _events):
        if wave and count > 0:
            buffers.append(ctypes.string_at(wave, count * 2))
        return 0

    data = text.encode()
    with _load() as (library, data_path):
        variants = {path.name for path in (data_path / "voices/!v").iterdir()}
        if variant and variant not in variants:  # the library would silently speak without it
            names = ", ".join(sorted(variants))
            raise EspeakError(f"eSpeak NG has no voice variant {variant!r}; it has {names}")
        library.espeak_SetSynthCallback(keep)
        if library.espeak_SetVoiceByName(f"{voice}+{variant}".rstrip("+").encode()):
            raise EspeakError(f"eSpeak NG has no voice {voice!r}; `espeak-ng --voices` lists them")
        for parameter, value in ((RATE, rate_wpm), (PITCH, pitch), (RANGE, pitch_range)):
            library.espeak_SetParameter(parameter, int(value), 0)
        # Breath is noise: most voices draw it from the library's own generator, Klatt voices from
        # the C library's.
        library.espeak_ng_SetRandSeed(ctypes.c_long(NOISE_SEED))
        library.srand(NOISE_SEED)
        size = ctypes.c_size_t(len(data) + 1)
        status = library.espeak_Synth(data, size, 0, POS_CHARACTER, 0, CHARS_UTF8, None, None)
        rate_hz = library.espeak_ng_GetSampleRate()
    samples = np.frombuffer(b"".join(buffers), np.int16).astype(np.float32) / np.float32(32768)
    if status or not samples.any():
        raise EspeakError(
            f"eSpeak NG ({voice}) spoke nothing for the text {text!r} (status {status})"
        )
    return to_16k(samples, rate_hz * speed_up)


@cache
def read_version() -> str:
    """Return eSpeak NG's version. Raises EspeakMissing."""
    with _load() as (library, _):
        library.espeak_Info.restype = ctypes.c_char_p
        return library.espeak_Info(None).decode()


@contextmanager
def _load() -> Iterator[tuple[ctypes.CDLL, Path]]:
    """Give a freshly loaded, initialised library and its data's folder, to one caller at a time.

    espeak_Initialize does not reset everything: wave phase, flutter and echo carry over, so an
    utterance would depend on those before it. Unloading the shared object, at the end, does.
    """
    try:
        import espeakng_loader
    except ImportError:
        raise EspeakMissing(
            "the synthetic default needs eSpeak NG, which is GPL-3 and therefore optional: "
            "in a clone of frill, uv pip install '.[synth]' (or name audio of your own)"
        ) from None
    path = espeakng_loader.get_library_path()
    data_path = Path(espeakng_loader.get_data_path())
    with LOCK:
        try:
            ctypes.CDLL(path, os.RTLD_NOLOAD | os.RTLD_NOW)
        except OSError:
            pass  # not loaded: as it should be
        else:
            raise RuntimeError(
                f"{path} is loaded by something else here, so its state cannot be reset"
            )
        library = ctypes.CDLL(path)
        data = str(data_path).encode()
        rate_hz = library.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, BUFFER_MS, data, 0)
        if rate_hz <= 0:
            raise RuntimeError(
                f"eSpeak NG did not start (error {rate_hz}); its data should be in {data_path}"
            )
        try:
            yield library, data_path
        finally:
            library.espeak_Terminate()
            _ctypes.dlclose(library._handle)
