"""Trains one student. Its axes are arguments, so that DVC sees a change of any of them: distill.py NAME --backbone small ..."""

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
name = (arguments := vars(parser.parse_args())).pop("name")

with stage(f"distill@{name}"):
    settings = load_params()
    tensorflow_setup.set_up(settings.threads, settings.seed)
    from frill.students.build import StudentSpec
    from frill.students.distill import distill

    seeds = range(settings.seed, settings.seed + arguments.pop("seeds"))
    spec = StudentSpec.parse(**arguments, bottleneck=settings.distill.bottleneck)
    summary = distill(
        spec,
        settings.distill,
        Path("data/targets"),
        seeds,
        Path("scratch"),
        Path("models/students", name),
        name,
    )
    r2 = [training["validation_r2"] for training in (summary, *summary["repeats"])]
    print(
        f"{name}: {summary['status']}, R2 {', '.join(f'{value:.3f}' for value in r2)}, {summary['parameters'] / 1e6:.2f} M parameters"
    )
