"""The targets' scale, and how far Adam moves which kernel."""

import numpy as np
import pytest
from trainings import SETTINGS

from frill.params.schema import Distill
from frill.students.build import EMBEDDING, FACTOR, StudentSpec
from frill.students.distill import Distillation
from frill.students.training_step import target_scale


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_scaled_targets_have_mean_variance_1(balance):
    deviation = np.array([4.0, 2.0, 1.0, 0.25])
    scale = target_scale(deviation, balance)
    assert np.mean((deviation / scale) ** 2) == pytest.approx(1, rel=1e-6)
    np.testing.assert_allclose(scale / scale[2], deviation**balance, rtol=1e-6)
    assert np.isfinite(1 / target_scale(np.array([1.0, 0.0]), 1.0)).all()


@pytest.mark.parametrize("rank, qat", [(None, False), (3, False), (None, True)])
def test_adam_moves_what_reads_flattened_features_less(
    short_backbone, targets, tmp_path, rank, qat
):
    """Its first step is the rate times the gradient's sign: here a share of it, by positions."""
    spec = StudentSpec("tiny", 0.5, "flatten", rank, qat, 16)
    training = Distillation(spec, Distill(**SETTINGS), targets, 17, tmp_path)
    training.start()
    _, rows, columns, _ = training.model.get_layer("pool").input_shape
    assert rows * columns == 96  # of the short backbone; 6 of a whole one
    if spec != spec.dense:
        training._ship()
    variables = training.model.trainable_variables
    kernels = [each for each in variables if each.name.startswith("embedding")]
    before = {each.name: each.numpy() for each in kernels}
    training._learning_rate.assign(0.0096)
    training._step(*training._batch(0))
    reader = f"{FACTOR if rank else EMBEDDING}/kernel:0"
    assert reader in before and len(before) == (5 if rank else 4)
    for kernel in kernels:
        moved = np.abs(kernel.numpy() - before[kernel.name]).max()
        expected = 0.0001 if kernel.name == reader else 0.0096
        assert moved == pytest.approx(expected, rel=0.05), kernel.name
