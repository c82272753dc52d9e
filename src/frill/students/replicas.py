"""Training on several devices: each takes its piece of every batch."""

import numpy as np
import tensorflow as tf


def all_gpus() -> tf.distribute.Strategy:
    """Return a strategy over every visible GPU, the default one if there are fewer than two."""
    several = len(tf.config.list_logical_devices("GPU")) > 1
    return tf.distribute.MirroredStrategy() if several else tf.distribute.get_strategy()


def distribute(rows: np.ndarray, strategy: tf.distribute.Strategy):
    """Return rows as one float32 tensor, or as one whose value on each replica is its piece."""
    pieces = np.array_split(rows.astype(np.float32), strategy.num_replicas_in_sync)
    if len(pieces) == 1:
        return tf.constant(pieces[0])
    return strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(pieces[context.replica_id_in_sync_group])
    )
