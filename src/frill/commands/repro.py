"""Check, run `dvc repro --keep-going`, then show the time of every stage, the frontier and the
selection.
"""

import os
import sys
from argparse import ArgumentParser
from pathlib import Path

from frill.commands import check, show


def add_arguments(parser: ArgumentParser) -> None:
    preset = "run presets/PRESET.yaml in its own worktree instead of params.yaml"
    parser.add_argument("--preset", help=preset)


def run(preset: str | None) -> int:
    from frill.workflow import presets, stage, subcommand
    from frill.workflow.verify import mend_after_a_kill

    if preset:
        return presets.run(preset)
    check.run()
    mend_after_a_kill()
    ran_before = len(stage.read_log())
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PYTHONPATH": str(Path("src").resolve()), "PATH": path}
    repro = [sys.executable, "-m", "dvc", "repro", "--keep-going"]
    # An interrupted stage is a failed one to DVC, which would go on with the next.
    code = subcommand.call(repro, kill=True, env=environment)
    from frill.report import terminal

    times = terminal.format_stage_times(ran_before)
    print(f"\nTime and peak memory of the stages that ran\n{times}\n")
    return show.run() or code if code == 0 else 1
