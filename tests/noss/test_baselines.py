"""Anything can enter the table: a SavedModel, a .tflite file, a Python function.

And what is said of those that cannot.
"""

import numpy as np
import pytest
import tensorflow as tf
from examples import STORE_SAMPLES

from frill import check
from frill.audio import frontend
from frill.audio.clips import ClipStore
from frill.embed.embedder import Embedder
from frill.errors import UserError
from frill.noss import baselines
from frill.params.load import ParamsError, validate


def embedded(default: dict, store: ClipStore, **spec) -> np.ndarray:
    default["baselines"] = {"other": spec}
    return baselines.load("other", validate(default))(store)


def test_a_python_function(default, store, tmp_path):
    (tmp_path / "energy.py").write_text(
        "import numpy as np\n\n"
        "def energy(samples, sample_rate_hz):\n"
        "    assert samples.dtype == np.float32 and sample_rate_hz == 16000\n"
        "    return np.array([np.square(samples).mean(), len(samples)])\n\n"
        "def halves(samples, sample_rate_hz):\n    return np.array([[1.0], [len(samples)]])\n"
    )
    source = str(tmp_path / "energy.py")
    found = embedded(default, store, kind="python", source=source, output="energy")
    expected = [
        [np.square(store.samples(i) / 32767).mean(), length]
        for i, length in enumerate(STORE_SAMPLES)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    found = embedded(default, store, kind="python", source=source, output="halves")
    np.testing.assert_allclose(found[:, 0], (np.array(STORE_SAMPLES) + 1) / 2)


def test_a_tflite_file_of_windows_and_one_of_samples(default, store, pooling_models, tmp_path):
    found = embedded(default, store, kind="tflite", source=str(pooling_models[0]))
    expected = np.stack(
        [
            Embedder(pooling_models[0]).embed(store.samples(i)).mean(axis=0)
            for i in range(len(store))
        ]
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)

    def loudness(samples):  # one row a second of audio
        return {
            "embedding": tf.reduce_mean(
                tf.abs(tf.reshape(samples[:, :16000], [1, 4, 4000])), axis=2
            )
        }

    function = tf.function(
        loudness, input_signature=[tf.TensorSpec([1, None], tf.float32, name="samples")]
    )
    path = tmp_path / "samples.tflite"
    path.write_bytes(
        tf.lite.TFLiteConverter.from_concrete_functions(
            [function.get_concrete_function()]
        ).convert()
    )
    found = embedded(default, store, kind="tflite", source=str(path))
    padded = [
        np.pad(store.samples(i) / np.float32(32767), (0, 16000))[:16000] for i in range(len(store))
    ]
    np.testing.assert_allclose(
        found, [np.abs(x.reshape(4, 4000)).mean(axis=1) for x in padded], rtol=1e-4
    )


def write_tflite(path, function, spec: tf.TensorSpec, flex: bool = False) -> str:
    concrete = tf.function(function, input_signature=[spec]).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    if flex:
        operators = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
        converter.target_spec.supported_ops = operators
    path.write_bytes(converter.convert())
    return str(path)


@pytest.mark.parametrize("shape", [[15600], [1, 15600]])
def test_a_file_of_a_fixed_length_is_called_once_a_window(default, store, tmp_path, shape):
    """YAMNet's takes 15,600 samples: this one gives two of them, and nothing more."""

    def pick(samples):
        return tf.reshape(samples, [-1])[0:15600:7800] * 2.0

    path = write_tflite(tmp_path / "fixed.tflite", pick, tf.TensorSpec(shape, tf.float32))
    found = embedded(default, store, kind="tflite", source=path)
    for number, row in enumerate(found):
        samples = frontend.pad(store.samples(number) / np.float32(32767))
        starts = 2720 * np.arange(frontend.count_windows(len(samples)))
        expected = [2 * samples[starts].mean(), 2 * samples[starts + 7800].mean()]
        np.testing.assert_allclose(row, expected, atol=1e-6)


def invert(samples):
    return tf.linalg.inv(tf.reshape(samples[:, :16], [4, 4]))


@pytest.mark.parametrize(
    "function, spec, flex, message",
    [
        (invert, tf.TensorSpec([1, 16000], tf.float32), True, "operators .Flex.,"),
        (tf.identity, tf.TensorSpec([1, 96, 64, 1], tf.int8), False, "takes int8"),
        (tf.identity, tf.TensorSpec([1, 64, 96], tf.float32), False, "takes float32"),
    ],
)
def test_check_opens_what_litert_cannot_run(default, tmp_path, function, spec, flex, message):
    source = write_tflite(tmp_path / "other.tflite", lambda x: function(x), spec, flex)
    default["baselines"] = {"other": {"kind": "tflite", "source": source}}
    with pytest.raises(UserError, match=rf"baselines\.other\.source = .*{message}") as error:
        check.check(validate(default))
    assert "\n" not in str(error.value)


def test_a_dynamic_batch_of_windows_is_taken(default, store, tmp_path):
    spec = tf.TensorSpec([None, 96, 64, 1], tf.float32)
    path = write_tflite(tmp_path / "any.tflite", lambda x: tf.reduce_mean(x, [1, 3]), spec)
    found = embedded(default, store, kind="tflite", source=path)
    samples = frontend.pad(store.samples(0) / np.float32(32767))
    expected = frontend.windows(samples).mean(axis=(0, 1))
    np.testing.assert_allclose(found[0], expected, rtol=1e-4, atol=1e-5)


class MeanLogMel(tf.Module):
    @tf.function(
        input_signature=[tf.TensorSpec([None, None], tf.float32), tf.TensorSpec([], tf.int32)]
    )
    def __call__(self, samples, sample_rate):
        from frill.audio import frontend_tf

        return {"mean": tf.reduce_mean(frontend_tf.windows(samples), axis=2)}


def test_a_saved_model(default, store, tmp_path):
    tf.saved_model.save(MeanLogMel(), str(tmp_path / "model"))
    found = embedded(
        default, store, kind="saved_model", source=str(tmp_path / "model"), output="mean"
    )
    expected = [frontend.windows(store.samples(i)).mean(axis=(0, 1)) for i in range(len(store))]
    np.testing.assert_allclose(found, expected, atol=1e-3)
    with pytest.raises(
        UserError, match=r"baselines\.other\.output = 'layer19': the teacher returns mean"
    ):
        embedded(
            default, store, kind="saved_model", source=str(tmp_path / "model"), output="layer19"
        )


def test_a_function_may_import_what_lies_beside_it_and_use_dataclasses(default, store, tmp_path):
    (tmp_path / "constants_of_mine.py").write_text("HALF = 0.5\n")
    (tmp_path / "mine.py").write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "from constants_of_mine import HALF\n\n"
        "@dataclass\nclass Half:\n    value: float = HALF\n\n"
        "def f(samples, rate):\n    return [Half().value]\n"
    )
    np.testing.assert_array_equal(
        embedded(default, store, kind="python", source=str(tmp_path / "mine.py"), output="f"),
        np.full((len(store), 1), 0.5),
    )


