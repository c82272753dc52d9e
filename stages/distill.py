"""distill.py NAME --backbone small ...: trains one student.

Its axes are arguments, so that DVC sees a change of any of them.
"""

import argparse
from pathlib import Path

from frill import tensorflow_setup
from frill.params.load import load_params
from frill.workflow.stage import stage

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("name")
for axis in ("backbone", "width", "pooling", "rank", "qat"):
    parser.add_argument(f"--{axis}", required=True)
parser.add_argument("--seeds", type=int, required=True)
axes = vars(parser.parse_args())
name = axes.pop("name")
seeds = axes.pop("seeds")

with stage(f"distill@{name}"):
    settings = load_params()
    tensorflow_setup.set_up(settings.threads, settings.seed, settings.onednn)
    from frill.students.build import StudentSpec
    from frill.students.distill import distill

    summary = distill(
        StudentSpec.parse(**axes, bottleneck=settings.distill.bottleneck),
        settings.distill,
        Path("data/targets"),
        range(settings.seed, settings.seed + seeds),
        Path("scratch"),
        Path("models/students", name),
        name,
    )
    trainings = [summary, *summary["repeats"]]
    r2 = ", ".join(f"{training['validation_r2']:.3f}" for training in trainings)
    parameters = f"{summary['parameters'] / 1e6:.2f} M parameters"
    print(f"{name}: {summary['status']}, R2 {r2}, {parameters}")
