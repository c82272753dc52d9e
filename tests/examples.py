"""Audio, targets and models that several tests use; small, and the same every time."""

import io
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from frill.audio import clip_writer, frontend
from frill.audio.clips import Clip, Rejected
from frill.targets.store import Projection


def speechlike(samples: int, seed: int = 0) -> np.ndarray:
    """Return int16 [samples] at 16 kHz: a gliding voice in syllables, some noise and silences."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(samples) / 16000
    pitch_hz = rng.uniform(90, 250) * (1 + 0.2 * np.sin(2 * np.pi * rng.uniform(1, 4) * time_s))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / 16000
    voice = sum(np.sin(k * phase) * rng.uniform(0.2, 1) / k for k in range(1, 20))
    syllables = np.maximum(0, np.sin(2 * np.pi * rng.uniform(2, 5) * time_s + rng.uniform(0, 6)))
    sound = 0.2 * voice * syllables + 0.003 * rng.standard_normal(samples)
    sound[samples // 3 : samples // 3 + 800] = 0
    return np.clip(np.rint(32767 * sound), -32768, 32767).astype(np.int16)


def write_clips(folder: Path, items: Iterable[Clip | Rejected]) -> clip_writer.Written:
    """Write a clip store that nothing interrupts."""
    with tempfile.TemporaryDirectory() as scratch:
        return clip_writer.write_clips(folder, lambda _done: items, Path(scratch, "set/work"))


# Of the clips of conftest's `store`: a window, less, several, less than a frame, a remainder.
STORE_SAMPLES = [16000, 5000, 40000, 100, 33333]


def write_target_store(
    folder: Path, train: int = 24, validation: int = 8, values: int = 6, teacher_values: int = 10
) -> Path:
    """Write a target store of speechlike windows.

    Targets are a random linear map of each window's mean spectrum.
    """
    rng = np.random.default_rng(1)
    count = train + validation
    clips = [speechlike(32000, seed) for seed in range(count // 7 + 1)]  # of seven windows each
    windows = np.concatenate([frontend.windows(clip) for clip in clips])[:count]
    targets = (windows.mean(axis=1) - windows.mean(axis=(0, 1))) @ rng.normal(0, 0.5, (64, values))
    folder.mkdir(parents=True)
    for split, rows in (("train", slice(0, train)), ("validation", slice(train, None))):
        np.save(folder / f"{split}-windows.npy", windows[rows].astype(np.float16))
        np.save(folder / f"{split}-targets.npy", targets[rows].astype(np.float16))
    basis = np.linalg.qr(rng.normal(size=(teacher_values, values)))[0].T.astype(np.float32)
    mean = np.zeros(teacher_values, np.float32)
    deviation = targets.std(axis=0).astype(np.float32)
    variance = float(np.square(targets[train:] - targets[train:].mean(axis=0)).sum(axis=1).mean())
    Projection(mean, basis, deviation, 0.5, variance + 0.5).save(folder / "projection.npz")
    return folder


def tone(hz: float, rate_hz: int, seconds: float, amplitude: float = 0.5) -> np.ndarray:
    """Return a sine, float64 [samples]."""
    return amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)


def encode(
    samples: np.ndarray,
    rate_hz: int,
    container: str,
    codec: str,
    options: dict | None = None,
    quality: int | None = None,
) -> bytes:
    """Return a file of float [channels, samples] as FFmpeg writes it.

    `quality` asks for a variable bit rate.
    """
    av = pytest.importorskip("av")
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/audio"
        with av.open(path, "w", format=container, options=options or {}) as file:
            layout = {1: "mono", 2: "stereo"}[len(samples)]
            stream = file.add_stream(codec, rate=rate_hz, layout=layout)
            if quality is not None:
                stream.options = {
                    "q": str(quality),
                    "flags": "+qscale",
                    "global_quality": str(quality * 118),
                }
            for start in range(0, samples.shape[1], 1024):
                block = np.ascontiguousarray(samples[:, start : start + 1024], np.float32)
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
                frame.sample_rate = rate_hz
                frame.pts = start
                file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
        return Path(path).read_bytes()


def archive(files: list[tuple[str, bytes]], odd: list[tarfile.TarInfo] = ()) -> bytes:
    """Return a plain tar of (name, content), and of what `odd_member` makes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for info in odd:
            tar.addfile(info)
    return buffer.getvalue()


def odd_member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """Return a link or device."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info


def some_clips(count: int = 7) -> Iterator[Clip]:
    """Yield clips of 300, 400, 500 ... samples."""
    rng = np.random.default_rng(3)
    for index in range(count):
        samples = rng.integers(-32768, 32768, 300 + 100 * index).astype(np.int16)
        yield Clip(
            f"c{index}",
            samples,
            label="ab"[index % 2],
            speaker=f"s{index % 3}",
            split="train",
            fold="",
            source=f'x,"{index}".wav',
        )


# Accuracy in percent as the frill/1 model card prints it: released SavedModel, FRILL of the paper,
# TRILL.
CARD = {
    "voxceleb1": (45.5, 44.5, 46.8),
    "voxforge": (78.8, 76.9, 84.5),
    "speech_commands": (81.2, 79.7, 81.7),
    "crema_d": (71.3, 70.9, 65.9),
    "savee": (63.3, 67.5, 70.0),
    "masked_speech": (68.0, 65.7, 65.8),
    "esc50_human": (87.9, 86.4, 86.4),
}
