"""The teacher that this repository can train: a residual network with 1,048,672 parameters.

    windows [B, 96, 64] -> layer19 [B, 12288] (the 6 x 4 x 512 map before its activation)
                           embedding [B, 512] (unit length)

TRILL (arXiv 2002.12764) names its outputs so. Its network is a larger ResNet whose exact depth is
not published.
"""

import tensorflow as tf
import tf_keras as keras

from frill.audio.frontend import INPUT_OFFSET, INPUT_SCALE, WINDOW_SHAPE

LAYER19, EMBEDDING = "layer19", "embedding"
STAGES = ((48, 2), (96, 2), (192, 2))  # channels, stride; after a stem of 32 channels and stride 2
LAYER19_CHANNELS = 512
LAYER19_TIMES = 6
LAYER19_BANDS = 4
POOLED_VALUES = LAYER19_BANDS * LAYER19_CHANNELS
EMBEDDING_VALUES = 512
BATCH_NORM_MOMENTUM = 0.95


def build() -> keras.Model:
    """Return the network with random weights. It gives a dict of `layer19` and `embedding`."""
    inputs = keras.Input(WINDOW_SHAPE, name="windows")
    x = keras.layers.Rescaling(INPUT_SCALE, INPUT_OFFSET)(inputs)
    x = _conv_norm(x, 32, 3, 2, relu=True)
    for channels, stride in STAGES:
        skip = x
        x = _conv_norm(x, channels, 3, stride, relu=True)
        x = _conv_norm(x, channels, 3, 1)
        skip = _conv_norm(skip, channels, 1, stride)
        x = keras.layers.ReLU()(keras.layers.Add()([x, skip]))
    x = _conv_norm(x, LAYER19_CHANNELS, 1, 1)
    layer19 = keras.layers.Flatten(name=LAYER19)(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x))
    x = keras.layers.Dense(EMBEDDING_VALUES)(x)
    embedding = keras.layers.UnitNormalization(name=EMBEDDING)(x)
    return keras.Model(inputs, {LAYER19: layer19, EMBEDDING: embedding}, name="teacher")


def pool_over_time(layer19: tf.Tensor) -> tf.Tensor:
    """Return the mean over a window's time, float [B, POOLED_VALUES], of `layer19` [B, 12288]."""
    return tf.reduce_mean(tf.reshape(layer19, [-1, LAYER19_TIMES, POOLED_VALUES]), axis=1)


def _conv_norm(x, channels, kernel, stride, relu=False):
    x = keras.layers.Conv2D(channels, kernel, stride, "same", use_bias=False)(x)
    x = keras.layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM)(x)
    return keras.layers.ReLU()(x) if relu else x
