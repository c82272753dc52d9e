"""An open audio file of libsndfile (package soundfile), and what its log says of the header."""

import re

import numpy as np
import soundfile

from frill.audio.errors import SHORT_S, AudioError

BLOCK_FRAMES = 1 << 20  # read at once: a damaged header can claim any length
# Sizes that writers into a pipe leave in a header: the length is not known.
UNKNOWN_BYTES, UNKNOWN_FRAMES = 0x7FFFF000, 1 << 48
CHUNK = r"(?m)^ *(?:data|SSND|Data Size|riff|Riff size) *: (\d+) \(should be (\d+)\)"


class Audio:
    """An open file, and what is known to be odd about it: `note`, or ""."""

    def __init__(self, file: soundfile.SoundFile, note: str):
        self._file = file
        self._note = note
        self._missing_s = 0.0
        self.rate_hz = file.samplerate
        self.frames = file.frames

    @property
    def notes(self) -> list[str]:
        """Return what was odd about the file until now, a sentence each."""
        missing_ms = 1000 * self._missing_s
        short = f"ends {missing_ms:.1f} ms before what its header says" if missing_ms else ""
        return [each for each in (self._note, short) if each]

    def check(self) -> None:
        """Raise AudioError for a file without samples, or shorter than its header says."""
        if not self._file.frames:
            raise AudioError("empty (no samples)", "empty")
        self._missing_s = self._find_missing_s()
        if self._missing_s > SHORT_S:
            raise AudioError("truncated (holds less than its header says)", "truncated")

    def _find_missing_s(self) -> float:
        """Return how much libsndfile shortened the file to what is there, by its log."""
        missing_s = 0.0
        for declared, held in re.findall(CHUNK, self._file.extra_info):
            if int(held) < int(declared) < UNKNOWN_BYTES:
                bytes_per_s = max(1, int(held)) * self.rate_hz / self._file.frames
                missing_s = max(missing_s, (int(declared) - int(held)) / bytes_per_s)
        return missing_s

    def read(self, start: int, frames: int | None) -> np.ndarray:
        """Return float32 [frames], the mean of the channels, from `start` on."""
        self.check()
        if start >= self._file.frames:
            return np.zeros(0, np.float32)
        left = self._file.frames - start
        if frames is not None:
            left = min(frames, left)
        blocks = [np.zeros(0, np.float32)]
        try:
            self._skip(start)
            while left > 0:
                asked = min(left, BLOCK_FRAMES)
                block = self._file.read(asked, dtype="float32", always_2d=True)
                blocks.append(block.mean(axis=1))
                left -= len(block)
                if len(block) < asked:
                    break
        except soundfile.LibsndfileError:
            raise AudioError(
                "truncated or damaged (decoding stops before the end that its header gives)",
                "truncated",
            ) from None
        if left < UNKNOWN_FRAMES:
            self._missing_s = max(self._missing_s, left / self.rate_hz)
        if self._missing_s > SHORT_S:
            raise AudioError(
                f"truncated ({self._missing_s:.2f} s are missing of what its header says)",
                "truncated",
            )
        return np.concatenate(blocks)

    def _skip(self, start: int) -> None:
        """Go to a frame; some encodings, such as GSM, can only be read up to it."""
        if not start:
            return
        try:
            self._file.seek(start)
        except soundfile.LibsndfileError:
            while start > 0:
                start -= len(self._file.read(min(start, BLOCK_FRAMES), always_2d=True)) or start
