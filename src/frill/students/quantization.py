"""Quantisation-aware training of the bottleneck: int8 rounding is simulated while it trains.

The public FRILL code only annotates the layer and never applies the simulation; here
quantize_apply does. The file that ships has int8 weights.
"""

import tf_keras as keras


def quantize_bottleneck(model: keras.Model, layers: list[str]) -> keras.Model:
    """Return a copy of the model with fake quantisation on those of the named layers it has."""
    import tensorflow_model_optimization as tfmot  # 5 s, and only for qat students

    def annotate(layer):
        if layer.name in layers:
            return tfmot.quantization.keras.quantize_annotate_layer(layer)
        return layer

    annotated = keras.models.clone_model(model, clone_function=annotate)
    annotated.set_weights(model.get_weights())
    return tfmot.quantization.keras.quantize_apply(annotated)
