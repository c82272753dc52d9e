"""What TensorFlow refuses to compute on a GPU where operations have to be deterministic.

Each message stands in the library itself, in its CUDA build at least; the operations are those that
its kernels, or the kernels' tests, say it of. Some of them run for some types or attributes: a
graph without any of them runs for sure.
"""

import mmap
import re
from pathlib import Path

import tensorflow as tf

SEGMENTS = ("Sum", "Mean", "Prod", "Min", "Max")
SPARSE = ("Sum", "Mean", "SqrtN")
REFUSALS = {
    "A deterministic GPU implementation of AdjustContrast is not currently available.": [
        "AdjustContrast"
    ],
    "A deterministic GPU implementation of AdjustContrastv2 is not currently available.": [
        "AdjustContrastv2"
    ],
    # Of builds with a cuDNN before 7.6.3. From there on cuDNN's own grouped convolution is used,
    # at every size of kernel (tensorflow/tensorflow#55657); the locked one is 9.
    "A deterministic GPU implementation of DepthwiseConvBackpropFilter is not available with this "
    "version of cuDNN. Please build with cuDNN version 7.6.3 or later.": [],
    "A deterministic GPU implementation of ResizeNearestNeighborGrad is not currently available.": [
        "ResizeNearestNeighborGrad"
    ],
    "A deterministic GPU implementation of SparseTensorDenseMatmulOp is not currently available.": [
        "SparseTensorDenseMatMul"
    ],
    # find_refused looks at the attribute.
    "A deterministic GPU implementation of fused batch-norm backprop, when training is disabled, "
    "is not currently available.": [],
    "Determinism is not yet supported for DebugNumericSummaryV2 when tensor_debug_mode is "
    "CONCISE_HEALTH.": ["DebugNumericSummaryV2"],
    "Determinism is not yet supported for DebugNumericSummaryV2 when tensor_debug_mode is "
    "FULL_HEALTH.": ["DebugNumericSummaryV2"],
    "Determinism is not yet supported for Dilation2DBackpropFilter.": ["Dilation2DBackpropFilter"],
    "Determinism is not yet supported for Dilation2DBackpropInput.": ["Dilation2DBackpropInput"],
    "Determinism is not yet supported for MaxPoolGradWithArgmax.": ["MaxPoolGradWithArgmax"],
    "Determinism is not yet supported for SVD of matrices with 1 column.": ["Svd"],
    "Determinism is not yet supported in GPU implementation of Bincount.": ["Bincount"],
    "Determinism is not yet supported in GPU implementation of DenseBincount.": ["DenseBincount"],
    "Determinism is not yet supported in GPU implementation of FakeQuantWithMinMaxVarsGradient.": [
        "FakeQuantWithMinMaxVarsGradient"
    ],
    "Determinism is not yet supported in GPU implementation of "
    "FakeQuantWithMinMaxVarsPerChannelGradient.": ["FakeQuantWithMinMaxVarsPerChannelGradient"],
    "Determinism is not yet supported in GPU implementation of Scatter ops with ref inputs. "
    "Consider using resource variables instead if you want to run Scatter when op determinism is "
    "enabled.": ["ScatterAdd", "ScatterSub", "ScatterMul", "ScatterDiv", "ScatterUpdate"],
    "Deterministic GPU implementation of CropAndResizeBackpropBoxes not available.": [
        "CropAndResizeGradBoxes"
    ],
    "Deterministic GPU implementation of CropAndResizeBackpropImage not available.": [
        "CropAndResizeGradImage"
    ],
    "Deterministic GPU implementation of sorted segment reduction op not available.": [
        *(f"Segment{name}" for name in SEGMENTS),
        *(f"SparseSegment{name}" for name in SPARSE),
        *(f"SparseSegment{name}Grad" for name in SPARSE),
    ],
    "Deterministic GPU implementation of unsorted segment reduction op not available.": [
        f"UnsortedSegment{name}" for name in SEGMENTS
    ],
    "The GPU implementation of SoftmaxCrossEntropyWithLogits that would have been executed is not "
    "deterministic. Note that the Python API uses an alternative, deterministic, GPU-accelerated "
    "path when determinism is enabled.": ["SoftmaxCrossEntropyWithLogits"],
    "The GPU implementation of SparseSoftmaxCrossEntropyWithLogits that would have been executed "
    "is not deterministic. Note that the Python API uses an alternative, deterministic, "
    "GPU-accelerated path when determinsim is enabled.": ["SparseSoftmaxCrossEntropyWithLogits"],
    "Timestamp cannot be called when determinism is enabled": ["Timestamp"],
}
# That of XLA, which nothing here compiles with, and of scattering strings.
ELSEWHERE = ("XLA implementation", "HLO instruction", " do not yet have a determ")
SAYS_NO = r"not (currently |yet )?(available|supported)|is not determ|cannot be called|not yet have"


def read_refusals() -> set[str]:
    """Return the messages of the installed TensorFlow's library: it takes a second."""
    path = Path(tf.sysconfig.get_lib(), "libtensorflow_cc.so.2")
    messages = set()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as library:
        place = library.find(b"eterminis")
        while place >= 0:
            start, end = library.rfind(b"\0", 0, place) + 1, library.find(b"\0", place)
            text = library[start:end].decode("latin-1")
            if re.search(SAYS_NO, text) and not any(words in text for words in ELSEWHERE):
                messages.add(text)
            place = library.find(b"eterminis", end)
    return messages


def find_refused(graphs: list) -> set[str]:
    """Return the operations in graphs (GraphDef) that one of REFUSALS is about."""
    refused = {operation for operations in REFUSALS.values() for operation in operations}
    found = set()
    for graph in graphs:
        nodes = [*graph.node]
        for function in graph.library.function:
            nodes += function.node_def
        for node in nodes:
            is_frozen = node.op.startswith("FusedBatchNormGrad") and not node.attr["is_training"].b
            if node.op in refused or is_frozen:
                found.add(node.op)
    return found
