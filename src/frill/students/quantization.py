"""Quantisation-aware training of the bottleneck: int8 rounding simulated while it trains, int8 weights in the file that ships.

The public FRILL code only annotates the layer and never applies the simulation; here quantize_apply does.
"""

import tf_keras as keras


def quantize_bottleneck(model: keras.Model, layers: list[str]) -> keras.Model:
    """The model with fake quantisation on the named layers (those it has). Weights are copied."""
    import tensorflow_model_optimization as tfmot  # 5 s, and only qat students need it

    def annotate(layer):
        return (
            tfmot.quantization.keras.quantize_annotate_layer(layer)
            if layer.name in layers
            else layer
        )

    annotated = keras.models.clone_model(model, clone_function=annotate)
    annotated.set_weights(model.get_weights())
    return tfmot.quantization.keras.quantize_apply(annotated)
