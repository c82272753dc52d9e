"""Scores what students are compared with: the teacher, log-mel statistics and random weights."""

from functools import cache
from pathlib import Path

import numpy as np

from frill.audio.clips import ClipStore
from frill.noss import embed, evaluate, results
from frill.params.load import load_params
from frill.params.schema import TEACHER
from frill.scratch import content_hash, text_hash
from frill.workflow.stage import stage

SAVED_MODEL = Path("models/teacher/saved_model")
CONTROL = Path("models/controls/random_weights.tflite")

with stage("evaluate_references"):
    settings = load_params()
    output, pooling, threads = settings.teacher.output, settings.noss.pooling, settings.threads
    teacher_hash = text_hash(content_hash(SAVED_MODEL), output)

    @cache
    def load_teacher():
        """Load it only if something is to be embedded: a changed probe needs no TensorFlow."""
        from frill import tensorflow_setup

        tensorflow_setup.set_up(threads, settings.seed)
        from frill.teacher.saved_model import Teacher

        return Teacher(SAVED_MODEL, output)

    def embed_teacher(store: ClipStore) -> np.ndarray:
        return embed.embed_calls(
            lambda clips: load_teacher().embed(clips),
            teacher_hash,
            "frill.teacher.saved_model",
            store,
            pooling,
        )

    references = {
        TEACHER: embed_teacher,
        "logmel_stats": lambda store: embed.embed_log_mels(store, threads),
        "random_weights": lambda store: embed.embed_tflite(CONTROL, store, pooling, threads),
    }
    for name, embed_task in references.items():
        scores = evaluate.score(embed_task, name, settings)
        results.write_scores(scores, Path(f"results/noss/{name}.json"))
        print(evaluate.describe(scores))
