"""The teacher in models/teacher: trained on the corpora, or taken from teacher.source."""

from pathlib import Path

from frill import tensorflow_setup
from frill.params.load import load_params
from frill.workflow.stage import stage

with stage("teacher"):
    settings = load_params()
    gpus = settings.sweep.resources.others.gpus
    tensorflow_setup.set_up(settings.threads, settings.seed, settings.onednn, gpus)
    print(f"teacher: computes on {tensorflow_setup.describe_devices()}", flush=True)
    from frill.teacher.make import make_teacher

    corpus, out = Path("data/corpus"), Path("models/teacher")
    summary = make_teacher(settings.teacher, corpus, out, settings.seed)
    output, values = summary["output"], summary["values"]
    print(f"teacher: {output} has {values} values; TFLite: {summary['tflite']}")
    for column, classes in summary.get("label_classes", {}).items():
        print(f"teacher: supervised by {classes} classes of the corpora's column {column}")
