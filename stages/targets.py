"""The teacher's outputs on windows of the corpora, projected: data/targets."""

from pathlib import Path

from threadpoolctl import threadpool_limits

from frill import tensorflow_setup
from frill.params.load import load_params
from frill.workflow.stage import stage

with stage("targets"):
    settings = load_params()
    gpus = settings.sweep.resources.others.gpus
    tensorflow_setup.set_up(settings.threads, settings.seed, settings.onednn, gpus)
    print(f"targets: computes on {tensorflow_setup.describe_devices()}", flush=True)
    from frill.targets.make import make_targets
    from frill.teacher.load import load_teacher

    teacher = load_teacher(Path("models/teacher"), settings.teacher.output)
    if teacher.hears_outside:
        print("targets: rows depend on audio outside of their windows: whole clips are heard")
    corpora = [Path("data/corpus", name) for name in settings.audio.list_sets("corpus")]
    out = Path("data/targets")
    # Without a limit the projection would depend on the machine's cores.
    with threadpool_limits(settings.threads, "blas"):
        summary = make_targets(corpora, teacher, settings.targets, settings.seed, out)
    kept, of = summary["target_values"], summary["teacher_values"]
    variance = f"{kept} of {of} values keep {summary['kept_variance']:.1%} of validation's variance"
    training, validation = (summary["windows"][split] for split in ("train", "validation"))
    print(f"targets: {training} windows for training, {validation} for validation; {variance}")
