"""Training on several devices: each takes its piece of every batch.

A piece is a random part of the batch. If the sorted batch were cut, each device would have one part
of the corpora, and its batch norm the statistics of that.
"""

import numpy as np
import tensorflow as tf

from frill.errors import UserError
from frill.tensorflow_setup import WHAT_A_GPU_NEEDS


def choose_devices(replicas: int) -> tf.distribute.Strategy:
    """Return a strategy over so many GPUs; for one the default, on the GPU or CPU that there is.

    Raises UserError if there are fewer.
    """
    if replicas == 1:
        return tf.distribute.get_strategy()
    gpus = [device.name for device in tf.config.list_logical_devices("GPU")]
    if len(gpus) < replicas:
        raise UserError(
            f"params.yaml: distill.replicas = {replicas}: TensorFlow sees {len(gpus)} GPUs here; "
            f"write 1, or run where there are so many ({WHAT_A_GPU_NEEDS})"
        )
    return tf.distribute.MirroredStrategy(gpus[:replicas])


def arrange(rows: np.ndarray, strategy: tf.distribute.Strategy) -> np.ndarray:
    """Return a batch's rows, cut into a piece for each replica and sorted within each.

    Rows in order are read faster.
    """
    pieces = np.array_split(rows, strategy.num_replicas_in_sync)
    return np.concatenate([np.sort(piece) for piece in pieces])


def distribute(rows: np.ndarray, strategy: tf.distribute.Strategy):
    """Return rows as one float32 tensor, or as one whose value on each replica is its piece."""
    pieces = np.array_split(rows.astype(np.float32), strategy.num_replicas_in_sync)
    if len(pieces) == 1:
        return tf.constant(pieces[0])
    return strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(pieces[context.replica_id_in_sync_group])
    )
