"""Miniature SavedModels with the signatures of published teachers.

A row of the TRILL-like ones is the mean square of its 0.96 s, times 1, 2, ..., D.
"""

from itertools import product

import tensorflow as tf

WINDOW, HOP, LEAST = 15600, 2720, 16000


def power_rows(samples, values: int):
    """Return the rows [..., time, values] of float32 [..., T]."""
    missing = tf.maximum(0, LEAST - tf.shape(samples)[-1])
    nothing = tf.zeros([tf.rank(samples) - 1, 2], tf.int32)
    samples = tf.pad(samples, tf.concat([nothing, [[0, missing]]], 0))
    frames = tf.signal.frame(samples, WINDOW, HOP)
    power = tf.reduce_mean(tf.square(frames), axis=-1, keepdims=True)
    return power * tf.range(1.0, values + 1)


class Trill(tf.Module):
    """TRILL: float32, float64 and int16, one clip or a batch, each a signature.

    Its sample_rate is int32; another rate is refused.
    """

    DTYPES = (tf.float32, tf.float64, tf.int16)
    RANKS = ([None], [None, None])
    KEYS = {"embedding": 4, "layer19": 6}
    RATE_HZ = 16000

    def __init__(self):
        super().__init__()
        rate = tf.TensorSpec([], tf.int32, name="sample_rate")
        for dtype, shape in product(self.DTYPES, self.RANKS):
            samples = tf.TensorSpec(shape, dtype, name="samples")
            self.__call__.get_concrete_function(samples, rate)

    @tf.function
    def __call__(self, samples, sample_rate):
        check = tf.debugging.assert_equal(sample_rate, self.RATE_HZ, f"only {self.RATE_HZ} Hz")
        full_scale = 32767.0 if samples.dtype == tf.int16 else 1.0
        with tf.control_dependencies([check]):
            scaled = tf.cast(samples, tf.float32) / full_scale
        return {key: power_rows(scaled, values) for key, values in self.KEYS.items()}


class TrillDistilled(Trill):
    KEYS = {"embedding": 8}


class OneClip(Trill):
    """Takes one clip a call."""

    DTYPES = (tf.float32,)
    RANKS = ([None],)


class Int16(Trill):
    DTYPES = (tf.int16,)
    RANKS = ([None, None],)


class OtherRate(Trill):
    RATE_HZ = 44100


class Frill(tf.Module):
    """Samples alone, batch and time flattened together (the card of frill/1)."""

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, name="inputs")])
    def __call__(self, inputs):
        return {"embedding": tf.reshape(power_rows(inputs, 5), [-1, 5])}


class Trillsson(tf.Module):
    """Samples alone, one row a clip: the mean squares of its seconds, and the number of samples."""

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, name="inputs")])
    def __call__(self, inputs):
        power = tf.square(inputs)
        length = tf.fill([tf.shape(inputs)[0]], tf.cast(tf.shape(inputs)[1], tf.float32))
        first, second = tf.reduce_mean(power[:, :16000], 1), tf.reduce_mean(power[:, 16000:], 1)
        return {"embedding": tf.stack([first, second, length], axis=1)}


class Served(tf.Module):
    """Cannot be called; its signature has names of its own and a float sample rate."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.float32, name="waveform"),
            tf.TensorSpec([], tf.float32, name="hertz"),
        ]
    )
    def run(self, waveform, hertz):
        with tf.control_dependencies([tf.debugging.assert_equal(hertz, 16000.0)]):
            return {"layer19": power_rows(waveform, 6)}


class Tuple(tf.Module):
    """Returns a tuple, its rows second."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def __call__(self, waveform):
        return tf.reduce_max(waveform), power_rows(waveform, 6)


def save(module: tf.Module, folder) -> None:
    signatures = None
    if isinstance(module, Served):
        signatures = {"serving_default": module.run.get_concrete_function()}
    tf.saved_model.save(module, str(folder), signatures=signatures)
