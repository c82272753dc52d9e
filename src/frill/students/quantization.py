"""Quantisation-aware training of the bottleneck: int8 rounding is simulated while it trains.

The public FRILL code only annotates the layer and never applies the simulation; here
quantize_apply does. The file that ships has int8 weights, and the ranges of activations that the
simulation ended with.
"""

import numpy as np
import tensorflow as tf
import tf_keras as keras


def quantize_bottleneck(model: keras.Model, layers: list[str]) -> keras.Model:
    """Return the model with fake quantisation on those of the named layers it has.

    It shares the layers before its pool with `model`, whose own layers behind them are copied:
    tfmot copies what it is given five times, and a whole network takes it 7 s.
    """
    import tensorflow_model_optimization as tfmot  # 2 s, and only for qat students

    def annotate(layer):
        if layer.name in layers:
            return tfmot.quantization.keras.quantize_annotate_layer(layer)
        return layer

    features = model.get_layer("pool").input
    bottleneck = keras.Model(features, model.output)
    annotated = keras.models.clone_model(bottleneck, clone_function=annotate)
    annotated.set_weights(bottleneck.get_weights())
    outputs = features
    for layer in tfmot.quantization.keras.quantize_apply(annotated).layers[1:]:
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
