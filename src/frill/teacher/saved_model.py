"""Teachers with TRILL's calling convention: export of a network with it, and use of any SavedModel.

outputs = module(samples=[T] or [B, T] float32 in [-1, 1], sample_rate=16000)
outputs[key]    [time, D] or [B, time, D], one row per 170 ms
                TRILL: 'embedding' D = 512, 'layer19' D = 12,288

Teachers of other conventions, TF-Hub modules too, become that here. calling_convention.py finds how
to call one, and Teacher makes one row per 170 ms of what it gives.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice, repeat
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

from frill.audio import frontend_tf
from frill.audio.frontend import MIN_SAMPLES, WINDOW_HOP_SAMPLES, count_windows
from frill.audio.waveform import SAMPLE_RATE_HZ, to_float
from frill.teacher import batching, calling_convention
from frill.teacher.batching import Part
from frill.teacher.calling_convention import TeacherError, shorten

PROBE_SAMPLES = 2 * MIN_SAMPLES
OUTSIDE_SHARE = 1e-3  # of a row's largest value: less is rounding
Row = tuple[Future, int]  # a batch, and the place in it of one part's rows


class Teacher:
    """One output of a SavedModel teacher, as one row per 170 ms. `values` is D.

    `level` says what the model gives for a batch [B, T]:
    "time"  [B, time, D], as TRILL
    "flat"  [B * time, D], as FRILL
    "clip"  [B, D], as TRILLsson. It is called once per window, on the 2 s of audio around the
            window's middle. Before a clip's beginning and behind its end there are zeros: for
            its first row they are the first 0.51 s.

    `hears_outside` says whether a row depends on audio outside of its window, as where a model
    normalises over the clip or attends to all of it. Such a model is called with whole clips as
    they are, or targets would be of other audio than scores.
    """

    def __init__(self, folder: Path, output: str):
        try:
            self.module = hub.load(str(folder))
        except (OSError, ValueError, IndexError, tf.errors.OpError) as error:
            raise TeacherError(
                f"teacher.source: {folder} cannot be loaded as a SavedModel "
                f"({shorten(error)}); fetch it again"
            ) from None
        self._output = output
        clips, samples = 2, PROBE_SAMPLES
        silence = np.zeros([clips, samples], np.float32)
        self._call, outputs = calling_convention.find_call(self.module, silence)
        if output not in outputs:
            raise TeacherError(
                f"teacher.output = {output!r}: the teacher returns {', '.join(sorted(outputs))}; "
                "name one of them"
            )
        shape, rows = tuple(outputs[output].shape), count_windows(samples)
        levels = {(clips, rows): "time", (clips * rows,): "flat", (clips,): "clip"}
        if shape[:-1] not in levels:
            rate = ""
            if len(shape) == 3 and shape[1]:
                hop_ms = 1000 * samples / SAMPLE_RATE_HZ / shape[1]
                rate = f" ({shape[1]} rows, one per {hop_ms:.0f} ms)"
            raise TeacherError(
                f"teacher.output = {output!r} has shape {list(shape)} for two clips of 2 s{rate}; "
                f"expected [2, {rows}, D], one row per 170 ms, [{clips * rows}, D], or [2, D] of a "
                "teacher of whole clips; choose another output or teacher"
            )
        self.level = levels[shape[:-1]]
        self.values = int(shape[-1])
        self.hears_outside = self.level != "clip" and self._hears_outside()

    @property
    def call_samples(self) -> int:
        """Return the least audio that gives one row."""
        return batching.CONTEXT_SAMPLES if self.level == "clip" else MIN_SAMPLES

    def outputs(self, samples: tf.Tensor) -> tf.Tensor:
        """Return the output as the model gives it for float32 [B, T]. For graphs around it."""
        return self._call(samples)[self._output]

    def embed(
        self, clips: Iterable[np.ndarray], positions: Iterable[np.ndarray | None] | None = None
    ) -> Iterator[np.ndarray]:
        """Yield one float32 [rows, D] for each of the clips int16 [samples], in order.

        `positions` has for each clip the places of the wanted rows on the 170 ms grid, ascending,
        or None for all. The teacher hears no more of the clip than they need. Parts of like lengths
        are batched with zero padding at their ends; rows of padding alone are dropped. A teacher
        that `hears_outside` of windows hears whole clips, in batches of equal lengths. The teacher
        runs in a thread of its own, up to CHUNK_SAMPLES ahead of what is taken from the iterator.
        Raises TeacherError.
        """
        cut = batching.cut_contexts if self.level == "clip" else batching.cut
        if self.hears_outside:
            cut = batching.keep_whole
        parts = map(cut, clips, repeat(None) if positions is None else positions)
        ahead: list[list[Row]] = []
        pool = ThreadPoolExecutor(1)
        try:
            for chunk in batching.group_chunks(parts):
                ready = ahead
                ahead = self._submit(pool, chunk)
                yield from map(_gather, ready)
            yield from map(_gather, ahead)
        finally:
            pool.shutdown(cancel_futures=True)

    def _hears_outside(self) -> bool:
        """Tell whether the middle row of noise changes with the noise outside of its window."""
        rng = np.random.default_rng(17)
        samples, other = rng.normal(0, [[0.05], [0.1]], (2, PROBE_SAMPLES)).astype(np.float32)
        row = count_windows(PROBE_SAMPLES) // 2
        window = slice(row * WINDOW_HOP_SAMPLES, row * WINDOW_HOP_SAMPLES + MIN_SAMPLES)
        other[window] = samples[window]
        same, changed = (
            self._rows(each[None]).reshape(-1, self.values)[row] for each in (samples, other)
        )
        return bool(np.abs(same - changed).max() > OUTSIDE_SHARE * np.abs(same).max())

    def _submit(self, pool: ThreadPoolExecutor, chunk: list[list[Part]]) -> list[list[Row]]:
        """Return where each part of each clip will be."""
        parts = list(chain.from_iterable(chunk))
        rows: dict[int, Row] = {}
        for batch in batching.group_batches(parts, pads=not self.hears_outside):
            future = pool.submit(self._embed_batch, [parts[index] for index in batch])
            rows |= {index: (future, place) for place, index in enumerate(batch)}
        in_order = (rows[index] for index in range(len(parts)))
        return [list(islice(in_order, len(clip))) for clip in chunk]

    def _embed_batch(self, batch: list[Part]) -> list[np.ndarray]:
        longest = max(len(part.samples) for part in batch)
        padded = np.zeros([len(batch), max(MIN_SAMPLES, longest)], np.float32)
        for row, part in zip(padded, batch, strict=True):
            row[: len(part.samples)] = to_float(part.samples)
        values = self._rows(padded)
        expected = 1 if self.level == "clip" else count_windows(padded.shape[1])
        if values.size != len(batch) * expected * self.values:
            raise TeacherError(
                f"teacher.source: the teacher gave shape {list(values.shape)} for "
                f"{list(padded.shape)} samples where {expected} rows a clip, one per 170 ms, were "
                "expected; choose another output or teacher"
            )
        values = values.reshape(len(batch), expected, self.values)
        return [rows[part.rows] for rows, part in zip(values, batch, strict=True)]

    def _rows(self, samples: np.ndarray) -> np.ndarray:
        try:
            return self.outputs(tf.constant(samples)).numpy()
        except tf.errors.OpError as error:
            raise TeacherError(
                f"teacher.source: the teacher failed on {list(samples.shape)} samples: "
                f"{shorten(error)}"
            ) from None


def _gather(rows: list[Row]) -> np.ndarray:
    """Return a clip's rows, of all its parts."""
    values = [future.result()[place] for future, place in rows]
    return values[0] if len(values) == 1 else np.concatenate(values)


