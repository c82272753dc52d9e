"""TRILL's calling convention, both ways: export a network with it, and use any SavedModel (or TF-Hub module) that has it.

outputs = module(samples=[T] or [B, T] float32 in [-1, 1], sample_rate=16000)
outputs[key]    [time, D] or [B, time, D], one row per 170 ms; TRILL: 'embedding' D = 512, 'layer19' D = 12,288
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

from frill import frontend_tf
from frill.audio import SAMPLE_RATE_HZ, to_float
from frill.errors import UserError
from frill.frontend import MIN_SAMPLES, window_count

BATCH_SAMPLES = 1_280_000  # 80 s of audio a call: bounds the memory of a 12,288-wide output to about 25 MB


class TeacherError(UserError):
    """A teacher that does not keep the convention; the message is for the user."""


class Teacher:
    """One output of a SavedModel teacher. `values` is D."""

    def __init__(self, folder: Path, output: str):
        try:
            self._module = hub.load(str(folder))
        except (OSError, ValueError) as error:
            raise TeacherError(f"teacher.source: {folder} cannot be loaded as a SavedModel: {_line(error)}") from None
        self._output = output
        # One signature for every length: a loaded module retraces for each new one (80 ms each).
        self._call = tf.function(self._call_module, input_signature=[tf.TensorSpec([None, None], tf.float32)])
        outputs = self._outputs(np.zeros([1, 2 * MIN_SAMPLES], np.float32))
        if output not in outputs:
            raise TeacherError(f"teacher.output = {output!r}: the teacher returns {', '.join(sorted(outputs))}; name one of them")
        shape, expected = tuple(outputs[output].shape), window_count(2 * MIN_SAMPLES)
        if len(shape) != 3 or shape[:2] != (1, expected):
            raise TeacherError(
                f"teacher.output = {output!r} has shape {list(shape)} for 2 s of audio; expected [1, {expected}, D], "
                "one row per 170 ms; choose another output or teacher"
            )
        self.values = int(shape[2])

    def _call_module(self, samples):
        return dict(self._module(samples=samples, sample_rate=SAMPLE_RATE_HZ))

    def _outputs(self, samples) -> dict:
        try:
            return self._call(samples)
        except (ValueError, TypeError, tf.errors.OpError) as error:
            raise TeacherError(
                f"teacher.source: the model cannot be called as module(samples=[B, T] float32, sample_rate=16000): {_line(error)}"
            ) from None

    def embed(self, clips: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Clips int16 [samples] -> one float32 [windows, D] a clip, in order.

        Clips are batched with zero padding at their ends; the windows that only the padding has are dropped.
        """
        batch: list[np.ndarray] = []
        longest = 0
        for samples in clips:
            padded = max(longest, len(samples), MIN_SAMPLES)
            if batch and padded * (len(batch) + 1) > BATCH_SAMPLES:
                yield from self._embed_batch(batch)
                batch, padded = [], max(len(samples), MIN_SAMPLES)
            batch.append(samples)
            longest = padded
        if batch:
            yield from self._embed_batch(batch)

    def _embed_batch(self, batch: list[np.ndarray]) -> Iterator[np.ndarray]:
        counts = [window_count(len(samples)) for samples in batch]
        padded = np.zeros([len(batch), max(MIN_SAMPLES, *map(len, batch))], np.float32)
        for row, samples in zip(padded, batch, strict=True):
            row[: len(samples)] = to_float(samples)
        values = self._call(padded)[self._output].numpy()
        for row, count in zip(values, counts, strict=True):
            if len(row) < count:
                raise TeacherError(f"the teacher gave {len(row)} windows where {count} were expected; it must give one row per 170 ms")
            yield row[:count]


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


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
