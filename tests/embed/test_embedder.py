"""The embedder against LiteRT called by hand, in pieces, from threads and in a fresh process."""

import pickle
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soxr
from ai_edge_litert.interpreter import Interpreter
from examples import speechlike, tone

from frill import Embedder
from frill.audio import frontend
from frill.embed.embedder import pool


@pytest.fixture(scope="module")
def model(pooling_models):
    return pooling_models[0]


@pytest.fixture(scope="module")
def embedder(model):
    return Embedder(model)


def by_hand(model, samples: np.ndarray) -> np.ndarray:
    """Embed every window of float [samples] at 16 kHz by a plain interpreter."""
    interpreter = Interpreter(model_path=str(model))
    interpreter.allocate_tensors()
    (model_input,) = interpreter.get_input_details()
    (output,) = interpreter.get_output_details()
    rows = []
    for window in frontend.windows(samples):
        interpreter.set_tensor(model_input["index"], window[None, ..., None])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(output["index"])[0])
    return np.array(rows)


def audio(rate_hz: int, seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, round(rate_hz * seconds)).astype(np.float32)


# Window counts are those of the published frontend (tests/audio/test_frontend.py). The last clip is
# longer than what is embedded at once.
WINDOW_COUNTS = {1: 1, 15600: 1, 16000: 1, 18319: 1, 18320: 2, 48000: 12, 160000: 54, 400000: 142}


@pytest.mark.parametrize("samples, rows", WINDOW_COUNTS.items())
def test_rows_are_those_of_the_windows(embedder, model, samples, rows):
    clip = audio(16000, samples / 16000)
    embeddings = embedder.embed(clip)
    assert embeddings.shape == (rows, 8) and embeddings.dtype == np.float32
    np.testing.assert_allclose(embeddings, by_hand(model, clip), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("rate_hz", [8000, 11025, 44100, 48000, 192000])
def test_other_rates_are_resampled_as_a_whole(embedder, model, rate_hz):
    clip = audio(rate_hz, 7.3)
    expected = by_hand(model, soxr.resample(clip, rate_hz, 16000, "HQ"))
    np.testing.assert_allclose(embedder.embed(clip, rate_hz), expected, rtol=1e-5, atol=1e-5)


def test_a_tone_is_the_same_at_every_rate(embedder):
    """No resampler is in the expectation: the sine is computed at both rates. Its ends differ."""
    at_16k = embedder.embed(tone(440, 16000, 3))
    for rate_hz in (8000, 44100, 96000):
        rows = embedder.embed(tone(440, rate_hz, 3), rate_hz)
        np.testing.assert_allclose(rows[2:-2], at_16k[2:-2], atol=0.01 * np.abs(at_16k).max())


def test_int16_is_float_times_32767(embedder):
    clip = speechlike(40000)
    for rate_hz in (16000, 22050):
        expected = embedder.embed(clip / np.float32(32767), rate_hz)
        np.testing.assert_array_equal(embedder.embed(clip, rate_hz), expected)
    clip = audio(16000, 2)
    np.testing.assert_array_equal(embedder.embed(clip.astype(np.float64)), embedder.embed(clip))


@pytest.mark.parametrize("rate_hz", [16000, 8000, 44100, 48000, 12345])
@pytest.mark.parametrize("seed", range(3))
def test_a_stream_gives_the_rows_of_the_whole(embedder, rate_hz, seed):
    rng = np.random.default_rng(seed)
    clip = audio(rate_hz, rng.uniform(0.01, 14), seed)
    # A cut can occur twice, which gives an empty piece.
    cuts = np.sort(rng.integers(0, len(clip) + 1, rng.integers(0, 60)))
    stream = embedder.stream(rate_hz)
    rows = [*map(stream.push, np.split(clip, cuts)), stream.finish()]
    np.testing.assert_array_equal(np.concatenate(rows), embedder.embed(clip, rate_hz))


def test_a_stream_gives_a_row_as_soon_as_its_window_is_there(embedder):
    """Row i is of the 15,600 samples from 2720 i on."""
    stream = embedder.stream()
    clip = audio(16000, 3)
    counts = [len(stream.push(clip[start : start + 80])) for start in range(0, len(clip), 80)]
    pushed = np.flatnonzero(counts)
    assert set(counts) == {0, 1}
    assert (80 * (pushed + 1)).tolist() == [15600 + 2720 * i for i in range(12)]
    assert stream.finish().shape == (0, 8)


def test_a_stream_ends_once(embedder):
    stream = embedder.stream(44100)
    assert stream.push(np.zeros(0, np.float32)).shape == (0, 8)
    assert stream.finish().shape == (0, 8)
    for call in (stream.finish, lambda: stream.push(audio(44100, 1))):
        with pytest.raises(ValueError, match="the stream is finished"):
            call()


@pytest.mark.parametrize("rate_hz", [16000, 44100])
def test_memory_does_not_grow_with_the_audio(embedder, rate_hz):
    """The result is small here, and numpy's allocations are traced."""
    peaks = []
    for seconds in (30, 300):
        clip = audio(rate_hz, seconds)
        tracemalloc.start()
        embedder.embed(clip, rate_hz)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] < 30e6


