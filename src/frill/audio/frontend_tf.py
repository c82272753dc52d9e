"""TRILL's log-mel frontend as TensorFlow operations, for models that take samples.

frill.audio.frontend has the one in numpy, and the constants.
"""

import tensorflow as tf

from frill.audio import frontend as f


def windows(samples: tf.Tensor) -> tf.Tensor:
    """Return float32 [..., windows, 96, 64] of float [..., samples] in [-1, 1].

    Short audio is zero-padded at the end to one window. The FFT computes in float32, as TFLite must
    run it; TRILL's is of float64.
    """
    missing = tf.maximum(0, f.MIN_SAMPLES - tf.shape(samples)[-1])
    padding = tf.concat([tf.zeros([tf.rank(samples) - 1, 2], tf.int32), [[0, missing]]], axis=0)
    samples = tf.pad(tf.cast(samples, tf.float32), padding)
    frames = tf.signal.frame(samples, f.FRAME_SAMPLES, f.HOP_SAMPLES)
    magnitude = tf.abs(tf.signal.rfft(frames * tf.constant(f.hann(), tf.float32), [f.FFT_SAMPLES]))
    mel = tf.tensordot(magnitude, tf.constant(f.mel_matrix(), tf.float32), 1)
    log_mel = tf.math.log(tf.maximum(mel, f.MEL_FLOOR) + f.LOG_OFFSET)
    return tf.signal.frame(log_mel, f.WINDOW_FRAMES, f.WINDOW_HOP_FRAMES, axis=-2)
