"""The known input is the same everywhere, and the comparison sees what differs."""

import numpy as np
import pytest

from frill.device.phone import output_check
from frill.device.phone.tools.errors import ToolError
from frill.device.timed_model import TimedModel
from frill.errors import UserError
from frill.params.devices import AdbDevice


def test_values_and_outputs_repeat(pooling_models):
    one = TimedModel(pooling_models[0])
    two = TimedModel(pooling_models[0])
    assert one.values.shape == (1, 96, 64, 1)
    assert one.values.dtype == np.float32
    assert np.abs(one.values).max() <= 1
    np.testing.assert_array_equal(one.values, two.values)
    assert one.compare(two.run()[0].tobytes()) == pytest.approx(1)


def test_cosine_in_closed_form(pooling_models):
    known = TimedModel(pooling_models[0])
    own = known.run()[0].ravel()
    assert known.compare((-3 * own).tobytes()) == pytest.approx(-1)
    aside = np.zeros_like(own)
    aside[0], aside[1] = -own[1], own[0]  # at a right angle within the first two values
    assert known.compare(aside.tobytes()) == pytest.approx(0, abs=1e-7)
    assert known.compare(np.zeros_like(own).tobytes()) == 0


def test_half_an_output_and_one_that_is_not_finite(pooling_models):
    known = TimedModel(pooling_models[0])
    with pytest.raises(ValueError, match="28 bytes, not 32"):
        known.compare(known.run()[0].tobytes()[4:])
    with pytest.raises(ValueError, match="not finite"):
        known.compare(np.full(8, np.nan, np.float32).tobytes())


def test_files_that_cannot_be_timed(tmp_path):
    (tmp_path / "x.tflite").write_text("<html>")
    with pytest.raises(
        UserError, match=r"x\.tflite: no model that LiteRT can load .*; give a \.tflite file"
    ):
        TimedModel(tmp_path / "x.tflite")


def convert_abs(shape: list[int | None]) -> bytes:
    import tensorflow as tf

    call = tf.function(tf.abs, input_signature=[tf.TensorSpec(shape, tf.float32)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([call.get_concrete_function()])
    return converter.convert()


def test_an_input_of_any_length_is_not_timed_on_one_value(tmp_path):
    path = tmp_path / "x.tflite"
    for shape, told in (([1, None], r"\[1, -1\]"), ([None], r"\[-1\]")):
        path.write_bytes(convert_abs(shape))
        with pytest.raises(UserError, match=rf"its input {told} has any length, .*frill_1s.tflite"):
            TimedModel(path)
    path.write_bytes(convert_abs([None, 4]))  # a batch of any size: one
    assert TimedModel(path).values.shape == (1, 4)


def test_a_phone_is_not_compared_with_an_output_that_is_not_finite(pooling_models, monkeypatch):
    """A cosine with NaN is NaN, which is not under any limit."""
    known = TimedModel(pooling_models[0])
    phones = known.run()[0].tobytes()
    monkeypatch.setattr(known, "run", lambda: [np.full(8, np.nan, np.float32)])
    monkeypatch.setattr(output_check, "TimedModel", lambda _: known)
    monkeypatch.setattr(output_check, "_run_tflite", lambda *_: phones)
    tool = {"tool": "benchmark_model", "tool_sha256": "0" * 64}
    device = AdbDevice(kind="adb", serial="FA6A", **tool)
    with pytest.raises(ToolError, match="the cosine of the two outputs is nan"):
        output_check.check_output(pooling_models[0], device, "devices.pixel", None, None, {})
