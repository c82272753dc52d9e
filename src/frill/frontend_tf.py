"""TRILL's log-mel frontend as TensorFlow operations, for models that take samples. frill.frontend has the numpy one and the constants."""

import tensorflow as tf

from frill import frontend as f


def windows(samples: tf.Tensor, dtype: tf.DType = tf.float32) -> tf.Tensor:
    """float [..., samples] in [-1, 1] -> float32 [..., windows, 96, 64], zero-padded at the end to one window.

    `dtype` is what the FFT computes in: float64 as TRILL does, float32 where TFLite must run it.
    """
    missing = tf.maximum(0, f.MIN_SAMPLES - tf.shape(samples)[-1])
    padding = tf.concat([tf.zeros([tf.rank(samples) - 1, 2], tf.int32), [[0, missing]]], axis=0)
    samples = tf.pad(tf.cast(samples, dtype), padding)
    frames = tf.signal.frame(samples, f.FRAME_SAMPLES, f.HOP_SAMPLES) * tf.constant(f.hann(), dtype)
    magnitude = tf.abs(tf.signal.rfft(frames, [f.FFT_SAMPLES]))
    mel = tf.tensordot(magnitude, tf.constant(f.mel_matrix(), dtype), 1)
    log_mel = tf.cast(tf.math.log(tf.maximum(mel, f.MEL_FLOOR) + f.LOG_OFFSET), tf.float32)
    return tf.signal.frame(log_mel, f.WINDOW_FRAMES, f.WINDOW_HOP_FRAMES, axis=-2)
