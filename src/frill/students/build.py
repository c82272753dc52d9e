"""A student: backbone, pooling, bottleneck and, while it trains, a head.

    windows [B, 96, 64, 1] -> MobileNetV3 [B, 3, 2, C] -> gap [B, C] | flatten [B, 6 C]
        -> bottleneck [B, 2048] -> head [B, D]

The bottleneck gives the embedding, the linear head the teacher's targets. The head is dropped at
conversion (google-research, distillation/models.py: embedding_to_target).
"""

from dataclasses import asdict, dataclass, replace

import tf_keras as keras

from frill.audio.frontend import INPUT_OFFSET, INPUT_SCALE, WINDOW_SHAPE
from frill.params.schema import Student
from frill.students.mobilenet_v3 import mobilenet_v3

EMBEDDING = "embedding"
FACTOR = "embedding_factor"  # first of a low-rank bottleneck's two layers; EMBEDDING is the second
HEAD = "embedding_to_target"


@dataclass(frozen=True)
class StudentSpec:
    """Describe a student's architecture; `rank` None is a dense bottleneck.

    The precision belongs to conversion, not here.
    """

    backbone: str
    width: float
    pooling: str
    rank: int | None
    qat: bool
    bottleneck: int = 2048

    @classmethod
    def from_params(cls, student: Student, bottleneck: int) -> "StudentSpec":
        """Return the spec of a student in params.yaml."""
        axes = (student.backbone, student.width, student.pooling, student.rank, bool(student.qat))
        return cls(*axes, bottleneck)

    @property
    def dense(self) -> "StudentSpec":
        """The spec with a dense bottleneck in floating point, as every training begins."""
        return replace(self, rank=None, qat=False)

    def as_dict(self) -> dict:
        return asdict(self)


def build(
    spec: StudentSpec, target_values: int | None, batch_norm_momentum: float = 0.999
) -> keras.Model:
    """Return the student with freshly initialised weights.

    Its output is [B, target_values], or the embedding if that is None.
    """
    inputs = keras.Input(WINDOW_SHAPE, name="windows")
    x = keras.layers.Rescaling(INPUT_SCALE, INPUT_OFFSET, name="rescale")(inputs)
    x = mobilenet_v3(x, spec.backbone, spec.width, batch_norm_momentum)
    is_gap = spec.pooling == "gap"
    pooling = keras.layers.GlobalAveragePooling2D if is_gap else keras.layers.Flatten
    x = pooling(name="pool")(x)
    if spec.rank is not None:
        x = keras.layers.Dense(limit_rank(spec, x.shape[-1]), use_bias=False, name=FACTOR)(x)
    x = keras.layers.Dense(spec.bottleneck, name=EMBEDDING)(x)
    if target_values is not None:
        x = keras.layers.Dense(target_values, name=HEAD)(x)
    model = keras.Model(inputs, x, name="student")
    return quantize(model) if spec.qat else model


def quantize(model: keras.Model) -> keras.Model:
    """Return the model with fake quantisation on its bottleneck."""
    from frill.students.quantization import quantize_bottleneck  # imports tfmot, for 2 s

    return quantize_bottleneck(model, [FACTOR, EMBEDDING])


def limit_rank(spec: StudentSpec, pooled_values: int) -> int:
    """Return the spec's rank, or the matrix's smaller side where that is less.

    At that rank the product equals the dense matrix.
    """
    return min(spec.rank, pooled_values, spec.bottleneck)


def count(spec: StudentSpec) -> dict:
    """Return parameters and multiply-adds up to the embedding, and the bytes of the weights.

    Multiply-adds are of one window; parameters include batch norm's statistics. Weights count as
    they ship at float32 precision: batch norm is folded into its convolution (of its four vectors
    one bias is left), a qat bottleneck's kernels are int8. A flatten student's latency is bound by
    reading `bottleneck_bytes`, not by its multiply-adds.
    """
    parameters = multiply_adds = folded = bottleneck = quantised = 0
    for layer in build(replace(spec, qat=False), None).layers:
        parameters += layer.count_params()
        kernels = [weight for weight in layer.weights if "kernel" in weight.name]
        elements = sum(int(kernel.shape.num_elements()) for kernel in kernels)
        positions = 1
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            positions = layer.output_shape[1] * layer.output_shape[2]
        multiply_adds += positions * elements
        if isinstance(layer, keras.layers.BatchNormalization):
            folded += 3 * layer.output_shape[-1]
        if layer.name in (FACTOR, EMBEDDING):
            bottleneck += layer.count_params()
            quantised += elements * spec.qat
    saved_bytes = 3 * quantised
    return {
        "parameters": parameters,
        "multiply_adds": multiply_adds,
        "weight_bytes": 4 * (parameters - folded) - saved_bytes,
        "bottleneck_bytes": 4 * bottleneck - saved_bytes,
    }
