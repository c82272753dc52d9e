"""A teacher with TRILL's calling convention, exported and used."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_hub as hub
import tf_keras as keras
from examples import speechlike

from frill.audio import frontend
from frill.teacher import batching, network
from frill.teacher.saved_model import Teacher, TeacherError, export


@pytest.fixture(scope="module")
def keras_network():
    keras.utils.set_random_seed(1)
    inputs = keras.Input((96, 64, 1))
    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(8)(inputs))
    layer19 = keras.layers.Dense(12, name="layer19")(x)
    embedding = keras.layers.Dense(5, name="embedding")(x)
    return keras.Model(inputs, {"layer19": layer19, "embedding": embedding})


def record_calls(monkeypatch, teacher: Teacher) -> list[tuple]:
    """Return a list that gets the shape of the samples of each call from now on."""
    shapes = []
    call = teacher._call

    def record(samples):
        shapes.append(tuple(samples.shape))
        return call(samples)

    monkeypatch.setattr(teacher, "_call", record)
    return shapes


@pytest.fixture(scope="module")
def folder(keras_network, tmp_path_factory):
    path = tmp_path_factory.mktemp("teacher") / "saved_model"
    export(keras_network, path)
    return path


def test_the_signature_is_trills(folder):
    module = hub.load(str(folder))
    clip = speechlike(32000) / np.float32(32767)
    one = module(samples=clip, sample_rate=16000)
    shapes = {key: value.shape for key, value in one.items()}
    assert shapes == {"layer19": (7, 12), "embedding": (7, 5)}
    two = module(samples=np.stack([clip, 0 * clip]), sample_rate=16000)
    assert two["layer19"].shape == (2, 7, 12)
    np.testing.assert_allclose(two["layer19"][0], one["layer19"], rtol=1e-5, atol=1e-5)
    with pytest.raises(tf.errors.InvalidArgumentError, match="sample_rate must be 16000"):
        module(samples=clip, sample_rate=44100)


@pytest.mark.parametrize("output, values", [("layer19", 12), ("embedding", 5)])
def test_embed_is_the_network_on_the_frontends_windows(folder, keras_network, output, values):
    teacher = Teacher(folder, output)
    clip = speechlike(48000)
    (rows,) = teacher.embed([clip])
    assert teacher.values == values and rows.dtype == np.float32
    expected = keras_network.predict(frontend.windows(clip)[..., None], verbose=0)[output]
    np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-4)


def test_a_long_clip_is_heard_in_calls_of_20_s(folder, keras_network, monkeypatch):
    teacher = Teacher(folder, "layer19")
    clip = speechlike(47 * 16000)
    shapes = record_calls(monkeypatch, teacher)
    (rows,) = teacher.embed([clip])
    expected = keras_network.predict(frontend.windows(clip)[..., None], verbose=0)["layer19"]
    np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-4)
    # 271 rows as 112, 112 and 47; each call ends a second behind its last row's beginning.
    assert sorted(shapes) == [(1, 46 * 2720 + 16000), (1, 111 * 2720 + 16000)] + [(1, 317_920)]


@pytest.mark.parametrize("batch_samples", [1, 90_000, 10**7])
def test_batches_change_nothing_and_windows_of_padding_are_dropped(
    folder, monkeypatch, batch_samples
):
    teacher = Teacher(folder, "layer19")
    lengths = (40000, 9000, 16000, 64000, 20000, 100)
    clips = [speechlike(samples, seed) for seed, samples in enumerate(lengths)]
    alone = [next(teacher.embed([clip])) for clip in clips]
    assert [len(rows) for rows in alone] == [9, 1, 1, 18, 2, 1]
    assert [frontend.count_windows(samples) for samples in lengths] == [9, 1, 1, 18, 2, 1]
    monkeypatch.setattr(batching, "BATCH_SAMPLES", batch_samples)
    shapes = record_calls(monkeypatch, teacher)
    together = list(teacher.embed(iter(clips)))
    for one, many in zip(alone, together, strict=True):
        np.testing.assert_allclose(many, one, rtol=1e-4, atol=1e-4)
    # Sorted by length: three clips of 16000 and one of 20000 fill 80,000 of 90,000 samples, the
    # others stand alone.
    assert (
        shapes
        == {
            1: [(1, 16000)] * 3 + [(1, 20000), (1, 40000), (1, 64000)],
            90_000: [(4, 20000), (1, 40000), (1, 64000)],
            10**7: [(6, 64000)],
        }[batch_samples]
    )


@pytest.mark.parametrize(
    "positions, heard",
    [
        ([3], [16000]),  # one window: a call of 1 s
        ([0, 1, 5, 10], [43200]),  # gaps of up to five places, 0.85 s, are heard
        ([0, 6], [16000, 16000]),
        ([2, 4, 17, 30, 31], [18720, 16000, 21440]),
        ([53], [15840]),  # the last of 10 s: 160,000 - 53 x 2,720
    ],
)
def test_a_teacher_hears_no_more_than_the_wanted_rows_need(folder, monkeypatch, positions, heard):
    teacher = Teacher(folder, "layer19")
    clip = speechlike(160000)
    (whole,) = teacher.embed([clip])
    monkeypatch.setattr(batching, "BATCH_SAMPLES", 1)
    shapes = record_calls(monkeypatch, teacher)
    (rows,) = teacher.embed([clip], [np.array(positions)])
    np.testing.assert_allclose(rows, whole[positions], rtol=1e-4, atol=1e-4)
    assert sorted(shape[1] for shape in shapes) == sorted(max(16000, samples) for samples in heard)


@pytest.fixture
def levelled(folder, tmp_path) -> Path:
    """Make a teacher that brings the whole of what it hears to one level first."""

    class Levelled(tf.Module):
        def __init__(self):
            super().__init__()
            self.inner = tf.saved_model.load(str(folder))

        @tf.function(
            input_signature=[
                tf.TensorSpec([None, None], tf.float32, name="samples"),
                tf.TensorSpec([], tf.int32, name="sample_rate"),
            ]
        )
        def __call__(self, samples, sample_rate):
            level = tf.math.reduce_std(samples, axis=1, keepdims=True) + 1e-6
            return self.inner(samples=0.1 * samples / level, sample_rate=sample_rate)

    tf.saved_model.save(Levelled(), str(tmp_path / "levelled"))
    return tmp_path / "levelled"


def test_a_teacher_that_hears_outside_of_windows_is_given_whole_clips(levelled, folder):
    assert not Teacher(folder, "layer19").hears_outside
    teacher = Teacher(levelled, "layer19")
    assert teacher.hears_outside
    clips = [speechlike(samples, seed) for seed, samples in enumerate((48000, 32000, 48000))]
    positions = [np.array([1, 9]), np.array([0]), np.array([4])]
    module = hub.load(str(levelled))
    rows = teacher.embed(clips, positions)
    for clip, wanted, values in zip(clips, positions, rows, strict=True):
        samples = clip[None] / np.float32(32768)
        own = module(samples, 16000)["layer19"][0].numpy()  # of the clip alone, whole
        np.testing.assert_allclose(values, own[wanted], rtol=1e-4, atol=1e-4)
    scored = next(teacher.embed(clips[:1]))
    np.testing.assert_allclose(scored[[1, 9]], next(teacher.embed(clips, positions)), rtol=1e-4)


def test_the_teacher_runs_a_chunk_ahead_and_no_further(folder, monkeypatch):
    monkeypatch.setattr(batching, "CHUNK_SAMPLES", 3 * 16000)
    taken = []

    def take():
        for number in range(12):
            taken.append(number)
            yield speechlike(16000)

    rows = Teacher(folder, "layer19").embed(take())
    for number in range(12):
        next(rows)
        assert len(taken) == min(12, 3 * (number // 3 + 2))
    assert next(rows, None) is None


def test_export_gives_the_same_bytes_twice(keras_network, folder, tmp_path):
    export(keras_network, tmp_path / "again")
    variables = "variables/variables.data-00000-of-00001"
    assert (tmp_path / "again" / variables).read_bytes() == (folder / variables).read_bytes()
    assert not (folder / "fingerprint.pb").exists()


def test_errors_name_what_to_change(folder, tmp_path):
    message = "teacher.output = 'layer18': the teacher returns embedding, layer19; name one of"
    with pytest.raises(TeacherError, match=message):
        Teacher(folder, "layer18")
    with pytest.raises(TeacherError, match="teacher.source: .*cannot be loaded as a SavedModel"):
        Teacher(tmp_path, "layer19")
    (tmp_path / "saved_model.pb").write_bytes(b"not a model")
    with pytest.raises(TeacherError, match="teacher.source: .*cannot be loaded as a SavedModel"):
        Teacher(tmp_path, "layer19")


class Odd(tf.Module):
    """Teachers that do not keep the convention."""

    @tf.function(input_signature=[tf.TensorSpec([None, None]), tf.TensorSpec([], tf.int32)])
    def __call__(self, samples, sample_rate):
        return {"pair": tf.reshape(samples[:, :4], [-1, 2, 2]), "hop": samples[:, None, :4]}


class Windows(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 96, 64, 1], name="windows")])
    def __call__(self, windows):
        return {"layer19": windows[:, 0, :, 0]}


@pytest.mark.parametrize(
    "module, output, message",
    [
        (Odd, "pair", r"has shape \[2, 2, 2\] for two clips of 2 s"),
        (Odd, "hop", r"\[2, 1, 4\].*1 rows, one per 2000 ms.*expected \[2, 7, D\]"),
        (
            Windows,
            "layer19",
            r"cannot be called with samples.*it offers \(windows float32 \(None, 96, 64, 1\)\)",
        ),
    ],
)
def test_a_module_of_another_convention_is_refused(tmp_path, module, output, message):
    tf.saved_model.save(module(), str(tmp_path))
    with pytest.raises(TeacherError, match=message) as error:
        Teacher(tmp_path, output)
    assert len(str(error.value).splitlines()) == 1


def test_the_network_has_trills_outputs():
    model = network.build()
    windows = frontend.windows(speechlike(32000))[..., None]
    outputs = model.predict(windows, verbose=0)
    assert outputs["layer19"].shape == (7, 12288) and outputs["embedding"].shape == (7, 512)
    np.testing.assert_allclose(np.linalg.norm(outputs["embedding"], axis=1), 1, rtol=1e-5)
    assert outputs["layer19"].min() < 0  # before its activation


def test_a_savedmodel_whose_weights_are_cut_is_a_sentence(folder, tmp_path):
    cut = tmp_path / "cut"
    shutil.copytree(folder, cut)
    (data,) = cut.glob("variables/variables.data*")
    data.write_bytes(data.read_bytes()[:1000])
    with pytest.raises(TeacherError, match=f"{cut} cannot be loaded as a SavedModel .*fetch it"):
        Teacher(cut, "layer19")
