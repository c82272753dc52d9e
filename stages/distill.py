"""distill.py NAME: trains one student."""

import sys
from pathlib import Path

from frill import tensorflow_setup
from frill.params.load import load_params
from frill.workflow.stage import stage

name = sys.argv[1]
with stage(f"distill@{name}"):
    settings = load_params()
    gpus, replicas = settings.sweep.resources.distill.gpus, settings.distill.replicas
    tensorflow_setup.set_up(settings.threads, settings.seed, settings.onednn, gpus, replicas)
    print(f"{name}: computes on {tensorflow_setup.describe_devices()}", flush=True)
    from frill.students.build import StudentSpec
    from frill.students.distill import distill

    student = settings.students[name]
    others = [other for each, other in settings.students.items() if each != name]
    summary = distill(
        StudentSpec.from_params(student, settings.distill.bottleneck),
        settings.distill,
        Path("data/targets"),
        range(settings.seed, settings.seed + student.seeds),
        Path("scratch/checkpoints"),
        Path("models/students", name),
        name,
        keep_start=any(student.begins(other) for other in others),
    )
    trainings = [summary, *summary["repeats"]]
    r2 = ", ".join(f"{training['validation_r2']:.3f}" for training in trainings)
    parameters = f"{summary['parameters'] / 1e6:.2f} M parameters"
    print(f"{name}: {summary['status']}, R2 {r2}, {parameters}")
