"""Log-mel windows against plain formulas, TensorFlow's mel matrix and the TensorFlow frontend."""

import tracemalloc

import numpy as np
import pytest
import tensorflow as tf
from examples import speechlike

from frill.audio import frontend, frontend_tf

RELATIVE = 1e-5  # float32 logarithms of a float64 computation


def reference_log_mel(samples: np.ndarray) -> np.ndarray:
    """Compute the frontend frame by frame in float64, by google-research's tf_frontend.py.

    Mel is as in the HTK book, eq. 5.13.
    """
    x = samples / 32767.0 if samples.dtype == np.int16 else samples.astype(np.float64)

    def mel(hz: float) -> float:
        return 2595.0 * np.log10(1.0 + hz / 700.0)

    edges = [mel(125.0) + i * (mel(7500.0) - mel(125.0)) / 65 for i in range(66)]
    weights = np.zeros((257, 64))
    for k in range(1, 257):
        for band in range(64):
            low, centre, high = edges[band : band + 3]
            m = mel(k * 16000 / 512)
            if low < m <= centre:
                weights[k, band] = (m - low) / (centre - low)
            elif centre < m < high:
                weights[k, band] = (high - m) / (high - centre)
    window = np.array([0.5 * (1 - np.cos(2 * np.pi * n / 400)) for n in range(400)])
    rows = []
    for start in range(0, len(x) - 400 + 1, 160):
        frame = np.concatenate([x[start : start + 400] * window, np.zeros(112)])
        spectrum = np.fft.fft(frame)[:257]
        magnitude = np.sqrt(spectrum.real**2 + spectrum.imag**2)
        rows.append(np.log(np.maximum(magnitude @ weights, 1e-12) + 0.001))
    return np.array(rows)


# The public code's sanity checks hold these numbers: 16000 samples -> 98 frames -> 1 window ...
@pytest.mark.parametrize(
    "samples, windows",
    [(1, 1), (15360, 1), (16000, 1), (18319, 1), (18320, 2), (32000, 7), (48000, 12), (160000, 54)],
)
def test_window_counts(samples, windows):
    assert frontend.count_windows(samples) == windows
    assert frontend.windows(np.zeros(samples, np.int16)).shape == (windows, 96, 64)


def test_log_mel_equals_the_plain_formulas():
    samples = speechlike(20000)
    expected = reference_log_mel(samples)
    assert expected.shape == (123, 64)
    log_mel = frontend.log_mel(samples)
    assert log_mel.dtype == np.float32
    np.testing.assert_allclose(log_mel, expected, rtol=RELATIVE, atol=1e-6)


def test_long_audio_is_computed_in_pieces():
    """No frame is lost or moved where they meet, and memory is far below that of all at once."""
    minutes = 10
    samples = np.random.default_rng(0).integers(-3000, 3000, 60 * minutes * 16000, np.int16)
    tracemalloc.start()
    frames = frontend.log_mel(samples)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(frames) == 60 * minutes * 100 - 2
    # At once the complex spectra alone, 257 bins a frame, would be 247 MB.
    assert peak < frames.nbytes + 100e6
    for border in (4095, 4096, 8191, 8192, len(frames) - 1):
        alone = frontend.log_mel(samples[border * 160 : border * 160 + 400])
        np.testing.assert_allclose(frames[border], alone[0], atol=1e-6)


def test_silence_is_the_offsets_logarithm():
    silence = np.zeros(16000, np.int16)
    np.testing.assert_allclose(frontend.log_mel(silence), np.log(0.001), rtol=1e-6)


def test_mel_matrix_is_tensorflows():
    expected = tf.signal.linear_to_mel_weight_matrix(64, 257, 16000, 125.0, 7500.0, tf.float64)
    np.testing.assert_allclose(frontend.mel_matrix(), expected, atol=1e-12)
    assert (frontend.mel_matrix().sum(axis=0) > 0).all()  # no empty band


def test_hann_is_periodic():
    expected = tf.signal.hann_window(400, periodic=True, dtype=tf.float64)
    np.testing.assert_allclose(frontend.hann(), expected, atol=1e-12)


