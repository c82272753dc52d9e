"""A student's loss, its share of the teacher's variance, and one step of training: Adam."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tf_keras as keras

from frill.students.build import EMBEDDING, FACTOR
from frill.targets.store import Projection

# Legacy: its fused kernel is faster on a CPU.
Adam = keras.optimizers.legacy.Adam


def target_scale(deviation: np.ndarray, balance: float) -> np.ndarray:
    """Return what each target component is divided by, float32 [P], for deviations [P].

    It is deviation^balance, normalised so that the targets' mean variance is 1.
    """
    power = np.maximum(deviation, 1e-6 * deviation.max()) ** balance
    return (power * np.sqrt(np.mean(np.square(deviation / power)))).astype(np.float32)


def r2(mse: float, projection: Projection) -> float:
    """Return the share of the teacher's variance that is explained at an MSE a teacher value.

    Both are of the validation windows, as scikit-learn's r2_score with "variance_weighted".
    """
    return 1.0 - mse * len(projection.mean) / projection.variance


def make_step(
    model: keras.Model,
    adams: list[tuple[Adam, list[tf.Variable]]],
    scale: np.ndarray,
    values: int,
    strategy: tf.distribute.Strategy,
) -> Callable[..., tf.Tensor]:
    """Return what trains `model` on a batch (windows, targets) and returns its loss.

    The loss is the mean over a batch's `values` target values, each component divided by `scale`
    [D], of the squared error. Each replica has its part of the batch.
    """
    scale = tf.constant(scale)

    def replica_step(windows, targets):
        with tf.GradientTape() as tape:
            predicted = model(windows[..., None], training=True)
            squared = tf.math.squared_difference(predicted, targets / scale)
            loss = tf.reduce_sum(squared) / values  # this replica's part of the batch's mean
        gradients = tape.gradient(loss, [variables for _, variables in adams])
        for (adam, variables), own in zip(adams, gradients, strict=True):
            # Gradients are added up over replicas here.
            adam.apply_gradients(zip(own, variables, strict=True))
        return loss

    return tf.function(
        lambda *batch: strategy.reduce("SUM", strategy.run(replica_step, batch), axis=None)
    )


def make_adams(model: keras.Model, rate: tf.Variable) -> list[tuple[Adam, list[tf.Variable]]]:
    """Return optimizers that follow `rate`, each with the model's variables that it trains.

    A step of Adam moves every weight by about the rate, whatever its gradient. The kernel that
    reads features flattened over P = 6 positions has P times the inputs of one that reads their
    average, and would move what it puts out P times as far. So its rate is a P-th, as of any
    kernel whose inputs are P times as many (Yang et al., arXiv 2203.03466, table 3).
    """
    positions = _count_positions(model)
    variables = model.trainable_variables
    if positions == 1:
        return [(_adam(rate), variables)]
    reader = _find_reader(model)
    others = [each for each in variables if each is not reader]
    return [(_adam(rate), others), (_adam(lambda: rate / positions), [reader])]


def _adam(rate) -> Adam:
    return Adam(rate, epsilon=1e-8)


def _count_positions(model: keras.Model) -> int:
    """Return how many times as many features the bottleneck reads as the backbone has channels."""
    pool = next(each for each in model.layers if each.name.removeprefix("quant_") == "pool")
    return pool.output_shape[-1] // pool.input_shape[-1]


def _find_reader(model: keras.Model) -> tf.Variable:
    """Return the kernel that reads what is pooled."""
    kernels = {each.name: each for each in model.trainable_variables}
    return kernels.get(f"{FACTOR}/kernel:0", kernels[f"{EMBEDDING}/kernel:0"])
