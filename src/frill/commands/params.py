"""Print params.yaml as a preset makes it: the whole, with grids of students written out."""

import sys
from argparse import ArgumentParser


def add_arguments(parser: ArgumentParser) -> None:
    preset = "presets/PRESET.yaml; a $NAME in it that is not set stays"
    parser.add_argument("--preset", required=True, help=preset)


def run(preset: str) -> int:
    from frill.workflow import overlay, presets

    overlay.dump(overlay.read(presets.find(preset), strict=False), sys.stdout)
    return 0
