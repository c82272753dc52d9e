"""Training on a GPU: no operation refuses to be deterministic, and qat learns as by tfmot's own."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_optimization as tfmot
from examples import speechlike, write_clips
from refusals import REFUSALS, find_refused, read_refusals
from tensorflow.python.eager import context

from frill.audio.clips import Clip
from frill.params.schema import Distill, TeacherTraining
from frill.students.build import StudentSpec
from frill.students.distill import Distillation
from frill.students.quantization import LastValue, MovingAverage
from frill.teacher import triplet

SETTINGS = dict(
    bottleneck=16,
    steps=4,
    batch_windows=8,
    learning_rate=0.01,
    batch_norm_momentum=0.9,
    balance=0.5,
    ship_from=0.5,
    checkpoint_steps=4,
    schedule="cosine",
    validate_steps=4,
    patience="none",
)
Theirs = tfmot.quantization.keras.quantizers


@pytest.fixture
def record_graphs():
    """Give a function that runs another and returns all the graphs that TensorFlow ran for it."""

    def record(run) -> list:
        tf.summary.trace_on(graph=True)
        run()
        metadata = context.context().export_run_metadata()
        return [graph.pre_optimization_graph for graph in metadata.function_graphs]

    yield record
    tf.summary.trace_off()


def count_operations(graphs: list, name: str) -> int:
    nodes = [node for graph in graphs for node in graph.node]
    for graph in graphs:
        for function in graph.library.function:
            nodes += function.node_def
    return sum(node.op == name for node in nodes)


@pytest.mark.skipif(not tf.test.is_built_with_cuda(), reason="this TensorFlow has no GPU kernels")
def test_the_list_is_that_of_the_installed_library():
    assert read_refusals() == REFUSALS.keys()


@pytest.mark.parametrize(
    "rank, qat", [(None, False), (3, False), (3, True)], ids=["float", "rank", "qat"]
)
def test_no_students_training_is_refused(
    short_backbone, targets, tmp_path, record_graphs, rank, qat
):
    spec = StudentSpec("tiny", 0.5, "gap", rank, qat, 16)
    training = Distillation(spec, Distill(**SETTINGS), targets, 17, tmp_path)
    graphs = record_graphs(training.run)
    assert count_operations(graphs, "DepthwiseConv2dNativeBackpropFilter")  # it trained
    assert bool(count_operations(graphs, "FakeQuantWithMinMaxVars")) == qat
    assert find_refused(graphs) == set()


def test_no_teachers_training_is_refused(tmp_path, record_graphs):
    clips = [Clip(f"c{i}", speechlike(40000, i), label="ab"[i % 2]) for i in range(8)]
    write_clips(tmp_path / "corpus", clips)
    settings = TeacherTraining(
        steps=1,
        batch_windows=8,
        learning_rate=0.01,
        margin=0.2,
        positive_hops=4,
        label_weight=1.0,
    )
    graphs = record_graphs(lambda: triplet.train([tmp_path / "corpus"], settings, 17))
    assert count_operations(graphs, "LogSoftmax")  # the labels' part of the loss
    assert find_refused(graphs) == set()


def test_tfmots_own_gradient_is_refused(record_graphs):
    low, high = tf.Variable(-1.0), tf.Variable(1.0)

    @tf.function
    def train(values):
        with tf.GradientTape() as tape:
            tape.watch(values)
            rounded = tf.quantization.fake_quant_with_min_max_vars(values, low, high)
        return tape.gradient(rounded, values)

    graphs = record_graphs(lambda: train(tf.constant([0.5])))
    assert find_refused(graphs) == {"FakeQuantWithMinMaxVarsGradient"}


VALUES = np.random.default_rng(0).normal(size=(64, 48)).astype(np.float32)
CASES = {
    "both signs": VALUES,
    "positive": np.abs(VALUES),  # after a ReLU: the range begins at 0
    "far from zero": VALUES + 7,
    "one sided": np.where(VALUES < -1, VALUES - 40, VALUES),
    "zeros": np.zeros_like(VALUES),
}


@pytest.mark.parametrize("values", CASES.values(), ids=CASES)
@pytest.mark.parametrize(
    "ours, theirs, of",
    [
        (LastValue, Theirs.LastValueQuantizer, (8, False, True, True)),
        (MovingAverage, Theirs.MovingAverageQuantizer, (8, False, False, False)),
    ],
    ids=["kernel", "activation"],
)
@pytest.mark.parametrize("limits", [(-6.0, 6.0), (-0.7, 1.3), (0.0, 0.9), (0.0, 0.0)], ids=str)
def test_values_and_gradients_are_tfmots_to_the_bit(values, ours, theirs, of, limits):
    upstream = np.random.default_rng(1).normal(size=values.shape).astype(np.float32)
    results = []
    for kind in (ours, theirs):
        weights = {"min_var": tf.Variable(limits[0]), "max_var": tf.Variable(limits[1])}
        inputs = tf.Variable(values)
        with tf.GradientTape() as tape:
            rounded = kind(*of)(inputs, True, weights)
        gradient = tape.gradient(rounded, inputs, upstream)
        evaluated = kind(*of)(inputs, False, weights)
        results.append([rounded, gradient, evaluated, *weights.values()])
    for mine, reference in zip(*results, strict=True):
        np.testing.assert_array_equal(mine.numpy(), reference.numpy())
