"""The change from the dense student that training begins with to the form that ships.

The bottleneck is factorised (rank) and fake-quantised (qat). The public FRILL code goes on training
a blend whose factors are overwritten from the dense matrix, and so never learn. Here the factors
are made once, by SVD, and train from there on, as TensorFlow's post on its matrix compression
operator describes (February 2020).
"""

from dataclasses import replace

import numpy as np
import tf_keras as keras

from frill.students.build import EMBEDDING, FACTOR, StudentSpec, build, limit_rank, quantize


def as_shipped(model: keras.Model, spec: StudentSpec, batch_norm_momentum: float) -> keras.Model:
    """Return a model as `spec` says, with the weights of the dense floating-point `model`.

    If there is a rank, the bottleneck's kernel becomes two factors.
    """
    shipped = build(replace(spec, qat=False), model.output_shape[-1], batch_norm_momentum)
    for layer in shipped.layers:
        if layer.weights and layer.name not in (FACTOR, EMBEDDING):
            layer.set_weights(model.get_layer(layer.name).get_weights())
    kernel, bias = model.get_layer(EMBEDDING).get_weights()
    if spec.rank is None:
        shipped.get_layer(EMBEDDING).set_weights([kernel, bias])
    else:
        first, second = factorise(kernel, limit_rank(spec, len(kernel)))
        shipped.get_layer(FACTOR).set_weights([first])
        shipped.get_layer(EMBEDDING).set_weights([second, bias])
    return quantize(shipped) if spec.qat else shipped


def factorise(kernel: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Return U_r sqrt(S_r) [N, r] and sqrt(S_r) V_r^T [r, M] of a kernel [N, M].

    Their product is the nearest matrix of that rank; the scale is shared equally.
    """
    u, s, vt = np.linalg.svd(kernel.astype(np.float64), full_matrices=False)
    root = np.sqrt(s[:rank])
    first, second = u[:, :rank] * root, root[:, None] * vt[:rank]
    return first.astype(np.float32), second.astype(np.float32)
