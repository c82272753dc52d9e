"""Trains one student. Its axes are arguments, so that DVC sees a change of any of them: distill.py NAME --backbone small ..."""

import argparse
from pathlib import Path

from frill import params, tensorflow_setup
from frill.stage import stage

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("name")
for axis in ("backbone", "width", "pooling", "rank", "qat"):
    parser.add_argument(f"--{axis}", required=True)
name = (arguments := vars(parser.parse_args())).pop("name")

with stage(f"distill@{name}"):
    settings = params.load()
    tensorflow_setup.set_up(settings.threads, settings.seed)
    from frill.distill import Distillation
    from frill.students.build import StudentSpec

    spec = StudentSpec.parse(**arguments, bottleneck=settings.distill.bottleneck)
    training = Distillation(spec, settings.distill, Path("data/targets"), settings.seed, Path("scratch"))
    training.run(name)
    summary = training.save(Path("models/students", name))
    print(f"{name}: {summary['status']}, R2 {summary['validation_r2']:.3f}, {summary['parameters'] / 1e6:.2f} M parameters")
