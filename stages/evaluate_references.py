"""Scores what students are compared with: the teacher and the two controls (log-mel statistics, random weights)."""

from pathlib import Path

from frill import params, tensorflow_setup
from frill.noss import embed, run
from frill.stage import stage

with stage("evaluate_references"):
    settings = params.load()
    tensorflow_setup.set_up(settings.threads, settings.seed)
    from frill.teacher.saved_model import Teacher

    output, pooling, threads = settings.teacher.output, settings.noss.pooling, settings.threads
    saved_model, control = Path("models/teacher/saved_model"), Path("models/controls/random_weights.tflite")
    teacher, teacher_hash = Teacher(saved_model, output), embed.folder_hash(saved_model, output)
    references = {
        params.TEACHER: lambda store: embed.embed_calls(teacher.embed, teacher_hash, store, pooling),
        "logmel_stats": lambda store: embed.log_mel_statistics(store, threads),
        "random_weights": lambda store: embed.embed_tflite(control, store, pooling, threads),
    }
    for name, embedding in references.items():
        result = run.score(embedding, name, settings)
        run.write(result, Path("results/noss"))
        print(run.line(name, result))
