"""How a SavedModel of audio wants to be called.

The conventions in use are tried in turn until one takes a batch of 16 kHz audio:

TRILL, TRILL-distilled (tfhub.dev cards)
    module(samples=[T] or [B, T], sample_rate=16000); float32, float64 or int16
TRILLsson, FRILL
    module([B, T] float32)
others
    one clip [T] a call (mapped over the batch); a signature, whatever its inputs are called
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np
import tensorflow as tf

from frill.audio.waveform import SAMPLE_RATE_HZ
from frill.errors import UserError

SAMPLES = tf.TensorSpec([None, None], tf.float32, name="samples")
# What the tracing of a call raises that the module does not take.
MISMATCH = (ValueError, TypeError, AssertionError, KeyError, tf.errors.OpError)

Call = Callable[[tf.Tensor], dict[str, tf.Tensor]]


class TeacherError(UserError):
    """A teacher that cannot be used; the message is for the user."""


def find_call(module, audio: np.ndarray) -> tuple[Call, dict[str, tf.Tensor]]:
    """Return the module as a function of float32 [B, T] in [-1, 1], and its outputs for `audio`.

    The function is traced once for all lengths. A single output is called "0", those of a tuple
    "0", "1", ... Raises TeacherError with what the module offers, or what it says of `audio`.
    """
    refusal = None
    for call in _batch_calls(module):
        try:
            traced = tf.function(
                lambda samples, call=call: _name_outputs(call(samples)), input_signature=[SAMPLES]
            ).get_concrete_function()
        except MISMATCH:
            continue
        try:
            return traced, traced(tf.constant(audio))
        except tf.errors.OpError as error:
            refusal = refusal or error
    if refusal:
        raise TeacherError(
            f"teacher.source: the model refuses audio of {SAMPLE_RATE_HZ} Hz: "
            f"{shorten(refusal)}; take one of this rate"
        )
    raise TeacherError(
        "teacher.source: the model cannot be called with samples float [B, T] or [T] and "
        f"sample_rate {SAMPLE_RATE_HZ} or nothing; it offers {_list_inputs(module)}"
    )


def shorten(error: Exception) -> str:
    """Return an error's message on one line, without TensorFlow's places in the graph."""
    text = " ".join(re.sub(r"\{\{function_node .*?\}\}", "", str(error)).split())
    return text.partition("[[{{node")[0].strip()[:300]


def _batch_calls(module) -> Iterator[Call]:
    """Yield functions of [B, T] float32, most wanted first."""
    calls = []
    for dtype in (tf.float32, tf.float64, tf.int16):
        calls += [partial(_cast_and_call, call, dtype) for call in _calls(module)]
    yield from calls
    yield from map(_map_clips, calls)


def _cast_and_call(call: Callable, dtype: tf.DType, x: tf.Tensor):
    if dtype == tf.int16:
        x = tf.round(x * 32767.0)
    return call(tf.cast(x, dtype))


def _calls(module) -> Iterator[Callable]:
    """Yield the ways to call a module with samples of whatever shape and type it takes."""
    # A plain number fits an int32 tensor, and a value that was fixed when the model was saved.
    rates = [SAMPLE_RATE_HZ]
    rates += [tf.constant(SAMPLE_RATE_HZ, dtype) for dtype in (tf.int64, tf.float32)]
    if callable(module):
        for rate in rates:
            yield lambda x, rate=rate: module(samples=x, sample_rate=rate)
        yield lambda x: module(x)
        for rate in rates:
            yield lambda x, rate=rate: module(x, rate)
    for signature in getattr(module, "signatures", {}).values():
        inputs = signature.structured_input_signature[1]
        scalars = [name for name, spec in inputs.items() if spec.shape.rank == 0]
        audio = [name for name in inputs if name not in scalars]
        if len(audio) == 1 and len(scalars) <= 1:
            rate = {name: tf.cast(SAMPLE_RATE_HZ, inputs[name].dtype) for name in scalars}
            yield _call_signature(signature, audio[0], inputs[audio[0]].dtype, rate)


def _call_signature(signature, audio: str, dtype: tf.DType, rate: dict) -> Callable:
    """Return a function of the samples; a signature fails for others than `dtype` when it runs."""

    def call(x):
        if x.dtype != dtype:
            raise TypeError(f"{dtype.name} is wanted")
        return signature(**{audio: x}, **rate)

    return call


def _map_clips(call: Callable) -> Call:
    """Return a function of one clip [T] as one of a batch [B, T], all of one length."""

    def map_batch(samples):
        spec = tf.TensorSpec([None], tf.float32)
        with tf.init_scope():
            one = tf.function(lambda x: _name_outputs(call(x))).get_concrete_function(spec)
        outputs = one.structured_outputs.items()
        specs = {key: tf.TensorSpec(value.shape, value.dtype) for key, value in outputs}
        return tf.map_fn(lambda x: _name_outputs(call(x)), samples, fn_output_signature=specs)

    return map_batch


def _name_outputs(outputs) -> dict[str, tf.Tensor]:
    if isinstance(outputs, Mapping):
        return {str(key): value for key, value in outputs.items()}
    values = outputs if isinstance(outputs, list | tuple) else [outputs]
    return {str(number): value for number, value in enumerate(values)}


def _list_inputs(module) -> str:
    """Return every way to call a saved model: (samples float32 [None], sample_rate int32 [])."""
    functions = list(getattr(module, "signatures", {}).values())
    if callable(module):
        functions = [*getattr(module.__call__, "concrete_functions", []), *functions]
    texts = []
    for function in functions:
        specs = tf.nest.flatten(function.structured_input_signature)
        specs = [spec for spec in specs if isinstance(spec, tf.TensorSpec)]
        inputs = [f"{spec.name} {spec.dtype.name} {spec.shape}" for spec in specs]
        texts.append(f"({', '.join(inputs)})")
    return " or ".join(dict.fromkeys(texts)) or "no functions"
