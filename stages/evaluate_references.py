"""Scores what students are compared with: the teacher and the two controls (log-mel statistics, random weights)."""

from functools import cache
from pathlib import Path

from frill.noss import embed, evaluate
from frill.params.load import load_params
from frill.params.schema import TEACHER
from frill.scratch import content_hash, text_hash
from frill.workflow.stage import stage

with stage("evaluate_references"):
    settings = load_params()
    output, pooling, threads = settings.teacher.output, settings.noss.pooling, settings.threads
    saved_model, control = (
        Path("models/teacher/saved_model"),
        Path("models/controls/random_weights.tflite"),
    )

    @cache
    def teacher():
        """Loaded only where something is to be embedded: a changed probe needs no TensorFlow."""
        from frill import tensorflow_setup

        tensorflow_setup.set_up(threads, settings.seed)
        from frill.teacher.saved_model import Teacher

        return Teacher(saved_model, output)

    teacher_hash = text_hash(content_hash(saved_model), output)
    references = {
        TEACHER: lambda store: embed.embed_calls(
            lambda clips: teacher().embed(clips),
            teacher_hash,
            "frill.teacher.saved_model",
            store,
            pooling,
        ),
        "logmel_stats": lambda store: embed.log_mel_statistics(store, threads),
        "random_weights": lambda store: embed.embed_tflite(control, store, pooling, threads),
    }
    for name, embedding in references.items():
        result = evaluate.score(embedding, name, settings)
        evaluate.write(result, Path("results/noss"))
        print(evaluate.line(name, result))
