"""HEAR's API and each rule of its validator.

https://hearbenchmark.com/hear-api.html; hear-validator, hearvalidator/validate.py
"""

import importlib.util
import inspect
import shutil
import subprocess
import sys
import types

import numpy as np
import pytest
import tensorflow as tf

import frill
from frill import hear

VALIDATED_S = [1.07, 1.98, 4.0, 2.74]  # the validator's durations
SHORT_S = [1 / 16000, 0.02, 0.17, 0.3, 0.975, 1.0]


class StandIn:
    """As much of torch as frill.hear calls, where torch is not installed.

    Numpy refuses it until detach, cpu and float have been called.
    """

    class Tensor:
        def __init__(self, values, device="gpu", grad=True, bfloat16=True):
            self.values = np.asarray(values)
            self.device = device
            self.grad = grad
            self.bfloat16 = bfloat16
            self.dtype = f"torch.{self.values.dtype}"

        def detach(self):
            return type(self)(self.values, self.device, False, self.bfloat16)

        def cpu(self):
            return type(self)(self.values, "cpu", self.grad, self.bfloat16)

        def to(self, device):
            return type(self)(self.values, device, self.grad, self.bfloat16)

        def float(self):
            return type(self)(self.values.astype(np.float32), self.device, self.grad, False)

        def is_floating_point(self):
            return self.values.dtype.kind == "f"

        def __array__(self, dtype=None, copy=None):
            if self.device != "cpu" or self.grad or (self.bfloat16 and self.is_floating_point()):
                raise TypeError("call detach, cpu and float first")
            return self.values

        def numpy(self):
            return self.detach().cpu().float().values

    nn = types.SimpleNamespace(Module=type("Module", (), {}))
    float32 = "torch.float32"

    @classmethod
    def from_numpy(cls, values):
        return cls.Tensor(values, device="cpu")

    as_tensor = Tensor


@pytest.fixture
def torch(monkeypatch):
    if importlib.util.find_spec("torch"):
        import torch

        return torch
    monkeypatch.setitem(sys.modules, "torch", StandIn)
    return StandIn


@pytest.fixture(scope="module")
def model(pooling_models):
    return hear.load_model(str(pooling_models[0]))


@pytest.fixture(scope="module")
def embedder(pooling_models):
    return frill.Embedder(pooling_models[0])


def noise(sounds: int, duration_s: float) -> np.ndarray:
    """Return white noise in [-1, 1], as the validator makes it."""
    shape = (sounds, int(duration_s * 16000))
    return np.random.default_rng(5).uniform(-1, 1, shape).astype(np.float32)


def test_names_and_signatures():
    assert str(inspect.signature(hear.load_model)).startswith("(model_file_path: str = '')")
    for function in (hear.get_timestamp_embeddings, hear.get_scene_embeddings):
        assert list(inspect.signature(function).parameters) == ["audio", "model"]


def test_attributes_of_the_model(model, embedder):
    assert model.sample_rate == 16000  # one of the validator's rates
    assert type(model.scene_embedding_size) is int and type(model.timestamp_embedding_size) is int
    assert model.scene_embedding_size == model.timestamp_embedding_size == embedder.values == 8


def test_the_model_is_a_module_of_the_framework_in_memory(pooling_models, torch, monkeypatch):
    def load():
        return hear.load_model(str(pooling_models[0]))

    monkeypatch.setitem(sys.modules, "torch", torch)
    assert isinstance(load(), hear.Model) and isinstance(load(), tf.Module)
    monkeypatch.delitem(sys.modules, "tensorflow")
    assert isinstance(load(), hear.Model) and isinstance(load(), torch.nn.Module)
    monkeypatch.delitem(sys.modules, "torch")
    assert type(load()).__mro__[1:] == (hear.Model, object)
    assert hear.get_scene_embeddings(noise(2, 1), load()).shape == (2, 8)


