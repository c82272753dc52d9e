"""Conversions between the store's int16 and float."""

import numpy as np

from frill.audio.waveform import to_float, to_int16


def test_conversion_to_int16_clips_and_returns():
    values = np.array([-2, -1, 0, 0.5, 1, 2])
    expected = [-32768, -32767, 0, 16384, 32767, 32767]
    np.testing.assert_array_equal(to_int16(values), expected)
    every = np.arange(-32767, 32768).astype(np.int16)
    np.testing.assert_array_equal(to_int16(to_float(every)), every)
    assert to_float(every).dtype == np.float32