def test_windows_are_pieces_of_log_mel_every_17_frames():
    samples = speechlike(48000)
    log_mel = frontend.log_mel(samples)
    windows = frontend.windows(samples)
    for index in range(12):
        np.testing.assert_array_equal(windows[index], log_mel[17 * index : 17 * index + 96])
    cut = frontend.cut_windows(log_mel)
    np.testing.assert_array_equal(cut, windows)
    assert np.shares_memory(cut, log_mel)
    assert all(window.flags.c_contiguous for window in cut)  # LiteRT copies nothing twice


def test_a_short_clip_is_padded_at_its_end():
    samples = speechlike(7000)
    window = frontend.windows(samples)[0]
    by_hand = np.concatenate([samples, np.zeros(9000, np.int16)])
    np.testing.assert_array_equal(window, frontend.windows(by_hand)[0])
    # Frame 44 begins at sample 7040.
    np.testing.assert_allclose(window[44:], np.log(0.001), rtol=1e-6)


def test_int16_and_float_agree():
    samples = speechlike(32000)
    as_float = samples / np.float32(32767)
    np.testing.assert_array_equal(frontend.windows(samples), frontend.windows(as_float))


@pytest.mark.parametrize("samples", [5000, 16000, 40000])
def test_the_tensorflow_frontend_is_the_same(samples):
    clips = np.stack([speechlike(samples, seed) / np.float32(32767) for seed in range(3)])
    expected = np.stack([frontend.windows(clip) for clip in clips])
    np.testing.assert_allclose(frontend_tf.windows(clips), expected, atol=2e-3)
    np.testing.assert_allclose(frontend_tf.windows(clips[0]), expected[0], atol=2e-3)


TIME_S = np.arange(16000) / 16000
SIGNALS = {
    "speechlike": speechlike(16000) / 32767,
    "white noise": np.random.default_rng(0).normal(0, 0.1, 16000),
    "loud tone": np.sin(2 * np.pi * 1000 * TIME_S),
    "quiet tone": 0.01 * np.sin(2 * np.pi * 440 * TIME_S),
    "silence": np.zeros(16000),
}


def numpy_frontend(samples):
    return frontend.windows(samples)[0]


def graph_frontend(samples):
    """Compute as the TFLite file does: float32, and its FFT too."""
    return frontend_tf.windows(samples)[0].numpy()


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("compute", [numpy_frontend, graph_frontend])
def test_both_frontends_equal_the_float64_formulas(compute, signal):
    """The limits are by frame.

    docs/frontend.md lists what they leave out (the empty bands beside a tone, DC).
    """
    samples = SIGNALS[signal].astype(np.float32)
    expected = reference_log_mel(samples)[:96]
    window = compute(samples).astype(np.float64)
    largest = np.exp(expected).max(axis=1, keepdims=True) - 0.001
    error = np.abs(np.exp(window) - np.exp(expected))
    # Of quieter frames the logarithm's float32 holds no more digits than the offset's.
    loud = largest[:, 0] > 0.001
    assert (error[loud] <= 1e-6 * largest[loud]).all()
    strong = np.exp(expected) - 0.001 > 0.01 * largest
    assert (np.abs(window - expected)[strong] <= 1e-5).all()
    assert loud.any() != (signal == "silence")


if __name__ == "__main__":  # the table of docs/frontend.md
    for name, signal in (SIGNALS | {"DC": np.full(16000, 0.5)}).items():
        samples = signal.astype(np.float32)
        expected = reference_log_mel(samples)[:96]
        magnitude = np.exp(expected) - 0.001
        strong = magnitude >= 0.01 * magnitude.max(axis=1, keepdims=True)
        numpy_error = np.abs(numpy_frontend(samples) - expected).max()
        graph_errors = np.abs(graph_frontend(samples) - expected)
        print(
            f"{name:<12} numpy {numpy_error:.1e}   "
            f"graph, strong bands {graph_errors[strong].max():.1e}   graph {graph_errors.max():.1e}"
        )