@pytest.mark.parametrize(
    "text, output, message",
    [
        (
            "def f(samples): return 1/0",
            "g",
            r"baselines\.other\.output = 'g': .*has no such function \(it has: f\)",
        ),
        (
            "def f(samples, rate): return 1 / 0",
            "f",
            r"baselines\.other: f failed on clip 0: ZeroDivisionError",
        ),
        (
            "def f(samples, rate): return [[[1.0]]]",
            "f",
            r"gave shape \[1, 1, 1\] for clip 0; expected \[time, D\] or \[D\]",
        ),
        (
            "def f(samples, rate): return [1.0] * (3 if len(samples) > 9999 else 1)",
            "f",
            r"the embedding of clip c1 has 1 values, those before it 3",
        ),
        (
            "import nowhere",
            "f",
            r"baselines\.other\.source = .*ModuleNotFoundError.*correct the file",
        ),
    ],
)
def test_what_is_wrong_with_a_function_is_said(default, store, tmp_path, text, output, message):
    (tmp_path / "wrong.py").write_text(text)
    with pytest.raises(UserError, match=message):
        embedded(default, store, kind="python", source=str(tmp_path / "wrong.py"), output=output)


def test_a_file_that_is_no_tflite(default, store, tmp_path):
    (tmp_path / "wrong.tflite").write_bytes(b"RIFF" * 20)
    with pytest.raises(UserError, match=r"baselines\.other\.source = .*LiteRT cannot run it"):
        embedded(default, store, kind="tflite", source=str(tmp_path / "wrong.tflite"))


@pytest.mark.parametrize(
    "spec, message",
    [
        (
            {"small_200": {"kind": "tflite", "source": "x"}},
            r"baselines\.small_200: the name is a student's",
        ),
        (
            {"x": {"kind": "python", "source": "x.py"}},
            r"baselines\.x: a baseline of kind python needs output: the function",
        ),
        ({"x": {"kind": "onnx", "source": "x"}}, r"baselines\.x\.kind = 'onnx'"),
    ],
)
def test_params_refuse(default, spec, message):
    default["baselines"] = spec
    with pytest.raises(ParamsError, match=message):
        validate(default)


def test_check_names_a_source_that_is_not_there(default, tmp_path, monkeypatch):
    default["baselines"] = {
        "a": {"kind": "python", "source": "nowhere.py", "output": "f"},
        "b": {"kind": "saved_model", "source": "no", "output": "x"},
    }
    with pytest.raises(UserError) as error:
        check.check(validate(default))
    assert "baselines.a.source = 'nowhere.py': no such file; give a .py file" in str(error.value)
    assert "baselines.b.source = 'no': holds no saved_model.pb" in str(error.value)
