"""How a SavedModel of audio wants to be called: the ways in use, tried in turn until one takes a batch of 16 kHz audio.

TRILL, TRILL-distilled (tfhub.dev cards)   module(samples=[T] or [B, T], sample_rate=16000); float32, float64 or int16
TRILLsson, FRILL                           module([B, T] float32)
others                                     one clip [T] a call (mapped over the batch); the signature serving_default, whatever its inputs are called
"""

import re
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import tensorflow as tf

from frill.audio.waveform import SAMPLE_RATE_HZ
from frill.errors import UserError

SAMPLES = tf.TensorSpec([None, None], tf.float32, name="samples")
MISMATCH = (
    ValueError,
    TypeError,
    AssertionError,
    KeyError,
    tf.errors.OpError,
)  # what tracing a call raises that the module does not take

Call = Callable[[tf.Tensor], dict[str, tf.Tensor]]


class TeacherError(UserError):
    """A teacher that cannot be used; the message is for the user."""


def find(module, audio: np.ndarray) -> tuple[Call, dict[str, tf.Tensor]]:
    """The module as a function of float32 [B, T] in [-1, 1], traced once for all lengths, and what it gives for `audio`.

    A single output is called "0", those of a tuple "0", "1", ... Raises TeacherError with what the module offers, or what it says of `audio`.
    """
    refusal = None
    for call in _calls(module):
        try:
            traced = tf.function(
                lambda samples, call=call: _named(call(samples)), input_signature=[SAMPLES]
            ).get_concrete_function()
        except MISMATCH:
            continue
        try:
            return traced, traced(tf.constant(audio))
        except tf.errors.OpError as error:
            refusal = refusal or error
    if refusal:
        raise TeacherError(
            f"teacher.source: the model refuses audio of {SAMPLE_RATE_HZ} Hz: {line(refusal)}; take one of this rate"
        )
    raise TeacherError(
        f"teacher.source: the model cannot be called with samples float [B, T] or [T] and sample_rate {SAMPLE_RATE_HZ} or nothing; it offers {_offers(module)}"
    )


def line(error: Exception) -> str:
    """An error's message on one line, without the places in the graph that TensorFlow adds."""
    text = " ".join(re.sub(r"\{\{function_node .*?\}\}", "", str(error)).split())
    return text.partition("[[{{node")[0].strip()[:300]


def _calls(module) -> Iterator[Call]:
    """Functions of [B, T] float32, most wanted first."""
    types = (
        lambda x: x,
        lambda x: tf.cast(x, tf.float64),
        lambda x: tf.cast(tf.round(x * 32767.0), tf.int16),
    )
    calls = [
        lambda x, way=way, typed=typed: way(typed(x)) for typed in types for way in _ways(module)
    ]
    yield from calls
    yield from map(_mapped, calls)


def _ways(module) -> Iterator[Callable]:
    if callable(module):
        for rate in _rates():
            yield lambda x, rate=rate: module(samples=x, sample_rate=rate)
        yield lambda x: module(x)
        for rate in _rates():
            yield lambda x, rate=rate: module(x, rate)
    for function in getattr(module, "signatures", {}).values():
        inputs = function.structured_input_signature[1]
        scalars = [name for name, spec in inputs.items() if spec.shape.rank == 0]
        audio = [name for name in inputs if name not in scalars]
        if len(audio) == 1 and len(scalars) <= 1:
            rates = {name: tf.cast(SAMPLE_RATE_HZ, inputs[name].dtype) for name in scalars}
            yield (
                lambda x, function=function, name=audio[0], rates=rates, kind=inputs[audio[0]].dtype: (
                    function(**{name: _of(kind, x)}, **rates)
                )
            )


def _of(kind: tf.DType, x: tf.Tensor) -> tf.Tensor:
    """A signature takes other types when it is traced, and fails when it runs."""
    if x.dtype != kind:
        raise TypeError(f"{kind.name} is wanted")
    return x


def _rates() -> list:
    """A plain number fits an int32 tensor and a value that was fixed when the model was saved; the others fit tensors of their type."""
    return [
        SAMPLE_RATE_HZ,
        *(tf.constant(SAMPLE_RATE_HZ, dtype) for dtype in (tf.int64, tf.float32)),
    ]


def _mapped(one: Callable) -> Call:
    """A function of one clip [T] as one of a batch [B, T], all of one length."""

    def call(samples):
        with tf.init_scope():
            outputs = (
                tf.function(lambda x: _named(one(x)))
                .get_concrete_function(tf.TensorSpec([None], tf.float32))
                .structured_outputs
            )
        specs = {key: tf.TensorSpec(value.shape, value.dtype) for key, value in outputs.items()}
        return tf.map_fn(lambda x: _named(one(x)), samples, fn_output_signature=specs)

    return call


def _named(outputs) -> dict[str, tf.Tensor]:
    if isinstance(outputs, Mapping):
        return {str(key): value for key, value in outputs.items()}
    return {
        str(number): value
        for number, value in enumerate(outputs if isinstance(outputs, list | tuple) else [outputs])
    }


def _offers(module) -> str:
    """Every way in that the model was saved with, such as (samples float32 [None], sample_rate int32 [])."""
    functions = [
        *getattr(module.__call__ if callable(module) else None, "concrete_functions", []),
        *getattr(module, "signatures", {}).values(),
    ]
    inputs = [
        [
            spec
            for spec in tf.nest.flatten(function.structured_input_signature)
            if isinstance(spec, tf.TensorSpec)
        ]
        for function in functions
    ]
    texts = [
        ", ".join(f"{spec.name} {spec.dtype.name} {spec.shape}" for spec in specs)
        for specs in inputs
    ]
    return " or ".join(f"({text})" for text in dict.fromkeys(texts)) or "no functions"
