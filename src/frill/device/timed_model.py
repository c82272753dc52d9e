"""A .tflite file that is timed on this machine, and what it makes of a known input.

The input is the same on every machine, so that two machines can be compared.
"""

from pathlib import Path
from time import perf_counter, perf_counter_ns, sleep

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from frill.errors import UserError
from frill.params.devices import CADENCE_S

MIN_INVOCATIONS = 3  # a round, however slow the model


class TimedModel:
    """A model of one fixed-shape float32 input: a student's window, a teacher's samples.

    `values` is what it is run on, uniform in [-1, 1], `name` the input's and `output_shapes` those
    of what it gives. Raises UserError for other models and for files that are none.
    """

    def __init__(self, path: Path, threads: int = 1, xnnpack: bool = True):
        kernels = (
            OpResolverType.AUTO if xnnpack else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        )
        try:
            self._interpreter = Interpreter(
                model_path=str(path), num_threads=threads, experimental_op_resolver_type=kernels
            )
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(
                f"{path}: no model that LiteRT can load ({reason}); give a .tflite file"
            ) from None
        inputs = self._interpreter.get_input_details()
        if len(inputs) != 1 or inputs[0]["dtype"] != np.float32:
            kinds = [f"{each['dtype'].__name__} {each['shape'].tolist()}" for each in inputs]
            raise UserError(
                f"{path}: its inputs are {', '.join(kinds)}; "
                "a model of one float32 input is needed, such as a student's window"
            )
        self.name = inputs[0]["name"]
        self.shape_signature = inputs[0]["shape_signature"].tolist()  # -1: any length
        # The first of several may be the batch, which is 1.
        if -1 in (self.shape_signature[1:] or self.shape_signature):
            raise UserError(
                f"{path}: its input {self.shape_signature} has any length, and would be timed on "
                "one value; give a file of fixed shape, such as release/frill_1s.tflite"
            )
        self._input = inputs[0]["index"]
        outputs = self._interpreter.get_output_details()
        self._outputs = [each["index"] for each in outputs]
        self.output_shapes = [tuple(each["shape"].tolist()) for each in outputs]
        self.values = np.random.default_rng(0).uniform(-1, 1, inputs[0]["shape"]).astype(np.float32)

    @property
    def signature_name(self) -> str:
        """Return the input's name in the model's first signature; the tensor's own without one."""
        for signature in self._interpreter.get_signature_list().values():
            return signature["inputs"][0]
        return self.name

    @property
    def has_xnnpack(self) -> bool:
        """Tell whether a delegate computes any of it; XNNPACK is the only one on a CPU."""
        return any(node["op_name"] == "DELEGATE" for node in self._interpreter._get_ops_details())

    def time_round_ms(self, length_ms: float) -> list[float]:
        """Return milliseconds of each invocation in a round of about `length_ms`."""
        times_ms: list[float] = []
        while sum(times_ms) < length_ms or len(times_ms) < MIN_INVOCATIONS:
            start = perf_counter_ns()
            self.run()
            times_ms.append((perf_counter_ns() - start) / 1e6)
        return times_ms

    def time_at_cadence_ms(self, runs: int) -> list[float]:
        """Return milliseconds of invocations that begin each CADENCE_S, as in an app."""
        times_ms = []
        due = perf_counter()
        for _ in range(runs):
            sleep(max(0.0, due - perf_counter()))
            due = perf_counter() + CADENCE_S
            start = perf_counter_ns()
            self.run()
            times_ms.append((perf_counter_ns() - start) / 1e6)
        return times_ms

    def run(self) -> list[np.ndarray]:
        """Return the outputs."""
        self._interpreter.set_tensor(self._input, self.values)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]

    def compare(self, output: bytes) -> float:
        """Return the cosine with another machine's outputs: raw float32, one after another.

        Raises ValueError where they are not as many, or not finite.
        """
        own = np.concatenate([each.ravel() for each in self.run()]).astype(np.float64)
        if len(output) != 4 * len(own):
            raise ValueError(f"{len(output)} bytes, not {4 * len(own)}")
        other = np.frombuffer(output, np.float32).astype(np.float64)
        if not np.isfinite(other).all():
            raise ValueError("values that are not finite")
        norms = np.linalg.norm(own) * np.linalg.norm(other)
        return float(own @ other / norms) if norms else float(np.array_equal(own, other))
