"""Other models in the table: what `baselines` in params.yaml names is scored as students are.

kind saved_model   `source` is a folder with TRILL's calling convention, `output` the key of what it
                   returns
kind tflite        `source` is a file that takes windows [1, 96, 64, 1], or samples [1, T] of any
                   length, and gives [windows, D]; or of one length, and gives [D] of them
kind python        `source` is a .py file, `output` a function in it: (samples float32 [T],
                   sample_rate_hz) -> [time, D] or [D]. DVC and the cache do not see what the file
                   loads itself (modules beside it, weights): touch the file when that changes
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from frill.audio.clips import ClipStore
from frill.audio.frontend import WINDOW_HOP_SAMPLES, WINDOW_SAMPLES, count_windows, pad
from frill.audio.waveform import SAMPLE_RATE_HZ, to_float
from frill.errors import UserError
from frill.noss.embed import embed_calls, embed_tflite
from frill.noss.evaluate import Embed
from frill.params.schema import Baseline, Params
from frill.scratch import content_hash, text_hash
from frill.user_function import load_function

EmbedClips = Callable[[Iterable[np.ndarray]], Iterator[np.ndarray]]  # int16 [T] -> [time, D] each


def load(name: str, params: Params) -> Embed:
    """Return a function that gives a task's clip embeddings.

    Raises UserError for a baseline that cannot be loaded or called.
    """
    spec = params.baselines[name]
    source = Path(spec.source)
    pooling = params.noss.pooling
    if spec.kind == "tflite" and takes_windows(name, source):
        return lambda store: embed_tflite(source, store, pooling)
    model_hash = text_hash(content_hash(source), spec.kind, str(spec.output))

    @cache  # loaded only if something is to be embedded: TensorFlow takes seconds
    def load_model() -> EmbedClips:
        return LOADERS[spec.kind](name, spec)

    def embed(store: ClipStore) -> np.ndarray:
        return embed_calls(lambda clips: load_model()(clips), model_hash, __name__, store, pooling)

    return embed


def takes_windows(name: str, path: Path) -> bool:
    """Tell whether a .tflite file takes log-mel windows; otherwise it takes samples.

    Raises UserError where LiteRT cannot run it, or where it takes something else.
    """
    key = f"baselines.{name}.source = {str(path)!r}"
    try:
        interpreter = Interpreter(model_path=str(path))
        inputs = interpreter.get_input_details()
        if inputs[0]["shape_signature"].tolist() in ([-1], [1, -1]):
            shape = [*inputs[0]["shape"][:-1], SAMPLE_RATE_HZ]  # a second of samples
            interpreter.resize_tensor_input(inputs[0]["index"], shape)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        if "Flex" in reason:
            reason = "it needs TensorFlow's own operators (Flex), which LiteRT has not"
        raise UserError(
            f"{key}: LiteRT cannot run it ({reason}); give another .tflite file"
        ) from None
    shape = inputs[0]["shape"].tolist()
    signature = inputs[0]["shape_signature"].tolist()
    is_usable = len(inputs) == 1 and inputs[0]["dtype"] == np.float32
    if is_usable and shape == [1, 96, 64, 1] and signature[1:] == shape[1:]:
        return True
    if is_usable and (len(shape) == 1 or (len(shape) == 2 and shape[0] == 1)):
        return False
    taken = ", ".join(f"{each['dtype'].__name__} {each['shape_signature']}" for each in inputs)
    raise UserError(
        f"{key}: takes {taken}; expected float32 windows [1, 96, 64, 1] or samples [1, T]"
    )


def _load_saved_model(name: str, spec: Baseline) -> EmbedClips:
    from frill.teacher.saved_model import Teacher, TeacherError

    try:
        return Teacher(Path(spec.source), spec.output).embed
    except TeacherError as error:
        raise UserError(str(error).replace("teacher.", f"baselines.{name}.")) from None


def _load_tflite(name: str, spec: Baseline) -> EmbedClips:
    model = _SamplesModel(Path(spec.source))
    return lambda clips: (model(to_float(samples)) for samples in clips)


def _load_python(name: str, spec: Baseline) -> EmbedClips:
    function = load_function(Path(spec.source), spec.output, f"baselines.{name}")

    def embed(clips: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for number, samples in enumerate(clips):
            yield np.atleast_2d(function(to_float(samples), SAMPLE_RATE_HZ, number))

    return embed


LOADERS: dict[str, Callable[[str, Baseline], EmbedClips]] = {
    "saved_model": _load_saved_model,
    "tflite": _load_tflite,
    "python": _load_python,
}


class _SamplesModel:
    """A .tflite file with its frontend inside: samples float32 [T] -> [windows, D].

    One of a fixed length of samples, such as YAMNet's 15,600, is called once a window, on the
    samples around the window's middle.
    """

    def __init__(self, path: Path):
        self._interpreter = Interpreter(model_path=str(path))
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        fixed = self._input["shape_signature"][-1]
        self._fixed_samples = int(fixed) if fixed > 1 else None

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        samples = pad(samples)
        if self._fixed_samples is None:
            return self._call(samples)
        before = self._fixed_samples // 2
        around = np.pad(samples, (before, self._fixed_samples))
        middles = WINDOW_HOP_SAMPLES * np.arange(count_windows(len(samples))) + WINDOW_SAMPLES // 2
        parts = (around[middle : middle + self._fixed_samples] for middle in middles)
        return np.concatenate([self._call(part) for part in parts])

    def _call(self, samples: np.ndarray) -> np.ndarray:
        shape = [len(samples)] if len(self._input["shape"]) == 1 else [1, len(samples)]
        self._interpreter.resize_tensor_input(self._input["index"], shape)
        self._interpreter.allocate_tensors()
        self._interpreter.set_tensor(self._input["index"], samples.reshape(shape))
        self._interpreter.invoke()
        rows = self._interpreter.get_tensor(self._output["index"])
        return rows.reshape(-1, rows.shape[-1])
