"""What a student costs, from the counts of the plainest one of its backbone and width.

Pooling, rank and qat change the end of a network alone, so that few have to be built for a grid.
"""

from functools import cache

from frill.params.schema import Params, Student

WEIGHT_BYTES = {"float32": 4, "float16": 2, "dynamic": 1, "int8": 1}  # by precision
MAP_POSITIONS = 6  # 3 x 2 of a student's last map, which flatten keeps and gap averages


def cost_student(params: Params, student: Student) -> dict[str, int]:
    """Return what students.build.count gives, and the .tflite's bytes within a few per cent."""
    bottleneck = params.distill.bottleneck
    plain = count_network(student.backbone, student.width, bottleneck)
    channels = plain["bottleneck_bytes"] // 4 // bottleneck - 1  # one row is the bias
    pooled = channels if student.pooling == "gap" else MAP_POSITIONS * channels
    kernels = pooled * bottleneck
    if student.rank is not None:
        kernels = min(student.rank, pooled, bottleneck) * (pooled + bottleneck)
    added = kernels - channels * bottleneck
    weights = plain["weight_bytes"] // 4 + added  # without what batch norm folds away
    qat_bytes = 4 * weights - 3 * kernels * student.qat
    return {
        "parameters": plain["parameters"] + added,
        "multiply_adds": plain["multiply_adds"] + added,
        "file_bytes": min(qat_bytes, WEIGHT_BYTES[student.precision] * weights),
    }


@cache
def count_network(backbone: str, width: float, bottleneck: int) -> dict[str, int]:
    """Return the counts of the student with gap, without rank and qat."""
    from frill import tensorflow_setup  # before Keras; never for a bad params.yaml

    tf = tensorflow_setup.import_tensorflow()
    with tensorflow_setup.quiet_stderr():
        tf.config.list_logical_devices()  # says that there is no GPU, once
    from frill.students.build import StudentSpec, count

    return count(StudentSpec(backbone, width, "gap", None, False, bottleneck))
