"""The head behind a model's operations: what numpy makes of the same embeddings and weights."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from examples import speechlike
from scipy.special import softmax

from frill.head.graph import append_head


def run(model: bytes, samples: np.ndarray) -> list[np.ndarray]:
    interpreter = Interpreter(model_content=model)
    (entry,) = interpreter.get_input_details()
    interpreter.resize_tensor_input(entry["index"], [1, len(samples)])
    interpreter.allocate_tensors()
    interpreter.set_tensor(entry["index"], samples[None])
    interpreter.invoke()
    return [interpreter.get_tensor(each["index"]) for each in interpreter.get_output_details()]


def draw_head(classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(classes)
    return rng.normal(0, 0.5, (24, classes)), rng.normal(0, 1, classes)


@pytest.mark.parametrize("classes", [2, 100])
@pytest.mark.parametrize("samples", [7000, 40000])
def test_windows_and_clip_are_softmaxes_of_the_embeddings(source, classes, samples):
    weights, bias = draw_head(classes)
    audio = speechlike(samples) / np.float32(32767)
    (rows,) = run(source.any_length, audio)
    scores = rows @ weights + bias
    windows, clip = run(append_head(source.any_length, weights, bias, 2.0, 3.0), audio)
    np.testing.assert_allclose(windows, softmax(scores / 2, axis=1), atol=1e-5)
    np.testing.assert_allclose(clip, softmax(scores.mean(axis=0) / 3)[None], atol=1e-5)


@pytest.mark.parametrize("classes", [2, 100])
def test_the_file_of_one_second_has_one_row_of_fixed_shape(source, classes):
    weights, bias = draw_head(classes)
    audio = speechlike(16000) / np.float32(32767)
    (row,) = run(source.second, audio)
    model = append_head(source.second, weights, bias, 2.0)
    (windows,) = run(model, audio)
    np.testing.assert_allclose(windows, softmax((row @ weights + bias) / 2, axis=1), atol=1e-5)
    (output,) = Interpreter(model_content=model).get_output_details()
    assert output["shape_signature"].tolist() == [1, classes]


def test_outputs_have_names_in_the_signature(source):
    weights, bias = draw_head(3)
    interpreter = Interpreter(model_content=append_head(source.any_length, weights, bias, 1.0, 1.0))
    (signature,) = interpreter.get_signature_list().values()
    assert sorted(signature["outputs"]) == ["clip", "windows"]
    assert signature["inputs"] == ["samples"]


def test_the_models_own_operations_stay(source):
    def names(model: bytes) -> list[str]:
        interpreter = Interpreter(model_content=model)
        operations = [each["op_name"] for each in interpreter._get_ops_details()]
        return [name for name in operations if name != "DELEGATE"]

    before = names(source.any_length)
    after = names(append_head(source.any_length, *draw_head(2), 1.0, 1.0))
    added = ["FULLY_CONNECTED", "SOFTMAX", "MEAN", "MUL", "SOFTMAX"]
    assert after == before + added