def test_threads_share_an_embedder(model, pooling_models):
    """Forty calls from eight threads at once give bit for bit what one thread gets.

    The models are of both costs, so that calls overlap.
    """
    for path in pooling_models:
        embedder = Embedder(path)
        clips = [audio(16000, 0.5 + 0.1 * i, seed=i) for i in range(40)]
        serial = [Embedder(path).embed(clip) for clip in clips]
        with ThreadPoolExecutor(8) as threads:
            for rows, expected in zip(threads.map(embedder.embed, clips), serial, strict=True):
                np.testing.assert_array_equal(rows, expected)
        assert 1 <= len(embedder._idle) <= 8


def test_a_pickle_holds_the_model(model, tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(model.read_bytes())
    embedder = Embedder(path)
    content = pickle.dumps(embedder)
    path.unlink()
    clip = audio(16000, 2)
    np.testing.assert_array_equal(pickle.loads(content).embed(clip), embedder.embed(clip))


def test_pooling():
    values = np.array([[1.0, 5.0], [3.0, 1.0]])
    assert pool(values, "mean").tolist() == [2, 3]
    assert pool(values, "max").tolist() == [3, 5]
    assert pool(values, "mean+max").tolist() == [2, 3, 3, 5]


@pytest.mark.parametrize(
    "samples, rate_hz, message",
    [
        (np.zeros((2, 900), np.float32), 16000, r"shape \[2, 900\]; expected \[samples\], mono"),
        (np.zeros(0, np.float32), 16000, "empty"),
        (np.zeros(10, np.int32), 16000, "dtype int32; expected int16, or float"),
        (np.array([0, np.nan, np.inf]), 16000, "2 of 3 are NaN or infinite"),
        (np.array([0.1, -16384.0]), 16000, "samples reach 16384 times full scale; expected float"),
        (np.array([0.1, 1e39]), 44100, "samples reach 1e.39 times full scale"),
        (np.zeros(10), np.float64(44.1), r"sample_rate_hz = 44.1; expected a rate in Hz"),
        (np.zeros(10), 0, "sample_rate_hz = 0"),
        (np.zeros(10), 10**9, "sample_rate_hz = 1000000000"),
    ],
)
def test_wrong_audio_is_refused(embedder, samples, rate_hz, message):
    with pytest.raises(ValueError, match=message) as error:
        embedder.embed(samples, rate_hz)
    assert "\n" not in str(error.value)


def test_a_refused_push_leaves_the_stream_as_it_was(embedder):
    stream = embedder.stream()
    clip = audio(16000, 2)
    rows = [stream.push(clip[:9000])]
    with pytest.raises(ValueError, match="NaN"):
        stream.push(np.array([np.nan]))
    rows += [stream.push(clip[9000:]), stream.finish()]
    np.testing.assert_array_equal(np.concatenate(rows), embedder.embed(clip))


def test_what_is_no_such_model_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.tflite: no such file; `make repro` writes"):
        Embedder(tmp_path / "none.tflite")
    (tmp_path / "bad.tflite").write_bytes(b"not a model " * 9)
    message = "bad.tflite: .*; give a file such as release/frill.tflite"
    with pytest.raises(ValueError, match=message) as error:
        Embedder(tmp_path / "bad.tflite")
    assert "\n" not in str(error.value)


def test_a_model_of_another_input_is_named(tmp_path):
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([1, 80, 195], tf.float32)])
    def average(x):
        return tf.reduce_mean(x, axis=1)

    functions = [average.get_concrete_function()]
    content = tf.lite.TFLiteConverter.from_concrete_functions(functions).convert()
    (tmp_path / "other.tflite").write_bytes(content)
    message = (
        r"other.tflite: takes float32 \[1, 80, 195\]; "
        r"expected windows float32 \[1, 96, 64, 1\] or samples"
    )
    with pytest.raises(ValueError, match=message):
        Embedder(tmp_path / "other.tflite")


def test_a_fresh_process_imports_nothing_heavy(model):
    code = """
import sys, numpy as np, frill
assert "frill.embed.embedder" not in sys.modules
frill.Embedder(sys.argv[1]).embed(np.zeros(44100, np.float32), 44100)
heavy = {"tensorflow", "scipy", "sklearn", "torch", "yaml", "pydantic", "tqdm", "soundfile", "av"}
heavy |= {"matplotlib"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code, str(model)], check=True)
