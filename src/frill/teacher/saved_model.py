"""Teachers with TRILL's calling convention, both ways: export a network with it, and use any SavedModel (or TF-Hub module) that has it.

outputs = module(samples=[T] or [B, T] float32 in [-1, 1], sample_rate=16000)
outputs[key]    [time, D] or [B, time, D], one row per 170 ms; TRILL: 'embedding' D = 512, 'layer19' D = 12,288

Teachers of other conventions become that here: calling.py finds how to call one, Teacher makes one row per 170 ms of what it gives.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

from frill import frontend_tf
from frill.audio import SAMPLE_RATE_HZ, to_float
from frill.frontend import FRAME_SAMPLES, HOP_SAMPLES, MIN_SAMPLES, WINDOW_FRAMES, WINDOW_HOP_FRAMES, window_count
from frill.teacher import calling
from frill.teacher.calling import TeacherError, line

BATCH_SAMPLES = 320_000  # 20 s of audio a call: as fast as more, and its activations stay in the cache
CHUNK_SAMPLES = 8 * BATCH_SAMPLES  # clips are sorted by length within so much audio; 12,288 values a window of it take 46 MB, twice
WINDOW_SAMPLES = (WINDOW_FRAMES - 1) * HOP_SAMPLES + FRAME_SAMPLES  # 15,600
GRID_SAMPLES = WINDOW_HOP_FRAMES * HOP_SAMPLES  # 2,720: 170 ms
CONTEXT_SAMPLES = 2 * SAMPLE_RATE_HZ  # what TRILLsson hears at once (arXiv 2203.00236)


class Teacher:
    """One output of a SavedModel teacher, as rows of one per 170 ms. `values` is D.

    `level` says what the model gives for a batch [B, T]:
    "time"  [B, time, D], as TRILL
    "flat"  [B * time, D], as FRILL
    "clip"  [B, D], as TRILLsson: called once per window, on the 2 s of audio around the window's middle. What lies before a clip's beginning or
            behind its end is zeros: for the first row of a clip its first 0.51 s.
    """

    def __init__(self, folder: Path, output: str):
        try:
            self.module = hub.load(str(folder))
        except (OSError, ValueError) as error:
            raise TeacherError(f"teacher.source: {folder} cannot be loaded as a SavedModel: {line(error)}") from None
        self._output = output
        clips, samples = 2, 2 * MIN_SAMPLES
        self._call, outputs = calling.find(self.module, np.zeros([clips, samples], np.float32))
        if output not in outputs:
            raise TeacherError(f"teacher.output = {output!r}: the teacher returns {', '.join(sorted(outputs))}; name one of them")
        shape, rows = tuple(outputs[output].shape), window_count(samples)
        levels = {(clips, rows): "time", (clips * rows,): "flat", (clips,): "clip"}
        if shape[:-1] not in levels:
            rate = f" ({shape[1]} rows, one per {1000 * samples / SAMPLE_RATE_HZ / shape[1]:.0f} ms)" if len(shape) == 3 and shape[1] else ""
            raise TeacherError(
                f"teacher.output = {output!r} has shape {list(shape)} for two clips of 2 s{rate}; expected [2, {rows}, D], one row per 170 ms, "
                f"[{clips * rows}, D], or [2, D] of a teacher of whole clips; choose another output or teacher"
            )
        self.level = levels[shape[:-1]]
        self.values = int(shape[-1])

    @property
    def call_samples(self) -> int:
        """The least audio that gives one row."""
        return CONTEXT_SAMPLES if self.level == "clip" else MIN_SAMPLES

    def outputs(self, samples: tf.Tensor) -> tf.Tensor:
        """float32 [B, T] -> the output as the model gives it. For graphs around it."""
        return self._call(samples)[self._output]

    def embed(self, clips: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Clips int16 [samples] -> one float32 [windows, D] a clip, in order. Raises TeacherError.

        Clips of like lengths are batched with zero padding at their ends; the windows that only the padding has are dropped. The teacher runs in a
        thread of its own, up to CHUNK_SAMPLES ahead of what is taken from the iterator.
        """
        ahead: list[tuple[Future, int]] = []
        pool = ThreadPoolExecutor(1)
        try:
            for chunk in _chunks(clips):
                ready, ahead = ahead, self._submit(pool, chunk)
                yield from (future.result()[place] for future, place in ready)
            yield from (future.result()[place] for future, place in ahead)
        finally:
            pool.shutdown(cancel_futures=True)

    def _submit(self, pool: ThreadPoolExecutor, chunk: list[np.ndarray]) -> list[tuple[Future, int]]:
        """For each clip the batch it is in and its place there."""
        places: dict[int, tuple[Future, int]] = {}
        for batch in _batches([len(samples) for samples in chunk]):
            future = pool.submit(self._embed_batch, [chunk[index] for index in batch])
            places |= {index: (future, place) for place, index in enumerate(batch)}
        return [places[index] for index in range(len(chunk))]

    def _embed_batch(self, batch: list[np.ndarray]) -> list[np.ndarray]:
        counts = [window_count(len(samples)) for samples in batch]
        if self.level == "clip":
            rows = np.concatenate([self._rows(contexts) for contexts in _grouped(contexts for samples in batch for contexts in _contexts(samples))])
            return np.split(rows, np.cumsum(counts)[:-1])
        padded = np.zeros([len(batch), max(MIN_SAMPLES, *map(len, batch))], np.float32)
        for row, samples in zip(padded, batch, strict=True):
            row[: len(samples)] = to_float(samples)
        values, expected = self._rows(padded), window_count(padded.shape[1])
        if values.size != len(batch) * expected * self.values:
            raise TeacherError(
                f"teacher.source: the teacher gave shape {list(values.shape)} for {list(padded.shape)} samples where {expected} rows a clip, "
                "one per 170 ms, were expected; choose another output or teacher"
            )
        values = values.reshape(len(batch), expected, self.values)
        return [rows[:kept] for rows, kept in zip(values, counts, strict=True)]

    def _rows(self, samples: np.ndarray) -> np.ndarray:
        try:
            return self._call(tf.constant(samples))[self._output].numpy()
        except tf.errors.OpError as error:
            raise TeacherError(f"teacher.source: the teacher failed on {list(samples.shape)} samples: {line(error)}") from None


