"""What a student will weigh and cost, from its axes alone: equal to students.build.count, without building 144 networks.

A backbone is walked once as students/mobilenet_v3.py builds it; tests hold this to `count` and to the published 10.12 M parameters of FRILL.
"""

import math
from dataclasses import dataclass
from functools import cache

from frill.frontend import MEL_BANDS, WINDOW_FRAMES
from frill.params import Student

STEM_CHANNELS = 16
CHECKPOINT_BYTES = 12  # a trainable value: itself and Adam's two moments, float32
PRECISION_BYTES = {"float32": 4, "float16": 2, "dynamic": 1, "int8": 1}


@dataclass(frozen=True)
class Cost:
    """Of one student. `activations` are the values that its convolutions write for a window; `dense_adds` the bottleneck's multiply-adds."""

    parameters: int
    multiply_adds: int
    dense_adds: int
    activations: int
    weight_bytes: int
    file_bytes: int
    blocks: int

    def trained(self, bottleneck: int, target_values: int) -> int:
        """Values that are trained: the student's and its head's to the targets."""
        return self.parameters + (bottleneck + 1) * target_values


@cache
def cost(student: Student, bottleneck: int) -> Cost:
    """`file_bytes` is the .tflite's at its precision, within a few per cent."""
    from frill import tensorflow_setup  # noqa: F401 - before the network's module, which imports Keras: seconds, and never for a bad params.yaml
    from frill.students.mobilenet_v3 import BACKBONES, depth, last_channels

    walk = _Walk(STEM_CHANNELS)
    walk.convolve(WINDOW_FRAMES // 2, MEL_BANDS // 2, 3 * 3 * STEM_CHANNELS, STEM_CHANNELS)
    rows, columns = WINDOW_FRAMES // 2, MEL_BANDS // 2
    blocks, _ = BACKBONES[student.backbone]
    for index, block in enumerate(blocks):
        channels = walk.channels
        if index > 0:
            walk.convolve(rows, columns, channels * (wide := depth(channels * block.expansion)), wide)
        rows, columns = math.ceil(rows / block.stride), math.ceil(columns / block.stride)
        wide = walk.channels
        walk.convolve(rows, columns, block.kernel**2 * wide, wide)
        if block.squeeze_excite:
            squeezed = depth(wide * 0.25)
            walk.add(1, 2 * wide * squeezed, squeezed + wide)
        walk.convolve(rows, columns, wide * (projected := depth(block.channels * student.width)), projected)
    walk.convolve(rows, columns, walk.channels * (wide := depth(6 * walk.channels)), wide)
    last = last_channels(student.backbone, student.width)
    walk.add(rows * columns, wide * last, last)
    walk.activations += rows * columns * last
    pooled = last if student.pooling == "gap" else rows * columns * last
    rank = None if student.rank is None else min(student.rank, pooled, bottleneck)
    dense = pooled * bottleneck if rank is None else rank * (pooled + bottleneck)
    walk.add(1, dense, bottleneck)
    weight_bytes = 4 * (walk.parameters - walk.folded) - (3 * dense if student.qat else 0)
    file_bytes = min(weight_bytes, PRECISION_BYTES[student.precision] * (walk.parameters - walk.folded))
    return Cost(walk.parameters, walk.multiply_adds, dense, walk.activations, weight_bytes, file_bytes, len(blocks))


class _Walk:
    """Sums over layers; `folded` are batch norm's values that disappear in the converted file (three of a channel's four)."""

    def __init__(self, channels: int):
        self.parameters = self.multiply_adds = self.activations = self.folded = 0
        self.channels = channels

    def add(self, positions: int, kernel: int, biases: int) -> None:
        self.parameters += kernel + biases
        self.multiply_adds += positions * kernel

    def convolve(self, rows: int, columns: int, kernel: int, channels: int) -> None:
        """A convolution without bias to [rows, columns, channels], and its batch norm."""
        self.add(rows * columns, kernel, 4 * channels)
        self.activations += rows * columns * channels
        self.folded += 3 * channels
        self.channels = channels
