"""What students are compared with: the teacher, log-mel statistics and random weights."""

from functools import cache
from pathlib import Path

import numpy as np

from frill.audio.clips import ClipStore
from frill.noss import embed
from frill.noss.evaluate import Embed
from frill.params.schema import TEACHER, Params
from frill.scratch import content_hash, text_hash
from frill.teacher.load import find_model, load_teacher

TEACHER_FOLDER = Path("models/teacher")
CONTROL = Path("models/controls/random_weights.tflite")


def make_references(params: Params) -> dict[str, Embed]:
    """Return by name the functions that give a task's clip embeddings."""
    pooling = params.noss.pooling
    teacher_hash = text_hash(content_hash(find_model(TEACHER_FOLDER)), params.teacher.output)

    @cache
    def load_model():
        """Load it only if something is to be embedded: a changed probe needs no TensorFlow."""
        from frill import tensorflow_setup

        tensorflow_setup.set_up(params.threads, params.seed, params.onednn)
        return load_teacher(TEACHER_FOLDER, params.teacher.output)

    def embed_teacher(store: ClipStore) -> np.ndarray:
        return embed.embed_calls(
            lambda clips: load_model().embed(clips),
            teacher_hash,
            "frill.teacher.load",
            store,
            pooling,
        )

    return {
        TEACHER: embed_teacher,
        "logmel_stats": embed.embed_log_mels,
        "random_weights": lambda store: embed.embed_tflite(CONTROL, store, pooling),
    }
