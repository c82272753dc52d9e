"""Audio that libsndfile cannot read, through FFmpeg's libraries (package av, which brings them)."""

from contextlib import AbstractContextManager
from typing import BinaryIO

import numpy as np

from frill.audio.errors import SHORT_S, AudioError

# FFmpeg's demuxer for each format. A named one keeps FFmpeg from probing others, some of which open
# further files or addresses.
FORMATS = {
    "mp4": "mp4",
    "aac": "aac",
    "webm": "matroska",
    "mp3": "mp3",
    "flac": "flac",
    "ogg": "ogg",
}


class Audio(AbstractContextManager):
    """The first audio stream of a file, open while the `with` lasts.

    Raises AudioError where audio is missing or PyAV is, else ValueError or OSError.
    """

    def __init__(self, stream: BinaryIO, audio_format: str):
        try:
            import av
        except ImportError:
            raise AudioError(f"needs PyAV to read {audio_format}: uv pip install av") from None
        stream.seek(0)
        self._av = av
        demuxer = FORMATS[audio_format]
        try:
            self._container = av.open(stream, format=demuxer, metadata_errors="ignore")
        except av.FFmpegError as error:
            raise ValueError(error.strerror) from None
        streams = self._container.streams.audio
        # Decoding without a codec would end the process (PyAV issue 2344).
        if not streams or streams[0].codec_context is None:
            self._container.close()
            raise ValueError("holds no audio that can be decoded")
        self._stream = streams[0]
        self._stream.codec_context.thread_count = 1
        # MP4 gives its length in samples, without padding; the others guess it or give ms.
        self._exact = audio_format == "mp4"
        self.rate_hz = self._stream.codec_context.sample_rate
        self.notes: list[str] = []  # as of libsndfile's
        self.frames = 0  # decoded until now

    def __exit__(self, *_error) -> None:
        self._container.close()

    def check(self) -> None:
        """Do nothing: what the header could be wrong about shows in decoding only."""

    def read(self, start: int, frames: int | None) -> np.ndarray:
        """Return float32 [frames], the mean of the channels, from frame `start` on."""
        end = None if frames is None else start + frames
        decoded = self._decode(end)
        self.frames = len(decoded)
        declared = self._declared_frames()
        whole = end is None or len(decoded) < end
        missing = 0 if declared is None else declared - len(decoded)
        if whole and missing > SHORT_S * self.rate_hz:
            raise AudioError(
                f"truncated ({missing / self.rate_hz:.2f} s are missing of what its header says)",
                "truncated",
            )
        if self._exact and declared is not None:
            end = declared if end is None else min(end, declared)
        return decoded[start:end]

    def _decode(self, end: int | None) -> np.ndarray:
        """Return float32 [frames] from the file's beginning to `end` at least, or to its own."""
        blocks = [np.zeros(0, np.float32)]
        decoded = 0
        resampler = self._av.AudioResampler(format="fltp")  # to float; the rate stays
        try:
            for packed in self._container.decode(self._stream):
                for frame in resampler.resample(packed):
                    if frame.sample_rate != self.rate_hz:
                        raise ValueError(
                            f"changes its sample rate from {self.rate_hz} to {frame.sample_rate} Hz"
                        )
                    blocks.append(frame.to_ndarray().mean(axis=0))
                    decoded += len(blocks[-1])
                if end is not None and decoded >= end:
                    break
        except self._av.InvalidDataError:
            message = "truncated or damaged (decoding stops before the end)"
            raise AudioError(message, "truncated") from None
        except self._av.FFmpegError as error:
            # Such as "not yet implemented", of a bit that no encoder sets.
            raise ValueError(error.strerror) from None
        return np.concatenate(blocks)

    def _declared_frames(self) -> int | None:
        if self._exact:
            duration = self._stream.duration
            unit_s = self._stream.time_base
            return None if duration is None else round(duration * unit_s * self.rate_hz)
        if not self._container.format.name.startswith("matroska"):
            return None
        duration = self._container.duration
        return None if duration is None else round(duration / self._av.time_base * self.rate_hz)
