"""Quantisation-aware training of the bottleneck: int8 rounding is simulated while it trains.

The public FRILL code only annotates the layer and never applies the simulation; here
quantize_apply does. The file that ships has int8 weights, and the ranges of activations that the
simulation ended with.

tfmot rounds by FakeQuantWithMinMaxVars. TensorFlow's GPU kernel of that operation's gradient also
sums the gradients of the range's ends, in no fixed order, and so refuses to run where operations
have to be deterministic (tensorflow/model-optimization#1087). Nothing here trains the ends. So the
operation stays, and the gradient of its input is written out: what comes from above where the input
lies in the range, 0 where it was clipped.
"""

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras as keras

default_8bit = tfmot.quantization.keras.default_8bit
quantizers = tfmot.quantization.keras.quantizers


def quantize_bottleneck(model: keras.Model, layers: list[str]) -> keras.Model:
    """Return the model with fake quantisation on those of the named layers it has.

    It shares the layers before its pool with `model`, whose own layers behind them are copied:
    tfmot copies what it is given five times, and a whole network takes it 7 s.
    """

    def annotate(layer):
        if layer.name in layers:
            return tfmot.quantization.keras.quantize_annotate_layer(layer)
        return layer

    features = model.get_layer("pool").input
    bottleneck = keras.Model(features, model.output)
    annotated = keras.models.clone_model(bottleneck, clone_function=annotate)
    annotated.set_weights(bottleneck.get_weights())
    outputs = features
    quantized = tfmot.quantization.keras.quantize_apply(annotated, scheme=_Scheme())
    for layer in quantized.layers[1:]:
        outputs = layer(outputs)
    return keras.Model(model.input, outputs, name=model.name)


def set_ranges(quantized: keras.Model, windows: np.ndarray) -> None:
    """Set the ranges of activations to those that `windows` float [N, 96, 64] have, not rounded.

    tfmot begins at -6 to 6 and moves by a thousandth of the way a step. After some hundred steps
    such ranges are far wider than the values, and use few of the 256 levels; and later they follow
    a student that still learns too slowly, and clip its largest values.
    """
    pool = quantized.get_layer("quant_pool")
    features = quantized.layers[quantized.layers.index(pool) - 1].output
    values = pool.layer(keras.Model(quantized.input, features)(windows[..., None]))
    if _find_limits(pool):  # a flattening one has none: it changes no value
        _set_limits(pool, values)
    for layer in quantized.layers[quantized.layers.index(pool) + 1 :]:
        if not _find_limits(layer):
            continue
        kernel, *bias = layer.trainable_weights
        values = values @ kernel
        for each in bias:  # the first of two factors has none
            values += each
        _set_limits(layer, values)


def _set_limits(layer: keras.layers.Layer, values: tf.Tensor) -> None:
    low, high = _find_limits(layer)
    low.assign(tf.minimum(0.0, tf.reduce_min(values)))  # int8 has a level for zero
    high.assign(tf.maximum(0.0, tf.reduce_max(values)))


def _find_limits(layer: keras.layers.Layer) -> list[tf.Variable]:
    """Return a wrapped layer's variables of the least and the largest output; none of others."""
    names = [f"{layer.name}/{kind}" for kind in ("post_activation", "output")]
    limits = [f"{name}_{end}:0" for name in names for end in ("min", "max")]
    return [variable for variable in layer.weights if variable.name in limits]


class _Scheme(default_8bit.Default8BitQuantizeScheme):
    """tfmot's scheme of eight bits, with the quantizers below."""

    def get_quantize_registry(self):
        return _Registry()


class _Registry(default_8bit.Default8BitQuantizeRegistry):
    def get_quantize_config(self, layer):
        config = super().get_quantize_config(layer)
        for name, quantizer in (("weight", LastValue), ("activation", MovingAverage)):
            theirs = getattr(config, f"{name}_quantizer")
            setattr(config, f"{name}_quantizer", quantizer(**theirs.get_config()))
        return config


class _DeterministicGradient:
    """Write out the gradient of a quantizer of one range for all values."""

    def __call__(self, inputs, training, weights, **kwargs):
        if not training:  # has no gradient, and the converter reads it
            return super().__call__(inputs, training, weights, **kwargs)
        values = tf.convert_to_tensor(inputs)
        rounded = super().__call__(tf.stop_gradient(values), training, weights, **kwargs)
        limits = [tf.convert_to_tensor(weights[end]) for end in ("min_var", "max_var")]
        low, high = nudge(*limits, int(self.narrow_range), 2**self.num_bits - 1)
        is_empty = tf.equal(limits[0], limits[1])  # of zeros alone, which it gives back
        passes = is_empty | ((values >= low) & (values <= high))
        return _pass_gradient(values, rounded, passes)


class LastValue(_DeterministicGradient, quantizers.LastValueQuantizer):
    """Round a kernel in the range that it has now."""


class MovingAverage(_DeterministicGradient, quantizers.MovingAverageQuantizer):
    """Round activations in a moving average of their ranges."""


def nudge(low: tf.Tensor, high: tf.Tensor, first: int, last: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Return a range moved so that one of its levels `first` to `last` is 0.

    It is the one that FakeQuantWithMinMaxVars clips to, computed in the same steps.
    """
    scale = (high - low) / (last - first)
    zero = tf.clip_by_value(tf.floor(first - low / scale + 0.5), first, last)
    return (first - zero) * scale, (last - zero) * scale


@tf.custom_gradient
def _pass_gradient(values: tf.Tensor, rounded: tf.Tensor, passes: tf.Tensor):
    """Return `rounded`, whose gradient goes to `values` where `passes` says so."""

    def pass_on(upstream):
        return tf.where(passes, upstream, 0.0), None, None

    return tf.identity(rounded), pass_on
