"""Teachers with TRILL's calling convention, both ways: export a network with it, and use any SavedModel (or TF-Hub module) that has it.

outputs = module(samples=[T] or [B, T] float32 in [-1, 1], sample_rate=16000)
outputs[key]    [time, D] or [B, time, D], one row per 170 ms; TRILL: 'embedding' D = 512, 'layer19' D = 12,288

Teachers of other conventions become that here: calling_convention.py finds how to call one, Teacher makes one row per 170 ms of what it gives.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

from frill.audio import frontend_tf
from frill.audio.frontend import MIN_SAMPLES, window_count
from frill.audio.waveform import SAMPLE_RATE_HZ, to_float
from frill.teacher import batching, calling_convention
from frill.teacher.batching import Part
from frill.teacher.calling_convention import TeacherError, line


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
            raise TeacherError(
                f"teacher.source: {folder} cannot be loaded as a SavedModel: {line(error)}"
            ) from None
        self._output = output
        clips, samples = 2, 2 * MIN_SAMPLES
        self._call, outputs = calling_convention.find(
            self.module, np.zeros([clips, samples], np.float32)
        )
        if output not in outputs:
            raise TeacherError(
                f"teacher.output = {output!r}: the teacher returns {', '.join(sorted(outputs))}; name one of them"
            )
        shape, rows = tuple(outputs[output].shape), window_count(samples)
        levels = {(clips, rows): "time", (clips * rows,): "flat", (clips,): "clip"}
        if shape[:-1] not in levels:
            rate = (
                f" ({shape[1]} rows, one per {1000 * samples / SAMPLE_RATE_HZ / shape[1]:.0f} ms)"
                if len(shape) == 3 and shape[1]
                else ""
            )
            raise TeacherError(
                f"teacher.output = {output!r} has shape {list(shape)} for two clips of 2 s{rate}; expected [2, {rows}, D], one row per 170 ms, "
                f"[{clips * rows}, D], or [2, D] of a teacher of whole clips; choose another output or teacher"
            )
        self.level = levels[shape[:-1]]
        self.values = int(shape[-1])

    @property
    def call_samples(self) -> int:
        """The least audio that gives one row."""
        return batching.CONTEXT_SAMPLES if self.level == "clip" else MIN_SAMPLES

    def outputs(self, samples: tf.Tensor) -> tf.Tensor:
        """float32 [B, T] -> the output as the model gives it. For graphs around it."""
        return self._call(samples)[self._output]

    def embed(
        self, clips: Iterable[np.ndarray], positions: Iterable[np.ndarray | None] | None = None
    ) -> Iterator[np.ndarray]:
        """Clips int16 [samples] -> one float32 [rows, D] a clip, in order. Raises TeacherError.

        `positions` has for each clip the wanted rows' places on the 170 ms grid, ascending, or None for all; the teacher hears no more of the clip
        than they need. Parts of like lengths are batched with zero padding at their ends; the rows that only the padding has are dropped. The teacher
        runs in a thread of its own, up to CHUNK_SAMPLES ahead of what is taken from the iterator.
        """
        cut = batching.contexts if self.level == "clip" else batching.cut
        ahead: list[list[tuple[Future, int]]] = []
        pool = ThreadPoolExecutor(1)
        try:
            for chunk in batching.chunks(
                map(cut, clips, repeat(None) if positions is None else positions)
            ):
                ready, ahead = ahead, self._submit(pool, chunk)
                yield from map(_gathered, ready)
            yield from map(_gathered, ahead)
        finally:
            pool.shutdown(cancel_futures=True)

    def _submit(
        self, pool: ThreadPoolExecutor, chunk: list[list[Part]]
    ) -> list[list[tuple[Future, int]]]:
        """For each part of each clip the batch it is in and its place there."""
        every = [part for clip in chunk for part in clip]
        places: dict[int, tuple[Future, int]] = {}
        for batch in batching.batches(every):
            future = pool.submit(self._embed_batch, [every[index] for index in batch])
            places |= {index: (future, place) for place, index in enumerate(batch)}
        in_order = iter(range(len(every)))
        return [[places[next(in_order)] for _ in clip] for clip in chunk]

    def _embed_batch(self, batch: list[Part]) -> list[np.ndarray]:
        padded = np.zeros(
            [len(batch), max(MIN_SAMPLES, *(len(part.samples) for part in batch))], np.float32
        )
        for row, part in zip(padded, batch, strict=True):
            row[: len(part.samples)] = to_float(part.samples)
        values, expected = (
            self._rows(padded),
            1 if self.level == "clip" else window_count(padded.shape[1]),
        )
        if values.size != len(batch) * expected * self.values:
            raise TeacherError(
                f"teacher.source: the teacher gave shape {list(values.shape)} for {list(padded.shape)} samples where {expected} rows a clip, "
                "one per 170 ms, were expected; choose another output or teacher"
            )
        values = values.reshape(len(batch), expected, self.values)
        return [rows[part.rows] for rows, part in zip(values, batch, strict=True)]

    def _rows(self, samples: np.ndarray) -> np.ndarray:
        try:
            return self._call(tf.constant(samples))[self._output].numpy()
        except tf.errors.OpError as error:
            raise TeacherError(
                f"teacher.source: the teacher failed on {list(samples.shape)} samples: {line(error)}"
            ) from None


def _gathered(places: list[tuple[Future, int]]) -> np.ndarray:
    """A clip's rows, of all its parts."""
    rows = [future.result()[place] for future, place in places]
    return rows[0] if len(rows) == 1 else np.concatenate(rows)


def export(network, folder: Path) -> None:
    """Writes a Keras model of windows (outputs: a dict of [B, D]) as a SavedModel with TRILL's convention."""
    tf.saved_model.save(_Module(network), str(folder))
    (folder / "fingerprint.pb").unlink(
        missing_ok=True
    )  # a hash of the graph with its random names: differs between equal models


class _Module(tf.Module):
    def __init__(self, network):
        super().__init__()
        # Variables and a closure, not the Keras model: saving that would trace every layer once more.
        self.kept = network.variables
        self._run = lambda windows: network(windows, training=False)
        for shape in ([None], [None, None]):
            spec = tf.TensorSpec(shape, tf.float32, name="samples")
            self.__call__.get_concrete_function(
                samples=spec, sample_rate=tf.TensorSpec([], tf.int32, name="sample_rate")
            )

    @tf.function
    def __call__(self, samples, sample_rate):
        message = f"sample_rate must be {SAMPLE_RATE_HZ}; resample the audio"
        with tf.control_dependencies(
            [tf.debugging.assert_equal(sample_rate, SAMPLE_RATE_HZ, message)]
        ):
            windows = frontend_tf.windows(samples)
        outputs = self._run(tf.reshape(windows, [-1, *windows.shape[-2:], 1]))
        lead = tf.shape(windows)[:-2]
        return {
            key: tf.reshape(value, tf.concat([lead, [value.shape[-1]]], 0))
            for key, value in outputs.items()
        }