@pytest.mark.parametrize("duration_s", [*SHORT_S, *VALIDATED_S, 61.3])
@pytest.mark.parametrize("sounds", [1, 2, 5])
def test_timestamp_embeddings_keep_the_validators_rules(model, sounds, duration_s):
    audio = noise(sounds, duration_s)
    embeddings, timestamps = hear.get_timestamp_embeddings(audio, model)
    duration_ms = 1000 * duration_s
    assert embeddings.dtype == timestamps.dtype == np.float32
    assert embeddings.ndim == 3
    assert embeddings.shape[:2] == timestamps.shape
    assert timestamps.shape[1] >= 1
    assert embeddings.shape[0] == sounds and embeddings.shape[2] == model.timestamp_embedding_size
    assert np.isfinite(embeddings).all()
    assert (np.diff(timestamps) == 170).all()  # evenly spaced: the validator allows 1 ms
    first = timestamps[:, 0]
    last = timestamps[:, -1]
    assert (first >= 0).all() and (first <= 170).all()
    assert (last <= duration_ms + 1e-9).all()
    assert (last > duration_ms - 170 - 1 / 16).all()  # the validator allows two hops
    assert (timestamps == timestamps[0]).all()


def test_timestamp_embeddings_are_those_of_windows_centred_there(model, embedder):
    audio = noise(1, 3)[0]
    embeddings, timestamps = hear.get_timestamp_embeddings(audio[None], model)
    # Far enough inside, a window centred at t is the first of the audio that begins at
    # t - 487.5 ms: half of 95 hops of 10 ms and a frame of 25 ms.
    inside = (timestamps[0] >= 487.5) & (timestamps[0] <= 2400)
    assert inside.sum() == 12
    for embedding, centre_ms in zip(embeddings[0, inside], timestamps[0, inside], strict=True):
        begin = int(16 * (centre_ms - 487.5))
        expected = embedder.embed(audio[begin : begin + 16000])[0]
        np.testing.assert_allclose(embedding, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(embeddings[0], embedder.embed(np.pad(audio, 7800)))


def test_a_sound_changes_the_windows_that_hold_it_and_no_others(model):
    audio = np.zeros((2, 64000), np.float32)
    audio[1, 31200:32800] = noise(1, 0.1)  # 1950 to 2050 ms
    embeddings, timestamps = hear.get_timestamp_embeddings(audio, model)
    changed = np.any(embeddings[1] != embeddings[0], axis=1)
    distance_ms = np.abs(timestamps[0] - 2000)
    assert changed[distance_ms < 400].all() and not changed[distance_ms > 487.5 + 50].any()
    assert (distance_ms < 400).sum() == 5 and (distance_ms > 487.5 + 50).sum() == 18


@pytest.mark.parametrize("duration_s", [*SHORT_S, *VALIDATED_S])
@pytest.mark.parametrize("sounds", [1, 4])
def test_scene_embeddings_are_the_mean_of_the_embedders_windows(
    model, embedder, sounds, duration_s
):
    audio = noise(sounds, duration_s)
    embeddings = hear.get_scene_embeddings(audio, model)
    assert embeddings.dtype == np.float32
    assert embeddings.shape == (sounds, model.scene_embedding_size)
    expected = [np.mean(embedder.embed(sound), axis=0) for sound in audio]
    np.testing.assert_array_equal(embeddings, expected)


@pytest.mark.parametrize("duration_s", [0.3, 1.98])
def test_a_sound_alone_is_embedded_as_in_a_batch(model, duration_s):
    audio = noise(3, duration_s)
    scenes = hear.get_scene_embeddings(audio, model)
    windows, _ = hear.get_timestamp_embeddings(audio, model)
    for i in range(3):
        alone = audio[i : i + 1]
        np.testing.assert_array_equal(hear.get_scene_embeddings(alone, model)[0], scenes[i])
        windows_alone, _ = hear.get_timestamp_embeddings(alone, model)
        np.testing.assert_array_equal(windows_alone[0], windows[i])
    assert not np.array_equal(scenes[0], scenes[1])


def embed_both(audio, model) -> list:
    scenes = hear.get_scene_embeddings(audio, model)
    return [scenes, *hear.get_timestamp_embeddings(audio, model)]


def test_what_comes_back_is_of_the_kind_that_went_in(model, torch):
    audio = noise(2, 1.98)
    expected = embed_both(audio, model)
    for convert, kind, float32 in (
        (np.asarray, np.ndarray, np.float32),
        (tf.convert_to_tensor, tf.Tensor, tf.float32),
        (torch.as_tensor, torch.Tensor, torch.float32),
    ):
        given = convert(audio)
        for result, values in zip(embed_both(given, model), expected, strict=True):
            assert isinstance(result, kind) and result.dtype == float32
            assert getattr(result, "device", None) == getattr(given, "device", None)
            np.testing.assert_array_equal(result if kind is np.ndarray else result.numpy(), values)


def test_any_float_gives_float32_and_the_audio_stays_as_it_was(model):
    audio = noise(1, 1.2).astype(np.float16)
    before = audio.copy()
    for dtype in (np.float16, np.float32, np.float64):
        results = embed_both(audio.astype(dtype), model)
        assert {result.dtype for result in results} == {np.dtype(np.float32)}
        np.testing.assert_array_equal(results[0], hear.get_scene_embeddings(audio, model))
    np.testing.assert_array_equal(audio, before)


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (np.zeros(90, np.float32), r"audio has shape \[90\]; expected \[n_sounds, n_samples\]"),
        (np.zeros((1, 1, 16000), np.float32), r"shape \[1, 1, 16000\]"),
        (np.zeros((0, 16000), np.float32), r"shape \[0, 16000\]"),
        (np.zeros((2, 0), np.float32), r"shape \[2, 0\]"),
        (np.zeros((1, 16000), np.int16), r"dtype int16; expected float in \[-1, 1\]"),
        (np.array([[0, np.nan, np.inf, 0]], np.float32), "2 of (4|15604) are NaN or infinite"),
        (np.full((1, 16000), -300, np.float32), "samples reach 300 times full scale"),
        (tf.zeros([16000]), r"shape \[16000\]"),
    ],
)
def test_wrong_audio_is_refused_in_one_line(model, audio, message):
    for function in (hear.get_scene_embeddings, hear.get_timestamp_embeddings):
        with pytest.raises(ValueError, match=message) as error:
            function(audio, model)
        assert "\n" not in str(error.value)


