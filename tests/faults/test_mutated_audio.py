"""Audio files with damage are rejected with a reason, or decode to a length they can have.

There is never a stack trace, and the process never ends.
"""

import io

import numpy as np
import pytest
import soundfile
from examples import encode, speechlike
from hypothesis import given, settings
from mutations import EXAMPLES, many, mutated

from frill.audio.files import AudioError, probe, read_audio

RATE_HZ = 16000
SAMPLES = speechlike(RATE_HZ // 2, 3) / 32768
WORDS = [
    b"\x00" * 4,
    b"\xff" * 4,
    b"\xff\xff\xff\x7f",
    b"\x00\x00\x00\x80",
    b"\x01\x00\x00\x00",
    b"\x00\x00\xc0\x7f",
    b"OggS",
    b"data",
    b"RIFF",
    b"\x00",
]
# Times what the whole file holds: a header that says 1 kHz makes 16 of it, and a lossless frame may
# say that it repeats a value.
LONGEST = 65
FORMATS = [
    ("WAV", "PCM_16"),
    ("WAV", "FLOAT"),
    ("WAV", "MS_ADPCM"),
    ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
    ("AIFF", "PCM_16"),
    ("AU", "PCM_16"),
    ("CAF", "PCM_16"),
    ("NIST", "PCM_16"),
    ("W64", "PCM_16"),
]
CONTAINERS = {
    "ipod": "aac",
    "mp4": "alac",
    "adts": "aac",
    "webm": "libopus",
    "mp3": "libmp3lame",
}


def soundfile_bytes(kind: str, subtype: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, SAMPLES, RATE_HZ, format=kind, subtype=subtype)
    return file.getvalue()


def write_files() -> dict[str, bytes]:
    files = {}
    for kind, subtype in FORMATS:
        files[f"{kind} {subtype}"] = soundfile_bytes(kind, subtype)
    for container, codec in CONTAINERS.items():
        options = {"write_xing": "0"} if container == "mp3" else None
        content = encode(SAMPLES[None], RATE_HZ, container, codec, options)
        files[f"{container} {codec}"] = content
    return files


FILES = write_files()


@pytest.mark.parametrize("kind", FILES)
def test_a_damaged_file_is_rejected_with_a_reason_or_decodes_to_samples(kind, tmp_path):
    whole = FILES[kind]
    outcomes = {"rejected": 0, "decoded": 0}

    fields = [(0, 4), (4, 8), (22, 24), (24, 28), (40, 44), (len(whole) // 2, len(whole))]
    # 1,000 and more of all together.
    examples = max(10, 2 * EXAMPLES // len(FILES))

    @settings(many, max_examples=examples)
    @given(mutated(whole, WORDS, fields, longest_cut=200))
    def check(content):
        path = tmp_path / "damaged.bin"
        path.write_bytes(content)
        try:
            probe(path)
            samples = read_audio(path)
        except AudioError as error:
            assert str(error) and error.kind and "\n" not in str(error)
            outcomes["rejected"] += 1
        else:
            assert samples.dtype == np.int16 and samples.ndim == 1
            assert 1 <= len(samples) <= LONGEST * len(SAMPLES)
            outcomes["decoded"] += 1

    check()
    print(f"{kind}: {outcomes}")


@pytest.mark.parametrize("kind", FILES)
def test_one_flipped_bit_is_found_where_the_format_has_checksums(kind):
    """Flip bits: FLAC and Ogg have a checksum for every frame or page.

    In other formats another bit is another sample, and DVC's hash of the file tells.
    """
    whole = FILES[kind]
    rng = np.random.default_rng(1)
    rejected = 0
    flips = 100
    for _ in range(flips):
        content = bytearray(whole)
        content[rng.integers(min(200, len(whole) // 3), len(whole))] ^= 1 << rng.integers(8)
        try:
            assert len(read_audio(bytes(content))) <= LONGEST * len(SAMPLES)
        except AudioError:
            rejected += 1
    print(f"{kind}: {rejected} of {flips} flipped bits rejected")
    assert rejected == flips or kind.split()[0] not in ("FLAC", "OGG")
