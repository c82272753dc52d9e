"""A finished model under HEAR's common API, whose tools are given the module name `frill.hear`.

HEAR 2021: https://hearbenchmark.com/hear-api.html

hear-validator frill.hear --model release/frill_nofrontend.tflite

audio        [n_sounds, n_samples]         float in [-1, 1], 16 kHz mono
scene        [n_sounds, D]                 float32, the mean over the windows, as NOSS does
embeddings   [n_sounds, n_timestamps, D]   float32, one window every 170 ms
timestamps   [n_sounds, n_timestamps]      float32, the windows' centres in ms

Audio is a numpy array, a torch tensor or a TensorFlow tensor; the result is of the same kind. This
module imports neither framework: a tensor's framework is in memory already. HEAR suggests 50 ms
between timestamps at most; students are trained and timed with 170 ms.
"""

import sys
from pathlib import Path

import numpy as np

from frill.audio.frontend import WINDOW_HOP_SAMPLES, WINDOW_SAMPLES
from frill.audio.waveform import SAMPLE_RATE_HZ
from frill.embed.embedder import Embedder

DEFAULT_MODEL = Path("release/frill_nofrontend.tflite")
HOP_MS = 1000 * WINDOW_HOP_SAMPLES / SAMPLE_RATE_HZ
HALF_WINDOW_SAMPLES = WINDOW_SAMPLES // 2


class Model:
    """An `Embedder` with the attributes that HEAR asks for."""

    sample_rate = SAMPLE_RATE_HZ  # Hz

    def __init__(self, path: Path):
        super().__init__()
        self.embedder = Embedder(path)
        self.scene_embedding_size = self.embedder.values
        self.timestamp_embedding_size = self.embedder.values


def load_model(model_file_path: str = "") -> Model:
    """Return the model of a .tflite file, by default the release of the working directory.

    It is a tf.Module if TensorFlow is imported by now, else a torch.nn.Module if torch is: HEAR's
    tools import both first and take no other. Raises ValueError for a file that cannot be used, and
    FileNotFoundError.
    """
    path = Path(model_file_path or DEFAULT_MODEL).absolute()
    return type("Model", (Model, _module_class()), {})(path)


def get_scene_embeddings(audio, model: Model):
    """Return float32 [n_sounds, D] of audio [n_sounds, n_samples].

    Raises ValueError for audio of another rank or dtype, empty or not finite.
    """
    scenes = [model.embedder.embed(sound).mean(axis=0) for sound in _check_audio(audio)]
    return _convert_like(audio, np.stack(scenes))


def get_timestamp_embeddings(audio, model: Model):
    """Return embeddings and timestamps (as above) of audio [n_sounds, n_samples].

    n_timestamps = n_samples // 2720 + 1: one at 0 ms, the last less than 170 ms before the end.
    Raises ValueError as get_scene_embeddings does.
    """
    sounds = _check_audio(audio)
    # Half a window of silence at either end, as HEAR's baseline has, puts centres from the first
    # sample to the last hop. Windows inside the audio would leave out 0.49 s there, and the
    # validator refuses audio whose last two hops have no timestamp.
    #   |--- 7800 zeros ---|------- audio -------|--- 7800 zeros ---|
    #   |-------- window 0 at 0 ms --------|
    #         |------- window 1 at 170 ms -------|
    padded = np.pad(sounds, ((0, 0), (HALF_WINDOW_SAMPLES, HALF_WINDOW_SAMPLES)))
    embeddings = np.stack([model.embedder.embed(sound) for sound in padded])
    centres_ms = np.arange(embeddings.shape[1], dtype=np.float32) * np.float32(HOP_MS)
    timestamps = np.tile(centres_ms, (len(sounds), 1))
    return _convert_like(audio, embeddings), _convert_like(audio, timestamps)


def _module_class() -> type:
    if tensorflow := sys.modules.get("tensorflow"):
        return tensorflow.Module
    if torch := sys.modules.get("torch"):
        return torch.nn.Module
    return object


def _check_audio(audio) -> np.ndarray:
    """Return any kind of audio as float32 [n_sounds, n_samples]. Raises ValueError."""
    if _is_torch(audio):
        audio = audio.detach().cpu()
        if audio.is_floating_point():
            audio = audio.float()  # numpy has no bfloat16
    audio = np.asarray(audio)
    if audio.ndim != 2 or not audio.size:
        raise ValueError(
            f"audio has shape {list(audio.shape)}; "
            "expected [n_sounds, n_samples], neither of them 0"
        )
    if not np.issubdtype(audio.dtype, np.floating):
        raise ValueError(
            f"audio has dtype {audio.dtype}; expected float in [-1, 1] (int16 is divided by 32767)"
        )
    return audio.astype(np.float32, copy=False)


def _convert_like(audio, values: np.ndarray):
    """Return `values` as the kind of array or tensor that `audio` is, on its device."""
    if _is_torch(audio):
        return sys.modules["torch"].from_numpy(values).to(audio.device)
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow and tensorflow.is_tensor(audio):
        return tensorflow.convert_to_tensor(values)
    return values


def _is_torch(audio) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(audio, torch.Tensor)