def export(network, folder: Path) -> None:
    """Write a Keras model of windows as a SavedModel with TRILL's convention.

    The network's outputs are a dict of [B, D].
    """
    tf.saved_model.save(_Module(network), str(folder))
    # A hash of the graph with its random names, which differs between equal models.
    (folder / "fingerprint.pb").unlink(missing_ok=True)


class _Module(tf.Module):
    def __init__(self, network):
        super().__init__()
        # Variables and a closure: to save the Keras model would trace every layer once more.
        self.kept = network.variables
        self._run = lambda windows: network(windows, training=False)
        rate = tf.TensorSpec([], tf.int32, name="sample_rate")
        for shape in ([None], [None, None]):
            samples = tf.TensorSpec(shape, tf.float32, name="samples")
            self.__call__.get_concrete_function(samples=samples, sample_rate=rate)

    @tf.function
    def __call__(self, samples, sample_rate):
        message = f"sample_rate must be {SAMPLE_RATE_HZ}; resample the audio"
        check = tf.debugging.assert_equal(sample_rate, SAMPLE_RATE_HZ, message)
        with tf.control_dependencies([check]):
            windows = frontend_tf.windows(samples)
        outputs = self._run(tf.reshape(windows, [-1, *windows.shape[-2:], 1]))
        lead = tf.shape(windows)[:-2]
        return {
            key: tf.reshape(value, tf.concat([lead, [value.shape[-1]]], 0))
            for key, value in outputs.items()
        }