def _chunks(clips: Iterable[np.ndarray]) -> Iterator[list[np.ndarray]]:
    """Clips in order, cut where they sum up to CHUNK_SAMPLES."""
    chunk, total = [], 0
    for samples in clips:
        chunk.append(samples)
        total += max(len(samples), MIN_SAMPLES)
        if total >= CHUNK_SAMPLES:
            yield chunk
            chunk, total = [], 0
    if chunk:
        yield chunk


def _batches(lengths: list[int]) -> Iterator[list[int]]:
    """Indices of clips that are called together, shortest first: what a batch holds after padding is at most BATCH_SAMPLES, or one clip."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and max(lengths[index], MIN_SAMPLES) * (len(batch) + 1) > BATCH_SAMPLES:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _contexts(samples: np.ndarray) -> Iterator[np.ndarray]:
    """int16 [samples] -> float32 [CONTEXT_SAMPLES] for each window, the window in the middle."""
    windows, before = window_count(len(samples)), (CONTEXT_SAMPLES - WINDOW_SAMPLES) // 2
    padded = np.zeros(max(before + len(samples), (windows - 1) * GRID_SAMPLES + CONTEXT_SAMPLES), np.float32)
    padded[before : before + len(samples)] = to_float(samples)
    return (padded[start : start + CONTEXT_SAMPLES] for start in range(0, windows * GRID_SAMPLES, GRID_SAMPLES))


def _grouped(contexts: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Stacks of at most BATCH_SAMPLES, [B, CONTEXT_SAMPLES] each."""
    most = max(1, BATCH_SAMPLES // CONTEXT_SAMPLES)
    while stack := list(islice(contexts, most)):
        yield np.stack(stack)


def export(network, folder: Path) -> None:
    """Writes a Keras model of windows (outputs: a dict of [B, D]) as a SavedModel with TRILL's convention."""
    tf.saved_model.save(_Module(network), str(folder))
    (folder / "fingerprint.pb").unlink(missing_ok=True)  # a hash of the graph with its random names: differs between equal models


class _Module(tf.Module):
    def __init__(self, network):
        super().__init__()
        # Variables and a closure, not the Keras model: saving that would trace every layer once more.
        self.kept = network.variables
        self._run = lambda windows: network(windows, training=False)
        for shape in ([None], [None, None]):
            spec = tf.TensorSpec(shape, tf.float32, name="samples")
            self.__call__.get_concrete_function(samples=spec, sample_rate=tf.TensorSpec([], tf.int32, name="sample_rate"))

    @tf.function
    def __call__(self, samples, sample_rate):
        message = f"sample_rate must be {SAMPLE_RATE_HZ}; resample the audio"
        with tf.control_dependencies([tf.debugging.assert_equal(sample_rate, SAMPLE_RATE_HZ, message)]):
            windows = frontend_tf.windows(samples)
        outputs = self._run(tf.reshape(windows, [-1, *windows.shape[-2:], 1]))
        lead = tf.shape(windows)[:-2]
        return {key: tf.reshape(value, tf.concat([lead, [value.shape[-1]]], 0)) for key, value in outputs.items()}
