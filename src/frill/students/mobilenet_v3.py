"""MobileNetV3 as FRILL's students use it, on log-mel windows [96, 64, 1].

Block tables, width rule, squeeze-and-excite and padding are those of Keras's mobilenet_v3 at
TensorFlow 2.3, the version current when FRILL was made. Its "order A" is Conv_1, then Conv_2 on the
3 x 2 map, then pooling. Later versions pool before Conv_2: there the pooling axis means nothing.
`tiny` is `small` without its blocks 7 and 10 and with 512 last channels (google-research,
distillation/models.py).
"""

from dataclasses import dataclass

import tf_keras as keras

RELU, HARD_SWISH = "relu", "hard_swish"


@dataclass(frozen=True)
class Block:
    """An inverted residual: 1x1 to `expansion` x input channels, depthwise, 1x1 to `channels`."""

    expansion: float
    channels: int
    kernel: int
    stride: int
    squeeze_excite: bool
    activation: str


SMALL = (
    Block(1, 16, 3, 2, True, RELU),
    Block(72 / 16, 24, 3, 2, False, RELU),
    Block(88 / 24, 24, 3, 1, False, RELU),
    Block(4, 40, 5, 2, True, HARD_SWISH),
    Block(6, 40, 5, 1, True, HARD_SWISH),
    Block(6, 40, 5, 1, True, HARD_SWISH),
    Block(3, 48, 5, 1, True, HARD_SWISH),
    Block(3, 48, 5, 1, True, HARD_SWISH),
    Block(6, 96, 5, 2, True, HARD_SWISH),
    Block(6, 96, 5, 1, True, HARD_SWISH),
    Block(6, 96, 5, 1, True, HARD_SWISH),
)
LARGE = (
    Block(1, 16, 3, 1, False, RELU),
    Block(4, 24, 3, 2, False, RELU),
    Block(3, 24, 3, 1, False, RELU),
    Block(3, 40, 5, 2, True, RELU),
    Block(3, 40, 5, 1, True, RELU),
    Block(3, 40, 5, 1, True, RELU),
    Block(6, 80, 3, 2, False, HARD_SWISH),
    Block(2.5, 80, 3, 1, False, HARD_SWISH),
    Block(2.3, 80, 3, 1, False, HARD_SWISH),
    Block(2.3, 80, 3, 1, False, HARD_SWISH),
    Block(6, 112, 3, 1, True, HARD_SWISH),
    Block(6, 112, 3, 1, True, HARD_SWISH),
    Block(6, 160, 5, 2, True, HARD_SWISH),
    Block(6, 160, 5, 1, True, HARD_SWISH),
    Block(6, 160, 5, 1, True, HARD_SWISH),
)
TINY = tuple(block for index, block in enumerate(SMALL) if index not in (7, 10))
# Blocks, last channels.
BACKBONES = {"tiny": (TINY, 512), "small": (SMALL, 1024), "large": (LARGE, 1280)}


def round_channels(channels: float) -> int:
    """Return the channels rounded to a multiple of 8, by MobileNet's rule.

    They are at least 8 and not under 0.9 of what was asked for.
    """
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def count_last_channels(backbone: str, width: float) -> int:
    """Return the channels of Conv_2, which are scaled by a width over 1 only."""
    channels = BACKBONES[backbone][1]
    return round_channels(channels * width) if width > 1.0 else channels


def mobilenet_v3(inputs, backbone: str, width: float, batch_norm_momentum: float):
    """Return the features [B, 3, 2, last_channels] of a tensor [B, 96, 64, 1]."""
    blocks, _ = BACKBONES[backbone]

    def norm(x, name, gamma="ones"):
        return keras.layers.BatchNormalization(
            epsilon=1e-3, momentum=batch_norm_momentum, gamma_initializer=gamma, name=f"{name}_bn"
        )(x)

    def pointwise(x, channels, name, use_bias=False):
        return keras.layers.Conv2D(channels, 1, use_bias=use_bias, name=name)(x)

    x = keras.layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False, name="stem")(inputs)
    x = activate(norm(x, "stem"), HARD_SWISH)
    for index, block in enumerate(blocks):
        name = f"block{index}"
        skip, channels = x, x.shape[-1]
        if index > 0:
            x = pointwise(x, round_channels(channels * block.expansion), f"{name}_expand")
            x = activate(norm(x, f"{name}_expand"), block.activation)
        padding = "same"
        if block.stride == 2:
            padding = "valid"
            around = _stride_2_padding(x.shape[1:3], block.kernel)
            x = keras.layers.ZeroPadding2D(around, name=f"{name}_pad")(x)
        x = keras.layers.DepthwiseConv2D(
            block.kernel, block.stride, padding, use_bias=False, name=f"{name}_depthwise"
        )(x)
        x = activate(norm(x, f"{name}_depthwise"), block.activation)
        if block.squeeze_excite:
            x = _squeeze_excite(x, f"{name}_se")
        projected = round_channels(block.channels * width)
        has_skip = block.stride == 1 and projected == channels
        # Residual blocks begin as the identity (arXiv 1706.02677, section 5.1): deep students
        # otherwise learn slower than tiny ones.
        gamma = "zeros" if has_skip else "ones"
        x = norm(pointwise(x, projected, f"{name}_project"), f"{name}_project", gamma)
        if has_skip:
            x = keras.layers.Add(name=f"{name}_add")([skip, x])
    x = pointwise(x, round_channels(6 * x.shape[-1]), "conv_1")
    x = activate(norm(x, "conv_1"), HARD_SWISH)
    x = pointwise(x, count_last_channels(backbone, width), "conv_2", use_bias=True)
    return activate(x, HARD_SWISH)


def activate(x, activation: str):
    """Return relu, or hard-swish, which is x relu6(x + 3) / 6."""
    if activation == RELU:
        return keras.layers.ReLU()(x)
    return keras.layers.Multiply()([x, _hard_sigmoid(x)])


def _hard_sigmoid(x):
    return keras.layers.ReLU(6.0)(x + 3.0) * (1.0 / 6.0)


def _squeeze_excite(x, name: str):
    channels = x.shape[-1]
    gate = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(x)
    gate = keras.layers.Conv2D(round_channels(channels * 0.25), 1, name=f"{name}_reduce")(gate)
    gate = keras.layers.ReLU()(gate)
    gate = _hard_sigmoid(keras.layers.Conv2D(channels, 1, name=f"{name}_expand")(gate))
    return keras.layers.Multiply(name=f"{name}_scale")([x, gate])


def _stride_2_padding(shape, kernel: int):
    """Return Keras's correct_pad: before an even input one row and column less than after it."""
    half = kernel // 2
    return tuple((half - 1 + length % 2, half) for length in shape)
