"""Run every stage that is not up to date, as many at once as cores and memory allow, then show the
frontier and the selection.
"""

from argparse import ArgumentParser

from frill.commands import check, show


def add_arguments(parser: ArgumentParser) -> None:
    preset = "run presets/PRESET.yaml in its own worktree instead of params.yaml"
    parser.add_argument("--preset", help=preset)
    jobs = "stages at once, at most; without it as many as cores / `threads` and memory allow"
    parser.add_argument("--jobs", type=int, help=jobs)
    address = "train, convert and score on this Ray cluster (HOST:PORT; auto: this machine's)"
    parser.add_argument("--address", help=address)


def run(preset: str | None, jobs: int | None, address: str | None) -> int:
    from frill.repro.run import check_jobs

    check_jobs(jobs)
    if preset:
        from frill.workflow import presets

        options = []
        if jobs is not None:
            options += ["--jobs", str(jobs)]
        if address:
            options += ["--address", address]
        return presets.run(preset, *options)
    from frill.report import terminal
    from frill.repro.run import run as run_stages
    from frill.workflow import stage
    from frill.workflow.verify import mend_after_a_kill

    check.run()
    mend_after_a_kill()
    ran_before = len(stage.read_log())
    ended = run_stages(jobs, _prepare_cluster(address, jobs) if address else None)
    times = terminal.format_stage_times(ran_before)
    print(f"\nTime and peak memory of the stages that ran\n{times}\n")
    failed = not all(each.succeeded for each in ended)
    return 1 if failed else show.run()


def _prepare_cluster(address: str, jobs: int | None):
    from functools import partial

    from frill.sweep.cluster import prepare

    return partial(prepare, address, jobs)