def test_wrong_torch_audio_is_refused(model, torch):
    with pytest.raises(ValueError, match="dtype int16"):
        hear.get_scene_embeddings(torch.as_tensor(np.zeros((1, 16000), np.int16)), model)


def test_the_default_is_the_release_of_the_working_directory(pooling_models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "release" / "frill_nofrontend.tflite"
    for load in (hear.load_model, lambda: hear.load_model("")):
        with pytest.raises(FileNotFoundError, match=rf"^{path}: no such file; `make repro` writes"):
            load()
    path.parent.mkdir()
    shutil.copyfile(pooling_models[0], path)
    assert hear.load_model().scene_embedding_size == hear.load_model("").scene_embedding_size == 8


@pytest.mark.parametrize("content", [b"", b"not a model " * 9])
def test_a_file_that_is_no_model_is_named_in_one_line(tmp_path, content):
    path = tmp_path / "bad.tflite"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^{path}: .+; give a file such as release") as error:
        hear.load_model(str(path))
    assert "\n" not in str(error.value)


def test_no_framework_is_imported(pooling_models):
    code = """
import sys, numpy as np, frill.hear as hear
model = hear.load_model(sys.argv[1])
assert hear.get_scene_embeddings(np.zeros((2, 16000)), model).shape == (2, 8)
assert hear.get_timestamp_embeddings(np.zeros((2, 16000)), model)[0].shape == (2, 6, 8)
assert not {"tensorflow", "torch"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code, str(pooling_models[0])], check=True)
