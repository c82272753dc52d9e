"""Audio that libsndfile cannot read, through FFmpeg's libraries (package av, which brings them)."""

from typing import BinaryIO

import numpy as np

# Content: FFmpeg's demuxer, named so that it never probes for others, some of which open further files or addresses.
FORMATS = {"mp4": "mp4", "aac": "aac", "webm": "matroska", "mp3": "mp3"}
SHORT_S = 0.1  # less than this is the encoder's padding, more is missing audio


class Missing(Exception):
    """The package av is not installed."""


class Truncated(Exception):
    """The file ends before its header says."""


class Audio:
    """The first audio stream of a file, open while the `with` lasts. Raises ValueError and OSError for what cannot be read, Missing, Truncated."""

    def __init__(self, stream: BinaryIO, what: str):
        try:
            import av
        except ImportError:
            raise Missing(f"needs PyAV to read {what}: uv pip install av") from None
        stream.seek(0)
        self._av = av
        try:
            self._container = av.open(stream, format=FORMATS[what], metadata_errors="ignore")
        except av.FFmpegError as error:
            raise ValueError(error.strerror) from None
        streams = self._container.streams.audio
        if (
            not streams or streams[0].codec_context is None
        ):  # decoding without a codec would end the process (PyAV issue 2344)
            self._container.close()
            raise ValueError("holds no audio that can be decoded")
        self._stream = streams[0]
        self._stream.codec_context.thread_count = 1
        self._exact = (
            what == "mp4"
        )  # its length is in samples, padding left out; the others' is a guess or in ms
        self.rate_hz = self._stream.codec_context.sample_rate

    def __enter__(self) -> "Audio":
        return self

    def __exit__(self, *_error) -> None:
        self._container.close()

    def check(self) -> None:
        """What the header could be wrong about shows in decoding only."""

    def read(self, start: int, frames: int | None) -> np.ndarray:
        """float32 [frames], the mean of the channels, from frame `start` on."""
        blocks, end, got = [np.zeros(0, np.float32)], None if frames is None else start + frames, 0
        resampler = self._av.AudioResampler(format="fltp")  # to float; the rate stays
        try:
            for packed in self._container.decode(self._stream):
                for frame in resampler.resample(packed):
                    if frame.sample_rate != self.rate_hz:
                        raise ValueError(
                            f"changes its sample rate from {self.rate_hz} to {frame.sample_rate} Hz"
                        )
                    blocks.append(frame.to_ndarray().mean(axis=0))
                    got += len(blocks[-1])
                if end is not None and got >= end:
                    break
        except self._av.InvalidDataError:
            raise Truncated("truncated or damaged (decoding stops before the end)") from None
        except (
            self._av.FFmpegError
        ) as error:  # such as "not yet implemented", of a bit that no encoder sets
            raise ValueError(error.strerror) from None
        declared = self._declared_frames()
        whole = end is None or got < end
        if whole and declared is not None and got < declared - SHORT_S * self.rate_hz:
            raise Truncated(
                f"truncated ({(declared - got) / self.rate_hz:.2f} s are missing of what its header says)"
            )
        if self._exact and declared is not None:
            end = declared if end is None else min(end, declared)
        return np.concatenate(blocks)[start:end]

    def _declared_frames(self) -> int | None:
        if self._exact:
            duration = self._stream.duration
            return (
                None
                if duration is None
                else round(duration * self._stream.time_base * self.rate_hz)
            )
        duration = (
            self._container.duration if self._container.format.name.startswith("matroska") else None
        )
        return None if duration is None else round(duration / self._av.time_base * self.rate_hz)
