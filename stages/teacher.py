"""The teacher as a SavedModel in models/teacher: trained on the corpora, or taken from where teacher.source says."""

from pathlib import Path

from frill import tensorflow_setup
from frill.params.load import load_params
from frill.workflow.stage import stage

with stage("teacher"):
    settings = load_params()
    tensorflow_setup.set_up(settings.threads, settings.seed)
    from frill.teacher import make

    summary = make.make_teacher(
        settings.teacher, Path("data/corpus"), Path("models/teacher"), settings.seed
    )
    print(
        f"teacher: {summary['output']} has {summary['values']} values; TFLite: {summary['tflite']}"
    )
