"""A head's operations behind those of a .tflite file that embeds samples.

    embedding [windows, D] -> FULLY_CONNECTED, SOFTMAX -> windows [windows, classes]
                     logits -> MEAN, MUL, SOFTMAX      -> clip [1, classes]

The model's own operations stay as they were timed and scored, at their precision: nothing is
converted again, and TensorFlow is not needed. The head is float32.
"""

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

WINDOWS, CLIP = "windows", "clip"  # the names of the outputs


class _Graph:
    """The subgraph of a parsed model, and what it takes to add to it."""

    def __init__(self, model: schema.ModelT):
        self.model = model
        (self.subgraph,) = model.subgraphs
        (self.embedding,) = self.subgraph.outputs

    def add_constant(self, name: str, values: np.ndarray) -> int:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        kind = schema.TensorType.FLOAT32
        if values.dtype == np.int32:
            kind = schema.TensorType.INT32
        return self._add_tensor(name, list(values.shape), None, kind, len(self.model.buffers) - 1)

    def add_operation(
        self, code: int, inputs: list[int], name: str, shape: list[int], options: object
    ) -> int:
        """Add an operation with one output, and return that. A -1 in its shape is any number."""
        fixed = [max(1, size) for size in shape]
        output = self._add_tensor(name, fixed, shape if -1 in shape else None)
        operation = schema.OperatorT()
        operation.opcodeIndex = self._find_code(code)
        operation.inputs = inputs
        operation.outputs = [output]
        operation.builtinOptions = options
        kind = type(options).__name__.removesuffix("T")
        operation.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        self.subgraph.operators.append(operation)
        return output

    def set_outputs(self, outputs: dict[str, int]) -> None:
        self.subgraph.outputs = list(outputs.values())
        for signature in self.model.signatureDefs or []:
            signature.outputs = []
            for name, index in outputs.items():
                entry = schema.TensorMapT()
                entry.name = name
                entry.tensorIndex = index
                signature.outputs.append(entry)

    def _add_tensor(
        self,
        name: str,
        shape: list[int],
        signature: list[int] | None,
        kind: int = schema.TensorType.FLOAT32,
        buffer: int = 0,  # the empty one: computed at run time
    ) -> int:
        tensor = schema.TensorT()
        tensor.name = name
        tensor.shape = shape
        tensor.shapeSignature = signature
        tensor.type = kind
        tensor.buffer = buffer
        tensor.hasRank = True
        self.subgraph.tensors.append(tensor)
        return len(self.subgraph.tensors) - 1

    def _find_code(self, code: int) -> int:
        """Return the index of a builtin operation of version 1, added where there is none."""
        for index, entry in enumerate(self.model.operatorCodes):
            if (entry.builtinCode, entry.version) == (code, 1):
                return index
        entry = schema.OperatorCodeT()
        entry.builtinCode = code
        entry.deprecatedBuiltinCode = min(code, 127)  # what readers before 2020 look at
        entry.version = 1
        self.model.operatorCodes.append(entry)
        return len(self.model.operatorCodes) - 1


def append_head(
    model: bytes,
    weights: np.ndarray,
    bias: np.ndarray,
    window_temperature: float,
    clip_temperature: float | None = None,
) -> bytes:
    """Return the .tflite file `model` with a head behind its embedding.

    `weights` [D, classes], `bias` [classes]: scores are x @ weights + bias, probabilities their
    softmax after division by a temperature. With `clip_temperature` a second output has those of
    the whole clip, of its windows' mean score. Equal arguments give equal bytes.
    """
    parsed = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    graph = _Graph(parsed)
    classes = len(bias)
    rows = -1 if clip_temperature else 1
    shape = [rows, classes]
    scaled = np.float32(weights.T / window_temperature)
    offsets = np.float32(bias / window_temperature)
    entries = [
        graph.embedding,
        graph.add_constant("head/weights", scaled),
        graph.add_constant("head/bias", offsets),
    ]
    operators = schema.BuiltinOperator
    logits = graph.add_operation(
        operators.FULLY_CONNECTED, entries, "head/logits", shape, schema.FullyConnectedOptionsT()
    )
    softmax = schema.SoftmaxOptionsT()
    softmax.beta = 1.0
    outputs = {WINDOWS: graph.add_operation(operators.SOFTMAX, [logits], WINDOWS, shape, softmax)}
    if clip_temperature:
        axis = graph.add_constant("head/axis", np.zeros(1, np.int32))
        keep = schema.ReducerOptionsT()
        keep.keepDims = True
        whole = [1, classes]
        mean = graph.add_operation(operators.MEAN, [logits, axis], "head/mean", whole, keep)
        ratio = np.full((1, 1), window_temperature / clip_temperature, np.float32)
        factor = graph.add_constant("head/ratio", ratio)
        multiply = schema.MulOptionsT()
        clip = graph.add_operation(
            operators.MUL, [mean, factor], "head/clip_logits", whole, multiply
        )
        outputs[CLIP] = graph.add_operation(operators.SOFTMAX, [clip], CLIP, whole, softmax)
    graph.set_outputs(outputs)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(parsed))
