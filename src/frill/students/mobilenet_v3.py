"""MobileNetV3 as FRILL's students use it, on log-mel windows [96, 64, 1].

Block tables, width rule, squeeze-and-excite and padding are those of keras.applications.mobilenet_v3 at TensorFlow 2.3 ("order A": Conv_1, then
Conv_2 on the 3 x 2 map, then pooling), the version current when FRILL was made; later ones pool before Conv_2, which makes the pooling axis
meaningless. `tiny` is `small` without its blocks 7 and 10 and with 512 last channels (google-research, distillation/models.py).
"""

from dataclasses import dataclass

import tf_keras as keras

RELU, HARD_SWISH = "relu", "hard_swish"


@dataclass(frozen=True)
class Block:
    """An inverted residual: 1x1 expansion to `expansion` x input channels, depthwise `kernel`, 1x1 to `channels`."""

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
BACKBONES = {
    "tiny": (TINY, 512),
    "small": (SMALL, 1024),
    "large": (LARGE, 1280),
}  # blocks, last channels


def depth(channels: float) -> int:
    """Channels rounded to a multiple of 8, at least 8 and not under 0.9 of what was asked for (MobileNet's rule)."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def last_channels(backbone: str, width: float) -> int:
    """Channels of Conv_2: scaled by the width only where that is over 1."""
    channels = BACKBONES[backbone][1]
    return depth(channels * width) if width > 1.0 else channels


def mobilenet_v3(inputs, backbone: str, width: float, batch_norm_momentum: float):
    """Tensor [B, 96, 64, 1] -> tensor [B, 3, 2, last_channels], randomly initialised."""
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
        name, skip, channels = f"block{index}", x, x.shape[-1]
        if index > 0:
            x = pointwise(x, depth(channels * block.expansion), f"{name}_expand")
            x = activate(norm(x, f"{name}_expand"), block.activation)
        if block.stride == 2:
            x = keras.layers.ZeroPadding2D(
                _stride_2_padding(x.shape[1:3], block.kernel), name=f"{name}_pad"
            )(x)
        x = keras.layers.DepthwiseConv2D(
            block.kernel,
            block.stride,
            "same" if block.stride == 1 else "valid",
            use_bias=False,
            name=f"{name}_depthwise",
        )(x)
        x = activate(norm(x, f"{name}_depthwise"), block.activation)
        if block.squeeze_excite:
            x = _squeeze_excite(x, f"{name}_se")
        projected = depth(block.channels * width)
        has_skip = block.stride == 1 and projected == channels
        # Residual blocks begin as the identity (arXiv 1706.02677, section 5.1): deep students otherwise learn slower than tiny ones.
        x = norm(
            pointwise(x, projected, f"{name}_project"),
            f"{name}_project",
            "zeros" if has_skip else "ones",
        )
        if has_skip:
            x = keras.layers.Add(name=f"{name}_add")([skip, x])
    x = activate(norm(pointwise(x, depth(6 * x.shape[-1]), "conv_1"), "conv_1"), HARD_SWISH)
    return activate(
        pointwise(x, last_channels(backbone, width), "conv_2", use_bias=True), HARD_SWISH
    )


def activate(x, activation: str):
    """relu, or hard-swish: x relu6(x + 3) / 6."""
    return (
        keras.layers.ReLU()(x)
        if activation == RELU
        else keras.layers.Multiply()([x, _hard_sigmoid(x)])
    )


def _hard_sigmoid(x):
    return keras.layers.ReLU(6.0)(x + 3.0) * (1.0 / 6.0)


def _squeeze_excite(x, name):
    channels = x.shape[-1]
    gate = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(x)
    gate = keras.layers.ReLU()(
        keras.layers.Conv2D(depth(channels * 0.25), 1, name=f"{name}_reduce")(gate)
    )
    gate = _hard_sigmoid(keras.layers.Conv2D(channels, 1, name=f"{name}_expand")(gate))
    return keras.layers.Multiply(name=f"{name}_scale")([x, gate])


def _stride_2_padding(shape, kernel: int):
    """Keras's correct_pad: one row and column less before an even input than after it."""
    half = kernel // 2
    return tuple((half - 1 + length % 2, half) for length in shape)
