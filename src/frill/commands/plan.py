"""Print what a run would take, stage by stage: audio, windows, disk, and time by what earlier runs
took (logs/stages.jsonl).
"""

from argparse import ArgumentParser
from pathlib import Path


def add_arguments(parser: ArgumentParser) -> None:
    preset = (
        "plan presets/PRESET.yaml instead of params.yaml; "
        "what its unset $NAMEs would name is taken as published"
    )
    parser.add_argument("--preset", help=preset)
    out = "write the plan to this file"
    parser.add_argument("--json", dest="out", metavar="JSON", type=Path, help=out)


def run(preset: str | None, out: Path | None) -> int:
    from frill.planning import plan

    print(plan.write_plan(preset, out))
    return 0
