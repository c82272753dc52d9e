"""Train, convert and score students in parallel on a Ray cluster, those that are not up to date;
repro then does the rest.
"""

from argparse import ArgumentParser


def add_arguments(parser: ArgumentParser) -> None:
    preset = "run presets/PRESET.yaml in its own worktree instead of params.yaml"
    parser.add_argument("--preset", help=preset)
    address = "of a Ray cluster; auto: this machine's. Without it this machine alone"
    parser.add_argument("--address", help=address)
    jobs = "stages at once, at most; without it as many as the cluster has room for"
    parser.add_argument("--jobs", type=int, help=jobs)


def run(preset: str | None, address: str | None, jobs: int | None) -> int:
    if preset:
        from frill.workflow import presets

        options = []
        if address:
            options += ["--address", address]
        if jobs is not None:
            options += ["--jobs", str(jobs)]
        return presets.run(preset, "sweep", *options)
    from frill.sweep import sweep
    from frill.workflow.verify import mend_after_a_kill

    mend_after_a_kill()
    return sweep.run(address, jobs)
