"""A Python function as a teacher: its frames become rows on the 170 ms grid."""

import re

import numpy as np
import pytest
from pipeline_project import ROOT

from frill.audio.frontend import count_windows
from frill.errors import UserError
from frill.teacher.load import find_model, load_teacher
from frill.teacher.python import PythonTeacher, average_frames

MIDDLE_S = 0.4875  # of a window: 96 frames of 25 ms, 10 ms apart
DOCUMENTED, ONNX = re.findall(r"(?s)```python\n(.*?)```", (ROOT / "docs/teacher.md").read_text())
HOP = 320  # samples of an ONNX model's frame: 20 ms


def write(folder, text: str):
    path = folder / "teacher.py"
    path.write_text(text)
    return path


@pytest.mark.parametrize("frames", [97, 150, 300, 1500])
def test_a_row_is_the_mean_over_its_window(frames):
    """Of a value that grows evenly in time the mean over a window is that at its middle."""
    samples = 48000
    middles_s = (np.arange(frames) + 0.5) * 3.0 / frames
    rows = average_frames(np.stack([middles_s, -middles_s], 1), samples)
    expected_s = 0.17 * np.arange(count_windows(samples)) + MIDDLE_S
    np.testing.assert_allclose(rows[:, 0], expected_s, atol=0.5 * 3.0 / frames)
    np.testing.assert_allclose(rows[:, 1], -rows[:, 0])


def test_frames_longer_than_a_window_are_taken_by_its_middle():
    rows = average_frames(np.array([[1.0], [2.0]]), 96000)  # of 3 s each
    middles_s = 0.17 * np.arange(count_windows(96000)) + MIDDLE_S
    assert rows[:, 0].tolist() == [1.0 if middle < 3 else 2.0 for middle in middles_s]


def test_the_documented_function_gives_rows_of_the_wanted_windows(tmp_path):
    teacher = PythonTeacher(write(tmp_path, DOCUMENTED), "spectrum")
    assert (teacher.level, teacher.values, teacher.hears_outside) == ("frames", 40, True)
    rng = np.random.default_rng(0)
    clips = [rng.integers(-9000, 9000, length).astype(np.int16) for length in (40000, 5000)]
    whole = list(teacher.embed(clips))
    assert [rows.shape for rows in whole] == [(count_windows(len(c)), 40) for c in clips]
    wanted = [np.array([1, 4]), np.array([0])]
    some = list(teacher.embed(clips, wanted))
    for rows, all_rows, places in zip(some, whole, wanted, strict=True):
        np.testing.assert_array_equal(rows, all_rows[places])


def test_a_function_of_a_whole_clip_hears_two_seconds_around_each_window(tmp_path):
    text = "def f(samples, rate):\n    return [samples.shape[0], samples[16000]]\n"
    teacher = PythonTeacher(write(tmp_path, text), "f")
    assert (teacher.level, teacher.values) == ("clip", 2)
    clip = np.arange(-24000, 24000, dtype=np.int16)
    (rows,) = teacher.embed([clip])
    assert set(rows[:, 0]) == {32000.0} and len(rows) == count_windows(48000)
    middles = 2720 * np.arange(len(rows)) + 7800
    np.testing.assert_allclose(rows[:, 1] * 32768, clip[middles], atol=1.01)


def write_onnx(path, weights: np.ndarray) -> None:
    """Write a model of rectified filters float32 [D, HOP] over frames: [batch, T] -> frames."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("Unsqueeze", ["samples", "axis"], ["channel"]),
        helper.make_node("Conv", ["channel", "weights"], ["filtered"], strides=[HOP]),
        helper.make_node("Relu", ["filtered"], ["rectified"]),
        helper.make_node("Transpose", ["rectified"], ["frames"], perm=[0, 2, 1]),
    ]
    inputs = [helper.make_tensor_value_info("samples", TensorProto.FLOAT, ["batch", "T"])]
    shape = ["batch", "time", len(weights)]
    outputs = [helper.make_tensor_value_info("frames", TensorProto.FLOAT, shape)]
    constants = [
        numpy_helper.from_array(weights[:, None], "weights"),
        numpy_helper.from_array(np.array([1]), "axis"),
    ]
    graph = helper.make_graph(nodes, "filters", inputs, outputs, constants)
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=9), path)


def test_an_onnx_file_is_a_teacher_as_documented(tmp_path):
    rng = np.random.default_rng(3)
    weights = rng.normal(0, 0.1, (7, HOP)).astype(np.float32)
    write_onnx(tmp_path / "model.onnx", weights)
    text = ONNX.replace("/data/model.onnx", str(tmp_path / "model.onnx"))
    teacher = PythonTeacher(write(tmp_path, text), "embed")
    assert (teacher.level, teacher.values) == ("frames", 7)
    clip = rng.integers(-9000, 9000, 100 * HOP).astype(np.int16)
    (rows,) = teacher.embed([clip])
    frames = np.maximum(clip.reshape(100, HOP) / 32768 @ weights.T, 0)
    middles = HOP * np.arange(100) + HOP / 2
    for number, row in enumerate(rows):
        begins = 2720 * number
        inside = (middles >= begins) & (middles < begins + 15600)  # 96 frames of 25 ms, 10 ms apart
        np.testing.assert_allclose(row, frames[inside].mean(0), atol=1e-5)
    assert len(rows) == count_windows(100 * HOP)


def test_a_callable_without_a_name_fails_with_a_sentence_too(tmp_path):
    text = "import functools\ndef g(a, samples, rate): raise ValueError(a)\n"
    path = write(tmp_path, text + "f = functools.partial(g, 'why')\n")
    with pytest.raises(UserError, match="teacher: f failed on clip of noise: ValueError: why"):
        PythonTeacher(path, "f")


def test_models_teacher_holds_the_file_in_the_savedmodels_place(tmp_path):
    write(tmp_path, DOCUMENTED)
    assert find_model(tmp_path).name == "teacher.py"
    assert load_teacher(tmp_path, "spectrum").values == 40
    assert find_model(tmp_path / "other").name == "saved_model"


@pytest.mark.parametrize(
    "text, function, message",
    [
        ("def f(samples): return 1", "f", "teacher: f failed on clip of noise: TypeError"),
        ("def f(samples, rate): return 3.0", "f", r"gave shape \[\] for clip of noise; expected"),
        ("def g(samples, rate): return [1]", "f", "teacher.output = 'f': .* has: g"),
        ("import nowhere", "f", "teacher.source = .* No module named 'nowhere'"),
    ],
)
def test_what_is_wrong_with_a_function_is_a_sentence(tmp_path, text, function, message):
    with pytest.raises(UserError, match=message):
        PythonTeacher(write(tmp_path, text), function)
