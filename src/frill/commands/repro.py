"""check, then `dvc repro --keep-going`, then the frontier, the selection and the time of every
stage.
"""

import os
import sys
from argparse import ArgumentParser
from pathlib import Path

from frill.commands import check, show


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--preset", help="run presets/PRESET.yaml in its own worktree instead of params.yaml"
    )


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
    # An interrupted stage is a failed one to DVC, which would go on with the next.
    code = subcommand.call(
        [sys.executable, "-m", "dvc", "repro", "--keep-going"], kill=True, env=environment
    )
    from frill.report import terminal

    print(f"\nTime and peak memory of the stages that ran\n{terminal.format_stage_times(ran_before)}\n")
    return show.run() or code if code == 0 else 1
