"""How fast a teacher is here: the SavedModel if one is at hand, the one that is trained here, or for TRILL a network of about its size."""

from pathlib import Path

import numpy as np

from frill import frontend
from frill.audio import SAMPLE_RATE_HZ
from frill.frontend import window_count
from frill.params import TRAINS, Teacher
from frill.planning.speed import Speeds, once_s

MADE = Path("models/teacher/saved_model")
CLIP_S = 5  # of the clips it is measured on
CLIPS = 4
TRILL_BYTES = 98_100_000  # model card of tfhub.dev/google/nonsemantic-speech-benchmark/frill/1, which compares with TRILL


def values(teacher: Teacher) -> int | None:
    """Values of the output that is distilled, where they are known before the teacher is loaded: TRILL's, and of the teacher trained here."""
    return {"layer19": 12_288, "embedding": 512}.get(teacher.output) if teacher.source == TRAINS or "/trill/" in teacher.source else None


def measure(speeds: Speeds, teacher: Teacher) -> None:
    """Fills in the teacher's part of `speeds`."""
    folder = MADE if teacher.source == TRAINS else Path(teacher.source)
    if (folder / "saved_model.pb").is_file():
        _saved_model(speeds, folder, teacher.output)
    elif teacher.source == TRAINS:
        from frill.teacher import network

        model = network.build()
        speeds.teacher_bytes = 2 * 4 * model.count_params()  # the SavedModel and its .tflite
        _network(speeds, model, lambda windows: windows)
        speeds.teacher_note = "the teacher is not trained yet: its network was measured with random weights"
    else:
        import tensorflow as tf
        import tf_keras as keras

        shape = (frontend.WINDOW_FRAMES, frontend.MEL_BANDS, 3)
        _network(speeds, keras.applications.ResNet50(include_top=False, weights=None, input_shape=shape), lambda x: tf.repeat(x, 3, axis=-1))
        speeds.teacher_bytes = 2 * TRILL_BYTES if "/trill/" in teacher.source else None
        speeds.teacher_note = f"{teacher.source} is not at hand and was not measured: a ResNet-50, about TRILL's size, was in its place"
    speeds.teacher_values = speeds.teacher_values or values(teacher)


def _saved_model(speeds: Speeds, folder: Path, output: str) -> None:
    from frill.teacher.saved_model import Teacher as Loaded

    loaded = Loaded(folder, output)
    clips = [np.zeros(CLIP_S * SAMPLE_RATE_HZ, np.int16)] * CLIPS
    seconds = once_s(lambda: list(loaded.embed(clips)))
    speeds.teacher_window_s = seconds / (CLIPS * window_count(CLIP_S * SAMPLE_RATE_HZ))
    speeds.teacher_values = loaded.values
    speeds.teacher_bytes = 2 * sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    speeds.teacher_note = f"the teacher was measured: {folder}"


def _network(speeds: Speeds, model, adapt) -> None:
    """A Keras model of windows behind the frontend that every SavedModel has."""
    import tensorflow as tf

    from frill import frontend_tf

    @tf.function
    def run(samples):
        windows = frontend_tf.windows(samples)
        return model(adapt(tf.reshape(windows, [-1, frontend.WINDOW_FRAMES, frontend.MEL_BANDS, 1])), training=False)

    samples = tf.random.stateless_uniform([CLIPS, CLIP_S * SAMPLE_RATE_HZ], [1, 2], -0.3, 0.3)
    seconds = once_s(lambda: run(samples))
    speeds.teacher_window_s = seconds / (CLIPS * window_count(CLIP_S * SAMPLE_RATE_HZ))
